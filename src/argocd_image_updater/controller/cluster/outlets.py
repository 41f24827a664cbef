"""Everybody who is told what a cycle did: log, metrics, status, events; in this order.

Each tells from the same report. One that cannot be told costs a warning, never the cycle.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from argocd_image_updater.kube.kinds import IMAGE_UPDATERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.controller.metrics import Metrics
    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.kube.decoding import Decoded
    from argocd_image_updater.kube.events import EventWriter
    from argocd_image_updater.kube.status import StatusWriter
    from argocd_image_updater.kube.store import ClusterStore

_LOG = logging.getLogger(__name__)


class ClusterOutlets:
    """applications: as they were before the last cycle wrote to them.

    log: writes a report as log lines. now: the time of day.
    """

    def __init__(
        self,
        *,
        store: ClusterStore,
        status: StatusWriter,
        events: EventWriter,
        metrics: Metrics,
        applications: Callable[[], Mapping[ObjectKey, Application]],
        log: Callable[[CycleReport], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._status = status
        self._events = events
        self._metrics = metrics
        self._applications = applications
        self._log = log
        self._now = now

    def began(self, due: Collection[ObjectKey]) -> None:
        """Count a cycle that begins."""
        self._metrics.cycle_began(len(due))

    async def working(self, due: Collection[ObjectKey]) -> None:
        """Say in the status of the resources that a cycle is running."""
        _warn(await self._status.reconciling(due, previous=self._find, now=self._time()))

    async def over(self, report: CycleReport) -> None:
        """Tell what a cycle did."""
        self._log(report)
        self._metrics.cycle_over(report)
        warnings = await asyncio.gather(
            self._status.write(report, previous=self._find, now=self._time()),
            self._events.write(report, self._applications()),
        )
        for found in warnings:
            _warn(found)

    def failed(self, error: Exception) -> None:
        """Count a cycle that could not be run."""
        self._metrics.cycle_failed(error)

    async def deleted(self, key: ObjectKey) -> None:
        """Drop the series of a resource, and take the old finalizer off one that waits for it."""
        self._metrics.forget(key)
        found = self._find(key)
        if found is not None and found.deleting:
            _warn(await self._status.release(found))

    def _find(self, key: ObjectKey) -> Decoded | None:
        return self._store.find(IMAGE_UPDATERS, key)

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _warn(warnings: Collection[str]) -> None:
    for warning in warnings:
        _LOG.warning("%s", warning)
