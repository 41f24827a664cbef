"""The loop of whoever leads: wait until something is due, run one cycle over it, tell everybody.

One cycle at a time: what becomes due meanwhile waits for its end and is worked on together. Nothing
that happens in a cycle ends the loop; only a stop does, or the loss of the right to lead.

Source of the rules: docs/controller.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from argocd_image_updater.errors import UpdaterError, internal_fault
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS
from argocd_image_updater.kube.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from argocd_image_updater.controller.cluster.schedule import Schedule
    from argocd_image_updater.controller.cluster.turns import Turns
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.kube.changes import Change
    from argocd_image_updater.kube.store import ClusterStore

_LOG = logging.getLogger(__name__)
# Edits that come together (one `kubectl apply`) become one cycle.
GATHER_S = 0.05
# A cycle that takes longer than this says so in the status of its resources.
LONG_CYCLE_S = 5.0
# When it is tried again to let go of a resource; nobody sees it change meanwhile.
RELEASE_AGAIN_S = 30.0


# Until a decision that changes with time is made again, however near that time is.
SOONEST_S = 1.0


class RunsCycles(Protocol):
    """The engine side of a cycle."""

    async def run_cycle(self, due: Collection[ObjectKey]) -> CycleReport: ...


class Outlets(Protocol):
    """Everybody who is told about resources and cycles."""

    def began(self, due: Collection[ObjectKey]) -> None:
        """Tell that a cycle begins."""
        ...

    async def working(self, due: Collection[ObjectKey]) -> None:
        """Tell that a cycle over these resources takes long."""
        ...

    async def over(self, report: CycleReport) -> None:
        """Tell what a cycle did."""
        ...

    async def failed(self, error: Exception, due: Collection[ObjectKey]) -> None:
        """Tell that a cycle over these resources could not be run at all."""
        ...

    async def deleted(self, key: ObjectKey) -> bool:
        """Let go of a resource that is being deleted or is gone; return whether that is done."""
        ...


class Loop:
    """monotonic: seconds. ready: called when the first pass is over.

    release_again_s: until a resource that could not be let go of is tried again.
    """

    def __init__(
        self,
        *,
        store: ClusterStore,
        session: RunsCycles,
        outlets: Outlets,
        schedule: Schedule,
        turns: Turns,
        ready: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
        unix_ns: Callable[[], int] = time.time_ns,
        soonest_s: float = SOONEST_S,
        release_again_s: float = RELEASE_AGAIN_S,
    ) -> None:
        self._store = store
        self._session = session
        self._outlets = outlets
        self._schedule = schedule
        self._turns = turns
        self._ready = ready
        self._monotonic = monotonic
        self._unix_ns = unix_ns
        self._soonest_s = soonest_s
        self._handled: dict[ObjectKey, tuple[str, int]] = {}
        self._looked = False
        self._blind: set[ObjectKey] = set()
        self._released: set[tuple[ObjectKey, str]] = set()
        self._release_again_s = release_again_s
        self._unreleased: dict[ObjectKey, float] = {}  # and when each is tried again

    async def run(self, stopping: asyncio.Event) -> None:
        """Run cycles until the event is set; a cycle that runs then comes to its end."""
        while not stopping.is_set():
            if await self._turns.settle() or not self._looked:
                await self.look_around()
            due = self._due()
            if due:
                await self.cycle(due)
                self._ready()
                await self._take(self._store.take_changes())
                continue
            self._ready()
            await self._take(await self._changes(stopping))

    def queue_age_s(self) -> float:
        """Return how long the resource that waits longest has been due."""
        return self._schedule.age_s(self._monotonic())

    async def look_around(self) -> frozenset[ObjectKey]:
        """Take in every resource there is, and return those that can be worked on."""
        self._looked = True
        gone = {item.key for item in self._store.take_changes() if item.kind == IMAGE_UPDATERS}
        self._handled.clear()
        self._released.clear()  # what was not ours to let go of may be now
        for key in sorted(gone.union(self._store.keys(IMAGE_UPDATERS))):
            await self._look_at(key)
        return frozenset(self._known())

    async def cycle(self, due: Collection[ObjectKey]) -> CycleReport | None:
        """Run one cycle and tell everybody; None where it could not be run."""
        known = self._known()
        for key in due:
            self._note(key)
        self._outlets.began(due)
        telling = asyncio.create_task(self._tell_when_long(due))
        report: CycleReport | None = None
        try:
            report = await self._session.run_cycle(due)
        except Exception as error:  # noqa: BLE001 - the next cycle may work
            text = str(error) if isinstance(error, UpdaterError) else internal_fault(error)
            _LOG.error("the cycle failed: %s", text)
            failure = error
        finally:
            await end_tasks(telling)
        if report is not None:
            self._turns.check()  # whoever has the turn now tells of what there is
            await self._tell(self._outlets.over(report))
        else:
            await self._tell(self._outlets.failed(failure, due))
        # What came during the cycle has a turn of its own, and does not bring all of them again.
        self._schedule.over(due, known, now_s=self._monotonic())
        if report is not None:
            self._plan_ahead(report)
        return report

    def _plan_ahead(self, report: CycleReport) -> None:
        """Note when decisions will change although nothing else does."""
        now_s, now_ns = self._monotonic(), self._unix_ns()
        for decision in report.decisions:
            if decision.due_at_ns is not None:
                wait_s = (decision.due_at_ns - now_ns) / 1_000_000_000
                self._schedule.want_at(decision.resource, now_s + max(self._soonest_s, wait_s))

    async def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        try:
            await telling
        except Exception as error:  # noqa: BLE001 - what was done is done
            _LOG.error("what the cycle did cannot be told: %s", internal_fault(error))

    async def _tell_when_long(self, due: Collection[ObjectKey]) -> None:
        await asyncio.sleep(LONG_CYCLE_S)
        await self._outlets.working(due)

    async def _changes(self, stopping: asyncio.Event) -> Collection[Change]:
        """Wait until something has changed or is due, or a stop; return what has changed.

        Nothing is due where nothing belongs to this replica.
        """
        known, now_s = self._known(), self._monotonic()
        if not known:
            self._schedule.over(known, known, now_s=now_s)  # nobody is there: the rhythm goes on
        changing = asyncio.create_task(self._store.wait_changes())
        others = [asyncio.create_task(stopping.wait()), asyncio.create_task(self._turns.moved())]
        try:
            await asyncio.wait(
                {changing, *others},
                timeout=self._wait_s(now_s, known),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not changing.done():
                return ()
            await asyncio.wait(others, timeout=GATHER_S, return_when=asyncio.FIRST_COMPLETED)
            return (*changing.result(), *self._store.take_changes())
        finally:
            await end_tasks(changing, *others)

    def _wait_s(self, now_s: float, known: Collection[ObjectKey]) -> float | None:
        """Return how long there is nothing to do unless something changes, None = for ever."""
        due_s = self._schedule.wait_s(now_s, known) if self._turns.share.held else None
        moments = [max(0.0, again_s - now_s) for again_s in self._unreleased.values()]
        return min(moments if due_s is None else [due_s, *moments], default=None)

    async def _take(self, changes: Collection[Change]) -> None:
        """Note what changed."""
        for change in changes:
            if change.kind == IMAGE_UPDATERS:
                await self._look_at(change.key)
        now_s = self._monotonic()
        for key in [key for key, again_s in self._unreleased.items() if again_s <= now_s]:
            await self._look_at(key)
        for key in [key for key in self._blind if self._store.is_current(key.namespace)]:
            self._blind.discard(key)
            self._schedule.want(key, self._monotonic())

    async def _look_at(self, key: ObjectKey) -> None:
        """Want a resource that is new or was edited; let go of one that is deleted."""
        found = self._store.find(IMAGE_UPDATERS, key)
        if found is None or found.deleting:
            self._schedule.forget(key)
            self._handled.pop(key, None)
            self._blind.discard(key)
            self._unreleased.pop(key, None)
            await self._let_go(key, "" if found is None else found.resource_version)
        elif self._handled.get(key) != (found.uid, found.generation):
            self._schedule.want(key, self._monotonic())

    async def _let_go(self, key: ObjectKey, version: str) -> None:
        """Release a deleted resource once per version of it, however often it is looked at."""
        if version and (key, version) in self._released:
            return
        self._released = {item for item in self._released if item[0] != key}
        if not await self._outlets.deleted(key) and version:
            self._unreleased[key] = self._monotonic() + self._release_again_s
        elif version:
            self._released.add((key, version))

    def _due(self) -> frozenset[ObjectKey]:
        if not self._turns.share.held:
            return frozenset()
        return self._schedule.due(self._monotonic(), self._known())

    def _known(self) -> list[ObjectKey]:
        """Return the resources that a cycle can be about.

        One that cannot be used as it stands is told once and comes back when it is edited.
        """
        known = []
        for key in self._store.keys(IMAGE_UPDATERS):
            found = self._store.find(IMAGE_UPDATERS, key)
            if found is None or found.deleting:
                continue
            is_told = self._handled.get(key) == (found.uid, found.generation)
            if found.value is not None or not is_told:
                known.append(key)
        return known

    def _note(self, key: ObjectKey) -> None:
        """Remember what a cycle is about, and whether its Applications are not known yet.

        Those come back when they are, also if that happens during the cycle.
        """
        found = self._store.find(IMAGE_UPDATERS, key)
        if found is None:
            return
        self._handled[key] = (found.uid, found.generation)
        if found.value is not None and not self._store.is_current(key.namespace):
            self._blind.add(key)
