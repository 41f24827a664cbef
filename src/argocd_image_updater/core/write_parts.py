"""The writes of a plan, one part for each file that they go to.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.image_places import parts_of
from argocd_image_updater.errors import BugError

if TYPE_CHECKING:
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.settings import ApplicationIntent
    from argocd_image_updater.core.targets import ImageWrite


@dataclass(frozen=True, slots=True)
class WritePart:
    """What one file of a plan is to get; see `ApplicationPlan` for writes and pins."""

    intent: ApplicationIntent
    writes: tuple[ImageWrite, ...]
    pins: tuple[ImageWrite, ...]


def written_parts(plan: ApplicationPlan) -> tuple[WritePart, ...]:
    """Return the parts that hold a write; pins alone are no reason to touch a file."""
    found = []
    for intent in parts_of(plan.intent):
        own = {id(settings) for settings in intent.images}
        writes = tuple(write for write in plan.writes if id(write.settings) in own)
        pins = tuple(pin for pin in plan.pins if id(pin.settings) in own)
        if writes:
            found.append(WritePart(intent, writes, pins))
    # A write is never left out in silence.
    if sum(len(part.writes) for part in found) != len(plan.writes):
        raise BugError("a write belongs to no image of its Application")
    return tuple(found)
