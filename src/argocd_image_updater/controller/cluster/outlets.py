"""Everybody who is told what a cycle did: log, metrics, then status and events.

Each tells from the same report. One that cannot be told costs a warning, never the cycle.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from argocd_image_updater.controller.cluster.statuses import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.controller.cluster.statuses import Statuses
    from argocd_image_updater.controller.metrics import Metrics
    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.kube.events import EventWriter


class ClusterOutlets:
    """applications: as they were before the last cycle wrote to them.

    log: writes a report as log lines.
    """

    def __init__(
        self,
        *,
        statuses: Statuses,
        events: EventWriter,
        metrics: Metrics,
        applications: Callable[[], Mapping[ObjectKey, Application]],
        log: Callable[[CycleReport], None],
    ) -> None:
        self._statuses = statuses
        self._events = events
        self._metrics = metrics
        self._applications = applications
        self._log = log

    def began(self, due: Collection[ObjectKey]) -> None:
        """Count a cycle that begins."""
        self._metrics.cycle_began(len(due))

    async def working(self, due: Collection[ObjectKey]) -> None:
        """Say in the status of the resources that a cycle is running."""
        await self._statuses.working(due)

    async def over(self, report: CycleReport) -> None:
        """Tell what a cycle did."""
        self._log(report)
        self._metrics.cycle_over(report)
        _, warnings = await asyncio.gather(
            self._statuses.over(report), self._events.write(report, self._applications())
        )
        warn(warnings)

    async def failed(self, error: Exception, due: Collection[ObjectKey]) -> None:
        """Count a cycle that could not be run, and say so in the status of its resources."""
        self._metrics.cycle_failed(error)
        await self._statuses.failed(error, due)

    async def deleted(self, key: ObjectKey) -> bool:
        """Drop the series of a resource, and let go of one that is being deleted."""
        self._metrics.forget(key)
        return await self._statuses.release(key)
