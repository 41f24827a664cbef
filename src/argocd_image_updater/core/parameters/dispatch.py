"""Choose the way an image is put into a source, and do it.

An image with a plugin variable goes the plugin way, every other image the way of its Application's
type. A target that does not fit is an error of the image, whether or not an update is due: nothing
is passed over silently, and nothing is counted that writes nothing.
Rules: ``tests/vectors/data/set_helm_image.json``, ``set_kustomize_image.json``,
``set_plugin_image.json`` and ``get_current_from_params.json``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.parameters.helm import get_helm, helm_already_set, set_helm
from argocd_image_updater.core.parameters.kustomize import (
    get_kustomize,
    kustomize_already_set,
    set_kustomize,
)
from argocd_image_updater.core.parameters.plugin import (
    get_plugin,
    plugin_already_set,
    set_plugin,
    variable_names,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import with_tag
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import PLUGIN
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, Source, SourceRef
    from argocd_image_updater.core.reference import ImageTag
    from argocd_image_updater.core.settings import ImageSettings


class TargetMismatch(ConfigError):
    """The manifest target of an image does not fit its Application."""

    reason = Reason.TARGET_MISMATCH


def way_of(
    settings: ImageSettings, *, application_type: ApplicationType, source_type: str
) -> ApplicationType:
    """Return the way `settings` go into the Application, or raise TargetMismatch."""
    target = settings.target
    if target.plugin_spec or target.plugin_name:
        if source_type != PLUGIN:
            raise TargetMismatch(
                f"image {settings.alias or settings.reference.full_name} has manifestTargets.plugin"
                f", but the source type is {source_type!r}, not 'Plugin'",
                hint="set manifestTargets.helm or manifestTargets.kustomize for this Application",
            )
        return ApplicationType.PLUGIN
    if application_type is ApplicationType.UNSUPPORTED:
        raise TargetMismatch(
            f"source type {source_type!r} takes no images; it must be Helm, Kustomize or Plugin"
        )
    if application_type is ApplicationType.PLUGIN and not variable_names(target):
        raise TargetMismatch(
            f"image {settings.alias or settings.reference.full_name} names no variable of the "
            "plugin to write to",
            hint="set manifestTargets.plugin.spec, or manifestTargets.plugin.name and .tag",
        )
    return application_type


def set_image(
    source: Source,
    *,
    settings: ImageSettings,
    application_type: ApplicationType,
    source_type: str,
    tag: ImageTag,
    running_repository: str = "",
) -> Source:
    """Return `source` with the configured image at `tag` in it; a missing block is created.

    running_repository: repository as the running image spells it (see ``set_kustomize``).
    """
    image = with_tag(settings.reference, tag)
    way = way_of(settings, application_type=application_type, source_type=source_type)
    if way is ApplicationType.HELM:
        parameters = set_helm(source.helm_parameters or (), target=settings.target, image=image)
        return replace(source, helm_parameters=parameters)
    if way is ApplicationType.KUSTOMIZE:
        images = set_kustomize(
            source.kustomize_images or (),
            image=image,
            kustomize_name=settings.target.kustomize_name,
            running_repository=running_repository,
        )
        return replace(source, kustomize_images=images)
    env = set_plugin(source.plugin_env or (), target=settings.target, image=image)
    return replace(source, plugin_env=env)


def current_image(
    source: Source,
    *,
    settings: ImageSettings,
    application_type: ApplicationType,
    source_type: str,
) -> str:
    """Return the text of the image `source` asks for now; empty when it asks for none."""
    way = way_of(settings, application_type=application_type, source_type=source_type)
    if way is ApplicationType.HELM:
        return get_helm(source.helm_parameters or (), target=settings.target)
    if way is ApplicationType.KUSTOMIZE:
        return get_kustomize(
            source.kustomize_images or (),
            image=settings.reference,
            kustomize_name=settings.target.kustomize_name,
        )
    return get_plugin(source.plugin_env or (), target=settings.target)


def already_set(
    source: Source,
    *,
    settings: ImageSettings,
    application_type: ApplicationType,
    source_type: str,
    tag: ImageTag,
    running_repository: str = "",
) -> bool:
    """Tell whether `source` says already what ``set_image`` would write."""
    image = with_tag(settings.reference, tag)
    way = way_of(settings, application_type=application_type, source_type=source_type)
    if way is ApplicationType.HELM:
        return helm_already_set(source.helm_parameters or (), target=settings.target, image=image)
    if way is ApplicationType.KUSTOMIZE:
        return kustomize_already_set(
            source.kustomize_images or (),
            image=image,
            kustomize_name=settings.target.kustomize_name,
            running_repository=running_repository,
        )
    return plugin_already_set(source.plugin_env or (), target=settings.target, image=image)


def with_source(application: Application, ref: SourceRef, source: Source) -> Application:
    """Return `application` with `source` in the place that `ref` names."""
    if ref.dry:
        return replace(application, dry_source=source)
    if ref.index is None:
        return replace(application, source=source)
    sources = application.sources
    return replace(application, sources=(*sources[: ref.index], source, *sources[ref.index + 1 :]))
