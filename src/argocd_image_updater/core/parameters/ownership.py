"""Which entries of a source belong to the configured images.

The override file in Git holds these entries and no others: what somebody set by hand in the
cluster does not leak into a repository. Also finds images that get into each other's way.
Rules: ``tests/vectors/data/argocd_source_file.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.parameters.helm import parameter_names
from argocd_image_updater.core.parameters.kustomize import kustomize_targets
from argocd_image_updater.core.parameters.plugin import variable_names
from argocd_image_updater.core.settings import ApplicationType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.core.application import EnvEntry, HelmParameter, Source
    from argocd_image_updater.core.settings import ImageSettings


def managed_helm(source: Source, images: Iterable[ImageSettings]) -> tuple[HelmParameter, ...]:
    """Return the Helm parameters of `source` that belong to `images`, in their order."""
    names = {name for image in images for name in parameter_names(image.target)}
    return tuple(entry for entry in source.helm_parameters or () if entry.name in names)


def managed_kustomize(source: Source, images: Iterable[ImageSettings]) -> tuple[str, ...]:
    """Return the overrides of `source` that belong to `images`, in their order."""
    overrides = source.kustomize_images or ()
    ours = {
        index
        for image in images
        for index in kustomize_targets(
            overrides, image=image.reference, kustomize_name=image.target.kustomize_name
        )
    }
    return tuple(text for index, text in enumerate(overrides) if index in ours)


def managed_plugin(source: Source, images: Iterable[ImageSettings]) -> tuple[EnvEntry, ...]:
    """Return the plugin variables of `source` that belong to `images`, in their order."""
    names = {name for image in images for name in variable_names(image.target)}
    return tuple(entry for entry in source.plugin_env or () if entry.name in names)


def shared_names(
    images: Iterable[ImageSettings], *, application_type: ApplicationType
) -> tuple[str, ...]:
    """Return a warning for each parameter or variable that more than one value is written to."""
    if application_type in {ApplicationType.KUSTOMIZE, ApplicationType.MANIFEST}:
        return ()
    writers: dict[str, list[str]] = {}
    for image in images:
        plugin = application_type is ApplicationType.PLUGIN or variable_names(image.target)
        names = variable_names(image.target) if plugin else parameter_names(image.target)
        for name in names:
            writers.setdefault(name, []).append(image.alias or image.reference.full_name)
    return tuple(
        f"{name!r} is written by more than one setting ({', '.join(owners)}); the last one wins"
        for name, owners in writers.items()
        if len(owners) > 1
    )
