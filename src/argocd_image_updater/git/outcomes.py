"""From a series of commits and the server's answer to the results that callers see. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import shorten
from argocd_image_updater.git.batch import CommitResult, CommitStatus, PushResult
from argocd_image_updater.git.failures import GitError

if TYPE_CHECKING:
    from argocd_image_updater.errors import UpdaterError
    from argocd_image_updater.git.batch import PushBatch
    from argocd_image_updater.git.commit import Series


# What of an earlier attempt is in the branch: what is known to be, and with its tip everything.
_KNOWN = {CommitStatus.PUSHED}
_ARRIVED = {CommitStatus.PLANNED, CommitStatus.PUSHED}


def pushed_result(series: Series, *, branch: str, attempts: int) -> PushResult:
    """Return the result of an accepted push."""
    results = tuple(_became(result, CommitStatus.PUSHED) for result in series.results)
    return PushResult(results, branch, series.tip, attempts, series.warnings)


def unpushed_result(
    series: Series, *, branch: str, error: UpdaterError, attempts: int
) -> PushResult:
    """Return the result of a push that failed for good: what was to be pushed has failed."""
    results = tuple(
        CommitResult(result.key, CommitStatus.FAILED, error=error)
        if result.status is CommitStatus.PLANNED
        else result
        for result in series.results
    )
    return PushResult(results, branch, "", attempts)


def failed_result(batch: PushBatch, error: UpdaterError) -> PushResult:
    """Return the result of a batch that could not even be computed."""
    return PushResult(
        tuple(
            CommitResult(planned.key, CommitStatus.FAILED, error=error) for planned in batch.commits
        )
    )


def carried_over(earlier: Series, series: Series, *, has_tip: bool) -> Series:
    """Return a series in which commits that an earlier attempt brought count as pushed.

    They are found unchanged now, because they are in the branch already. has_tip: the branch holds
    the tip of the earlier series, so everything of it arrived, whatever was answered.
    """
    arrived = _ARRIVED if has_tip else _KNOWN
    results = tuple(
        _became(before, CommitStatus.PUSHED)
        if before.status in arrived and now.status is CommitStatus.UNCHANGED
        else now
        for before, now in zip(earlier.results, series.results, strict=True)
    )
    return replace(series, results=results)


def damaged_error(shown: str, error: UpdaterError) -> GitError:
    """Return what to tell when a mirror broke while it was written to."""
    return GitError(
        FailureKind.TRANSIENT,
        f"{shown}: the local mirror was damaged and is built anew: {shorten(str(error))}",
        reason=Reason.WRITE_FAILED,
    )


def _became(result: CommitResult, status: CommitStatus) -> CommitResult:
    return replace(result, status=status) if result.status is CommitStatus.PLANNED else result
