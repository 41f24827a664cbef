"""Which images run: those of the status, or without a cluster those that the target declares.

Source of the rules: docs/images.md, docs/standalone.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.declared import declared_in_file, declared_in_source
from argocd_image_updater.core.due import LIVE, PARAMETERS
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.reference import ImageReference, parse_image, with_forced
from argocd_image_updater.core.repository_files import Stop, base_branch, read_files, source_of
from argocd_image_updater.core.targets import (
    pick_target,
    placement_of,
    target_paths,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.due import Policy
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings


@dataclass(frozen=True, slots=True)
class Running:
    """Running images, one list for each configured image, and where they were read.

    With a status all lists are the same. A declaration belongs to one configured image, so two
    aliases of one image never take each other's tag for theirs.
    """

    lists: tuple[tuple[ImageReference, ...], ...]
    where: str


def running_images(
    intent: ApplicationIntent, *, facts: Facts, policy: Policy
) -> Running | Pending | Stop:
    """Return the running images; a forced image that does not run is there without tag."""
    if intent.application.has_status or not policy.declared_counts:
        forced = [
            (item.reference, item.kustomize_image) for item in intent.images if item.force_update
        ]
        running = tuple(parse_image(text) for text in intent.application.live_images)
        return Running((with_forced(running, forced),) * len(intent.images), LIVE)
    if intent.write_back.method != "git":
        sources = (
            declared_in_source(_image_source(intent, item), intent, item) for item in intent.images
        )
        images = [(image,) if image else () for image in sources]
        return _declared(intent, images, where=PARAMETERS)
    files = read_files(base_branch(intent), target_paths(intent), facts)
    if isinstance(files, Pending | Stop):
        return files
    try:
        path, content = pick_target(intent, files)
        found = [
            declared_in_file(intent, item, source=source_of(intent), content=content, file=path)
            for item in intent.images
        ]
    except (EditRefused, TargetMismatch) as refusal:
        return Stop(refusal.reason, str(refusal))
    return _declared(intent, found, where=path)


def _declared(
    intent: ApplicationIntent, found: Sequence[tuple[ImageReference, ...]], *, where: str
) -> Running:
    lists = (
        with_forced(
            images,
            ((item.reference, item.kustomize_image),) if item.force_update else (),
        )
        for item, images in zip(intent.images, found, strict=True)
    )
    return Running(tuple(lists), where)


def _image_source(intent: ApplicationIntent, settings: ImageSettings) -> Source:
    """Return the source that holds an image when the Application itself is written."""
    try:
        ref = placement_of(intent, settings).ref
    except TargetMismatch:
        ref = intent.write_source
    return intent.application.source_at(ref) or Source()
