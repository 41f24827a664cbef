"""What somebody changed in an Application between the decision and the write.

A plan rests on one state of the object. On a newer one it may be carried out as long as the source
is still the same one and nobody has given the values in question another value; everything else
may have changed and stays.

Source of the rules: docs/write-back.md, tests/vectors/data/update_application.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.application_places import Place, values_of
from argocd_image_updater.core.parameters.dispatch import already_set, way_of
from argocd_image_updater.core.parameters.helm import parameter_names
from argocd_image_updater.core.parameters.kustomize import kustomize_targets, repository_text
from argocd_image_updater.core.parameters.placement import SOURCE_TYPE
from argocd_image_updater.core.parameters.plugin import variable_names
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import block_type, has_block, is_untyped, status_type
from argocd_image_updater.core.targets import placement_of
from argocd_image_updater.errors import ConflictError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import Application, SourceRef
    from argocd_image_updater.core.parameters.placement import Placement
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings
    from argocd_image_updater.core.targets import ImageWrite

_AGAIN = "nothing is written, the next cycle decides anew"


def check_identity(
    intent: ApplicationIntent, writes: Sequence[ImageWrite], *, current: Application
) -> None:
    """Make sure that the sources that are written are those that the plan was made for.

    Raises:
        ConflictError: one of them is another one now.
    """
    planned = intent.application
    if planned.uid and current.uid and planned.uid != current.uid:
        raise ConflictError(f"Application {current.key} was deleted and made anew: {_AGAIN}")
    for placed in {placement_of(intent, write.settings) for write in writes}:
        if change := _moved(planned, current, placed):
            message = f"spec.{placed.ref} of Application {current.key} {change}: {_AGAIN}"
            raise ConflictError(message)


def _moved(planned: Application, current: Application, placed: Placement) -> str:
    """Return in which way a source is not the one of the plan any more; empty = it is."""
    ref = placed.ref
    before, now = planned.source_at(ref), current.source_at(ref)
    if now is None or before is None or _form(planned) != _form(current):
        return "is not used any more"
    names = ("repo_url", "chart", "path", "ref")
    if any(getattr(before, name) != getattr(now, name) for name in names):
        return "names another repository, chart or path now"
    block = block_type(now)
    own = SOURCE_TYPE.get(placed.application_type, "")
    if block and block != block_type(before) and not has_block(now, own):
        return f"holds a {block.lower()} block now"
    if _type_at(planned, ref) != _type_at(current, ref) and not is_untyped(current):
        return f"is of type {_type_at(current, ref) or 'unknown'} now"
    return ""


def _form(application: Application) -> tuple[bool, bool]:
    """Return which of the three forms of sources is in force."""
    is_dry = application.dry_source is not None
    return is_dry, bool(application.sources) and not is_dry


def _type_at(application: Application, ref: SourceRef) -> str:
    types = application.source_types
    if ref.index is not None and len(types) == len(application.sources):
        return types[ref.index]
    return status_type(application)


def edited_meanwhile(
    intent: ApplicationIntent,
    write: ImageWrite,
    *,
    current: Application,
    merged: Mapping[SourceRef, tuple[ApplicationType, Source]],
    ours: Mapping[Place, str],
) -> str:
    """Return what to tell if somebody gave a value that is to be written another one.

    A value that was taken away is none: it is written again. merged: the sources with all images
    set. ours: values that this program wrote itself.
    """
    settings = write.settings
    placed = placement_of(intent, settings)
    kind = way_of(
        settings, application_type=placed.application_type, source_type=placed.source_type
    )
    before, now = (app.source_at(placed.ref) or Source() for app in (intent.application, current))
    wanted = _held(merged[placed.ref][1], settings, kind=kind)
    known = {*_held(before, settings, kind=kind), *wanted}
    for name, value in _held(now, settings, kind=kind):
        place = Place(placed.ref, kind, name)
        if (name, value) not in known and ours.get(place) != value:
            return (
                f"{place} of Application {current.key} was set to {shorten(value)!r} by somebody "
                f"while {write.image.full} was about to be written: {_AGAIN}"
            )
    return ""


def is_there(intent: ApplicationIntent, write: ImageWrite, *, current: Application) -> bool:
    """Tell whether an Application asks for an image already, whoever has seen to it."""
    placed = placement_of(intent, write.settings)
    source = current.source_at(placed.ref)
    return source is not None and already_set(
        source,
        settings=write.settings,
        application_type=placed.application_type,
        source_type=placed.source_type,
        tag=write.tag,
        running_repository=repository_text(write.running),
    )


def _held(
    source: Source, settings: ImageSettings, *, kind: ApplicationType
) -> list[tuple[str, str]]:
    """Return the entries of a source that belong to one image."""
    if kind is ApplicationType.KUSTOMIZE:
        texts = source.kustomize_images or ()
        targets = kustomize_targets(
            texts, image=settings.reference, kustomize_name=settings.target.kustomize_name
        )
        return [(repository_text(texts[index]), texts[index]) for index in targets]
    is_helm = kind is ApplicationType.HELM
    names = parameter_names(settings.target) if is_helm else variable_names(settings.target)
    return [entry for entry in values_of(source, kind) if entry[0] in names]
