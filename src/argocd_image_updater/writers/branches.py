"""Write plans to branches: each batch becomes one fetch, one commit series and one push.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import internal_fault
from argocd_image_updater.git.refs import short_branch
from argocd_image_updater.writers.commit_series import commit_series
from argocd_image_updater.writers.result import WriteReport, WriteStatus, ended

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from argocd_image_updater.core.batches import BranchBatch
    from argocd_image_updater.git.batch import PushBatch, PushResult
    from argocd_image_updater.writers.result import WriteResult


class Pusher(Protocol):
    """The part of the Git engine that a writer needs."""

    async def push(self, batch: PushBatch) -> PushResult: ...

    async def preview(self, batch: PushBatch) -> PushResult: ...


async def _nobody(_results: Sequence[WriteResult]) -> None: ...


async def write_branches(
    batches: Sequence[BranchBatch],
    *,
    git: Pusher,
    template: str,
    dry_run: bool,
    tell: Callable[[Sequence[WriteResult]], Awaitable[None]] = _nobody,
) -> WriteReport:
    """Push all batches, different repositories at the same time.

    tell: called with what became of each branch as soon as that is known; never fails.
    """

    async def write(batch: BranchBatch) -> WriteReport:
        report = await _contained(batch, git=git, template=template, dry_run=dry_run)
        await tell(report.results)
        return report

    reports = await asyncio.gather(*map(write, batches))
    return WriteReport(
        results=tuple(result for report in reports for result in report.results),
        commits=tuple(commit for report in reports for commit in report.commits),
    )


async def _contained(
    batch: BranchBatch, *, git: Pusher, template: str, dry_run: bool
) -> WriteReport:
    """Write one branch; a fault that nobody foresaw ends its Applications, not the cycle."""
    try:
        return await _write_branch(batch, git=git, template=template, dry_run=dry_run)
    except Exception as error:  # noqa: BLE001 - what other branches were given must be reported
        where = short_branch(batch.push_branch or batch.base.branch)
        return WriteReport(
            results=ended(
                batch.plans,
                WriteStatus.FAILED,
                where=where,
                reason=Reason.INTERNAL_ERROR,
                message=internal_fault(error),
            )
        )


async def _write_branch(
    batch: BranchBatch, *, git: Pusher, template: str, dry_run: bool
) -> WriteReport:
    series = commit_series(batch, template=template)
    push = series.push_batch()
    outcome = await (git.preview(push) if dry_run else git.push(push))
    return series.report(outcome, dry_run=dry_run)
