"""After the writes: remember what was pushed for whom, and follow what Argo CD makes of it.

Everything is known already: the commit from the push, the rest from the watch. A cycle that finds
nothing to follow costs nothing. Nothing is remembered of a dry run, or of a branch that the
Application does not follow. Source of the rules: docs/status.md.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.refreshes import follows
from argocd_image_updater.core.rollouts import Rollout, RolloutKey, follow
from argocd_image_updater.state.rollouts import KEPT_S, ROWS_LIMIT
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.writers.result import WriteResult


class KeepsRollouts(Protocol):
    """Keeps rollouts between runs; all methods block on the disk and are called in a thread."""

    def read(self) -> tuple[Rollout, ...]: ...

    def keep(self, rollouts: Iterable[Rollout], *, now_s: int) -> None: ...


class Rollouts:
    """The changes that are on their way; keep one for the life of the store."""

    def __init__(self, store: KeepsRollouts, *, unix: Callable[[], float] = time.time) -> None:
        self._store = store
        self._unix = unix
        self._known: dict[RolloutKey, Rollout] | None = None

    async def remember(self, results: Iterable[WriteResult]) -> None:
        """Remember what was pushed to branches that its Applications follow."""
        now_s = int(self._unix())
        begun = [item for result in results for item in _begun(result, now_s)]
        if begun:
            await self._keep(begun)

    async def follow(self, report: CycleReport, applications: Iterable[Application]) -> CycleReport:
        """Return the report with where the changes stand that were pushed before."""
        known = await self._load()
        if not known:
            return report
        decisions, moved = follow(
            report.decisions,
            known,
            applications={item.key: item for item in applications},
            now_s=int(self._unix()),
        )
        if moved:
            await self._keep(moved)
        return replace(report, decisions=decisions)

    async def _load(self) -> dict[RolloutKey, Rollout]:
        if self._known is None:
            kept = await asyncio.to_thread(self._store.read)
            self._known = {item.key: item for item in kept}
        return self._known

    async def _keep(self, items: Iterable[Rollout]) -> None:
        known, now_s = await self._load(), int(self._unix())
        changed = {item.key: item for item in items}
        known.update(changed)
        newest = sorted(known.values(), key=lambda item: item.at_s)[-ROWS_LIMIT:]
        self._known = {item.key: item for item in newest if item.at_s >= now_s - KEPT_S}
        await asyncio.to_thread(self._store.keep, changed.values(), now_s=now_s)


def _begun(result: WriteResult, now_s: int) -> Iterator[Rollout]:
    plan, push = result.plan, result.push
    application = plan.intent.application
    if push is None or result.status is not WriteStatus.WRITTEN or not follows(application, push):
        return
    for change in plan.changes:
        key = RolloutKey(plan.intent.resource, application.key, change.alias, change.image)
        yield Rollout(key, push, change.new.text, now_s)
