"""The status of every resource, written by one replica, with what the others have found.

A replica that does not hold shard 0 only publishes its results. The holder writes them beside its
own after each cycle of its own, and when others publish something new. One write at a time, and
none while a shard is given back.

Source of the rules: docs/status.md, docs/sharding.md.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import UpdaterError, internal_fault
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS
from argocd_image_updater.kube.shards.leases import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.controller.cluster.turns import Turns
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.kube.decoding import Decoded
    from argocd_image_updater.kube.shards.reports import ShardReports
    from argocd_image_updater.kube.status import StatusWriter
    from argocd_image_updater.kube.store import ClusterStore

_LOG = logging.getLogger(__name__)


class Statuses:
    """reports: None = there are no other shards. now: the time of day."""

    def __init__(
        self,
        *,
        store: ClusterStore,
        writer: StatusWriter,
        turns: Turns,
        reports: ShardReports | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._writer = writer
        self._turns = turns
        self._reports = reports
        self._now = now
        self._told: frozenset[str] = frozenset()

    async def working(self, due: Collection[ObjectKey]) -> None:
        """Say that a cycle is running."""
        async with self._turns.telling:
            if self._turns.share.writes_status:
                warn(await self._writer.reconciling(due, previous=self._find, now=self._time()))

    async def over(self, report: CycleReport) -> None:
        """Write, or publish for who writes, what a cycle did."""
        async with self._turns.telling:
            reports = self._reports
            if reports is None or reports.is_alone:
                await self._write(report)
                return
            known = self._store.keys(IMAGE_UPDATERS)
            warn(await reports.publish(report, known=known))
            if self._turns.share.writes_status:
                await reports.wait_read()
                await self._write_together(reports, report.resources, dry_run=report.dry_run)

    async def failed(self, error: Exception, due: Collection[ObjectKey]) -> None:
        """Say that a cycle over these resources could not be run; not where the right was lost."""
        if isinstance(error, LeaseLost):
            return
        text = str(error) if isinstance(error, UpdaterError) else internal_fault(error)
        results = {
            key: ResourceResult(failure=Problem(Reason.INTERNAL_ERROR, text, resource=key))
            for key in due
        }
        async with self._turns.telling:
            await self._write(CycleReport(resources=results))

    async def release(self, key: ObjectKey) -> bool:
        """Take the old finalizer off a resource that is being deleted; return whether it is off."""
        found = self._find(key)
        if found is None or not found.deleting or not self._turns.share.writes_status:
            return True
        warnings = await self._writer.release(found)
        warn(warnings)
        return not warnings

    async def follow_others(self, *, dry_run: bool) -> None:
        """Write what other shards have found, whenever they have; until cancelled."""
        reports = self._reports
        if reports is None or reports.is_alone:
            return
        while True:
            news = await reports.wait_news()
            try:
                async with self._turns.telling:
                    await self._write_together(reports, news, dry_run=dry_run)
            except Exception as error:  # noqa: BLE001 - the next news may be told
                _LOG.error("what other shards found cannot be told: %s", internal_fault(error))

    async def _write_together(
        self, reports: ShardReports, resources: Collection[ObjectKey], *, dry_run: bool
    ) -> None:
        if not self._turns.share.writes_status:
            return
        report = reports.together(resources, status_of=self._status, dry_run=dry_run)
        warn([text for text in report.warnings if text not in self._told])
        self._told = frozenset(report.warnings)
        await self._write(report)

    async def _write(self, report: CycleReport) -> None:
        if self._turns.share.writes_status:
            warn(await self._writer.write(report, previous=self._find, now=self._time()))

    def _status(self, key: ObjectKey) -> Mapping[str, Any]:
        found = self._find(key)
        return {} if found is None else found.status

    def _find(self, key: ObjectKey) -> Decoded | None:
        return self._store.find(IMAGE_UPDATERS, key)

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def warn(warnings: Collection[str]) -> None:
    """Tell what could not be told elsewhere."""
    for warning in warnings:
        _LOG.warning("%s", warning)
