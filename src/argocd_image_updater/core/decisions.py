"""The recorded decision of one image in one cycle: the product's central value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.reference import ImageTag
    from argocd_image_updater.core.rollouts import Stage
    from argocd_image_updater.core.settings import ImageSettings


@dataclass(frozen=True, slots=True)
class TagVerdict:
    """What became of one tag: ``kept``, ``chosen``, or the rule that dropped it."""

    tag: str
    rule: str  # chosen | kept | allowTags | ignoreTags | constraint | notAVersion | platform | …
    detail: str = ""
    created_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One image's change within an Application.

    image: full name without tag as configured (registry included when it is set).
    name: repository path without registry. old, new: tags before and after.
    """

    alias: str
    image: str
    name: str
    old: ImageTag
    new: ImageTag
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """How one image of one Application ended the cycle.

    current_from: where the current tag was read (``live``, a file path, ``parameters``).
    written_to: where the change went or would go, empty when nothing is written.
    due_at_ns: when the decision will change by itself, None = not by time.
    rollout: how far the change that was pushed has come, None = nothing is known of one.
    trace: verdicts for every tag, newest first; computed only when called.
    """

    resource: ObjectKey
    application: ObjectKey
    alias: str
    image: str
    reason: Reason
    message: str
    current: ImageTag | None = None
    current_from: str = ""
    chosen: ImageTag | None = None
    change: Change | None = None
    written_to: str = ""
    settings: ImageSettings | None = field(default=None, compare=False, repr=False)
    trace: Callable[[], tuple[TagVerdict, ...]] | None = field(
        default=None, compare=False, repr=False
    )
    considered: bool = False
    warnings: tuple[str, ...] = ()
    due_at_ns: int | None = field(default=None, compare=False)
    rollout: Stage | None = None

    @property
    def outcome(self) -> Outcome:
        return OUTCOME_OF[self.reason]
