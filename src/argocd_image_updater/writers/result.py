"""What a writer says of each Application it was given; "written" exists only here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.reasons import Reason
    from argocd_image_updater.core.refreshes import Push
    from argocd_image_updater.core.report import CommitRecord, PatchRecord


class WriteStatus(StrEnum):
    """How the write of one Application ended."""

    WRITTEN = "written"
    WOULD_WRITE = "would-write"
    UNCHANGED = "unchanged"
    HELD = "held"  # nothing is written, for a reason that is no fault
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The end of one Application's write.

    where: file, branch or object, for people. files: the same for each image, by the identity of
    its settings. reason: only for HELD and FAILED. push: to a branch to stay, where there was one.
    """

    plan: ApplicationPlan
    status: WriteStatus
    where: str
    message: str = ""
    reason: Reason | None = None
    warnings: tuple[str, ...] = ()
    files: Mapping[int, str] = field(default_factory=dict)
    push: Push | None = None


@dataclass(frozen=True, slots=True)
class WriteReport:
    """All results of one writer and what it put into the world (or would put)."""

    results: tuple[WriteResult, ...] = ()
    commits: tuple[CommitRecord, ...] = ()
    patches: tuple[PatchRecord, ...] = ()


def ended(
    plans: Iterable[ApplicationPlan],
    status: WriteStatus,
    *,
    where: str,
    reason: Reason,
    message: str,
) -> tuple[WriteResult, ...]:
    """Return one and the same end for several Applications."""
    return tuple(WriteResult(plan, status, where, message, reason) for plan in plans)
