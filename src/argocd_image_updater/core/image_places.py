"""An Application as each of its write targets sees it, for images may name targets of their own.

A part is an intent like any other with the images of one target; parts share repository, branches
and pull request, so that they end in one commit. Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings


def intent_of(intent: ApplicationIntent, image: ImageSettings) -> ApplicationIntent:
    """Return the intent with the target of one of its images."""
    place = image.own_place
    if place is None:
        return intent
    return replace(
        intent,
        write_back=place.write_back,
        source_type=place.source_type,
        application_type=place.application_type,
        write_source=place.write_source,
        needs_type=place.needs_type,
    )


def parts_of(intent: ApplicationIntent) -> tuple[ApplicationIntent, ...]:
    """Return one intent for each target, in the order in which the images name them."""
    if all(image.own_place is None for image in intent.images):
        return (intent,)
    seen: dict[object, ApplicationIntent] = {}
    images: dict[object, list[ImageSettings]] = {}
    for image in intent.images:
        part = intent_of(intent, image)
        key = _place(part)
        seen.setdefault(key, part)
        images.setdefault(key, []).append(image)
    return tuple(replace(part, images=tuple(images[key])) for key, part in seen.items())


def _place(part: ApplicationIntent) -> tuple[object, ...]:
    """Return what tells targets apart; the same file named twice is one target."""
    return (
        part.write_back.target_kind,
        part.write_back.target,
        part.source_type,
        part.write_source,
    )
