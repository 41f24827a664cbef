"""Which images run: those of the status, or without a cluster those that the target declares.

Source of the rules: docs/images.md, docs/standalone.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.declared import declared_in_file, declared_in_source
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
    from argocd_image_updater.core.due import Policy
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings


def running_images(
    intent: ApplicationIntent, *, facts: Facts, policy: Policy
) -> tuple[tuple[ImageReference, ...], str] | Pending | Stop:
    """Return the running images and where they were read, forced ones appended."""
    forced = [(item.reference, item.kustomize_image) for item in intent.images if item.force_update]
    if intent.application.has_status or not policy.declared_counts:
        running = tuple(parse_image(text) for text in intent.application.live_images)
        return with_forced(running, forced), "live"
    if intent.write_back.method != "git":
        found = [
            declared_in_source(_image_source(intent, item), intent, item) for item in intent.images
        ]
        return with_forced(tuple(item for item in found if item), forced), "parameters"
    key = base_branch(intent)
    files = read_files(key, target_paths(intent), facts)
    if isinstance(files, Pending | Stop):
        return files
    try:
        path, content = pick_target(intent, files)
        found = [
            declared_in_file(intent, item, source=source_of(intent), content=content, file=path)
            for item in intent.images
        ]
    except EditRefused as refusal:
        return Stop(refusal.reason, str(refusal))
    return with_forced(tuple(item for item in found if item), forced), path


def _image_source(intent: ApplicationIntent, settings: ImageSettings) -> Source:
    """Return the source that holds an image when the Application itself is written."""
    try:
        ref = placement_of(intent, settings).ref
    except TargetMismatch:
        ref = intent.write_source
    return intent.application.source_at(ref) or Source()
