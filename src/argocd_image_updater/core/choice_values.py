"""The outcome of choosing a tag for one image, and the reason for a failed question.

Source of the rules: docs/strategies.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Answer, Failure, FailureKind, Question
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from argocd_image_updater.core.ages import TooYoung
    from argocd_image_updater.core.decisions import TagVerdict
    from argocd_image_updater.core.strategy import Candidate

Facts = Mapping[Question, Answer]


@dataclass(frozen=True, slots=True)
class Pending:
    """Facts that are needed before anything can be said."""

    questions: frozenset[Question]


@dataclass(frozen=True, slots=True)
class NoChoice:
    """Why no tag was chosen. due_at_ns: when that will change by itself, None = not by time."""

    reason: Reason
    message: str
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None
    due_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen tag and what it was chosen from.

    listed: all tags of the repository, None where no list was needed (strategy ``digest``).
    kept: the tags that passed the filters. candidates: those with usable metadata, by name.
    dropped: kept tags that are no candidates, with ``platform: why`` or ``metadata: why``.
    waiting: candidates that are better and too young, the best first. age_is_open: whether the
    chosen tag is old enough was not looked at, because it runs or only its digest is followed.
    """

    chosen: Candidate
    listed: tuple[str, ...] | None
    kept: frozenset[str]
    candidates: Mapping[str, Candidate]
    dropped: Mapping[str, str]
    trace: Callable[[], tuple[TagVerdict, ...]] | None = None
    warnings: tuple[str, ...] = ()
    waiting: tuple[TooYoung, ...] = ()
    age_is_open: bool = False

    @property
    def due_at_ns(self) -> int | None:
        """When a better tag will be old enough, None = there is none that waits."""
        return min((item.ready_ns for item in self.waiting), default=None)


_FAILED: dict[FailureKind, Reason] = {
    FailureKind.TRANSIENT: Reason.REGISTRY_ERROR,
    FailureKind.RATE_LIMITED: Reason.RATE_LIMITED,
    FailureKind.DENIED: Reason.AUTH_FAILED,
    FailureKind.CREDENTIALS: Reason.CREDENTIALS_UNAVAILABLE,
    FailureKind.NOT_FOUND: Reason.REPOSITORY_UNKNOWN,
    FailureKind.UNUSABLE: Reason.REGISTRY_ERROR,
    FailureKind.NO_PLATFORM: Reason.PLATFORM_UNMATCHED,
    FailureKind.CONFIG: Reason.SETTINGS_INVALID,
    FailureKind.POSTPONED: Reason.METADATA_INCOMPLETE,
    FailureKind.REFUSED: Reason.SECRET_REFUSED,
    FailureKind.UNTOLD: Reason.PUSH_TIMES_UNKNOWN,
    FailureKind.LOCAL: Reason.REGISTRY_ERROR,
    FailureKind.INTERNAL: Reason.INTERNAL_ERROR,
}


def failure_reason(failure: Failure) -> Reason:
    """Return the reason for an image whose registry question failed."""
    return _FAILED[failure.kind]
