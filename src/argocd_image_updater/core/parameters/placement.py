"""Choose the source of an Application that one image is written to.

An Application with several sources can hold a Helm chart beside a Kustomize directory. An image
that says how it is written (its manifest target) goes to a source of that kind; every other image
goes to the Application's write source. Parameters of one tool are never put into a source that
carries the block of another: Argo CD rejects such a source.
Rules: ``tests/vectors/data/set_helm_image.json`` and ``update_application.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import SourceRef
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.parameters.helm import parameter_names
from argocd_image_updater.core.parameters.kustomize import kustomize_targets
from argocd_image_updater.core.parameters.plugin import variable_names
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import (
    HELM,
    KUSTOMIZE,
    PLUGIN,
    block_type,
    has_block,
)

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, Source
    from argocd_image_updater.core.settings import ImageSettings, ManifestTarget

SOURCE_TYPE = {
    ApplicationType.HELM: HELM,
    ApplicationType.KUSTOMIZE: KUSTOMIZE,
    ApplicationType.PLUGIN: PLUGIN,
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one image is written, with the types that hold for that source."""

    ref: SourceRef
    source_type: str
    application_type: ApplicationType


def choose_source(
    application: Application,
    *,
    settings: ImageSettings,
    intent_source_ref: SourceRef,
    source_type: str,
    application_type: ApplicationType,
) -> Placement:
    """Return the source for one image; raise TargetMismatch where it belongs to another tool.

    Meant for changes of the Application itself: with Git write-back the target file decides.
    """
    whole = Placement(intent_source_ref, source_type, application_type)
    if intent_source_ref.index is None:
        return whole
    kind = _kind_of_target(settings.target) or application_type
    if kind is ApplicationType.UNSUPPORTED:
        return whole
    candidates = _sources_of(application, kind=kind)
    if kind is not application_type and candidates:
        chosen = _preferred(application, candidates, settings=settings, kind=kind)
        return Placement(SourceRef(chosen), SOURCE_TYPE[kind], kind)
    if len(candidates) > 1:
        default = intent_source_ref.index
        ordered = [default] * (default in candidates) + candidates
        whole = Placement(
            SourceRef(_preferred(application, ordered, settings=settings, kind=kind)),
            source_type,
            application_type,
        )
    _refuse_foreign_block(application, whole)
    return whole


def _kind_of_target(target: ManifestTarget) -> ApplicationType | None:
    if target.plugin_spec or target.plugin_name:
        return ApplicationType.PLUGIN
    if target.helm_spec or target.helm_name or target.helm_tag:
        return ApplicationType.HELM
    return ApplicationType.KUSTOMIZE if target.kustomize_name else None


def _sources_of(application: Application, *, kind: ApplicationType) -> list[int]:
    """Return the sources of a kind: those with its block, else those Argo CD found to be of it."""
    sources = application.sources
    explicit = [i for i, source in enumerate(sources) if has_block(source, SOURCE_TYPE[kind])]
    if explicit or len(application.source_types) != len(sources):
        return explicit
    return [i for i, found in enumerate(application.source_types) if found == SOURCE_TYPE[kind]]


def _preferred(
    application: Application,
    candidates: list[int],
    *,
    settings: ImageSettings,
    kind: ApplicationType,
) -> int:
    """Return the first source that holds the image completely already, else the first one."""
    holding = (
        index
        for index in candidates
        if _holds(application.sources[index], settings=settings, kind=kind)
    )
    return next(holding, candidates[0])


def _holds(source: Source, *, settings: ImageSettings, kind: ApplicationType) -> bool:
    target = settings.target
    if kind is ApplicationType.HELM:
        present = {parameter.name for parameter in source.helm_parameters or ()}
        return present.issuperset(parameter_names(target))
    if kind is ApplicationType.PLUGIN:
        names = variable_names(target)
        return bool(names) and {entry.name for entry in source.plugin_env or ()}.issuperset(names)
    return bool(
        kustomize_targets(
            source.kustomize_images or (),
            image=settings.reference,
            kustomize_name=target.kustomize_name,
        )
    )


def _refuse_foreign_block(application: Application, placement: Placement) -> None:
    source = application.source_at(placement.ref)
    own = SOURCE_TYPE[placement.application_type]
    if source is None or has_block(source, own):
        return
    if foreign := block_type(source):
        raise TargetMismatch(
            f"no source of type {own} was found; {placement.ref} holds a {foreign.lower()} block, "
            "and Argo CD refuses a source with two tools",
            hint=f"add an empty {own.lower()} block to the source that the image belongs to",
        )
