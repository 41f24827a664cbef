"""The right of a replica to work: one Lease per shard, of which it holds none, one or several.

Promises: 1. no two replicas hold a shard at one time; 2. a shard that is lost, or may be, ends here
before it can begin elsewhere, and `lost` says so at once; 3. a shard is given back only where the
caller says that nothing works on it; 4. replicas with different numbers of shards never work at the
same time. With one shard this is plain leader election.

Source of the rules: docs/high-availability.md, docs/sharding.md.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from argocd_image_updater.core.shards import MAX_SHARDS, STATUS_SHARD
from argocd_image_updater.errors import ConfigError, ConflictError, UpdaterError, internal_fault
from argocd_image_updater.kube.shards.lease_board import LeaseBoard
from argocd_image_updater.kube.shards.lease_holding import Holding
from argocd_image_updater.kube.shards.lease_record import LEASE_TIMES, Observation, lease_name
from argocd_image_updater.kube.shards.lease_writer import LEASE_TIMING, LeaseWriter
from argocd_image_updater.kube.shards.policy import (
    Ask,
    Rest,
    Take,
    View,
    next_step,
    ordinal_of,
    stranger,
    to_give_back,
)
from argocd_image_updater.kube.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.shards.lease_record import LeaseRecord, LeaseTimes
    from argocd_image_updater.net.timing import Timing

_LOG = logging.getLogger(__name__)
# A stop never waits longer for an API server that is away: the Leases then expire.
RELEASE_S = 5.0
_TELL_S = 2.0


def _nobody(_: str) -> None: ...


class LeaseLost(UpdaterError):
    """The right to work has ended: somebody else may have it now, or soon."""


class ShardLeases:
    """Use as an async context manager: it takes part inside, and gives everything back at the end.

    identity: as of `new_identity`; a number at the end of its host names the preferred shard.
    hindered: called with why nothing can be taken whenever that is another reason; empty = none.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        identity: str,
        shards: int = 1,
        times: LeaseTimes = LEASE_TIMES,
        timing: Timing = LEASE_TIMING,
        hindered: Callable[[str], None] = _nobody,
    ) -> None:
        if not 1 <= shards <= MAX_SHARDS:
            raise ConfigError(f"the number of shards is {shards}: it must be 1 to {MAX_SHARDS}")
        self.identity = identity
        self.shards = shards
        self.lost = asyncio.Event()
        self.loss = ""
        self._problem = ""
        self._hindered = hindered
        self._told_holder = ""
        self._times = times
        self._timing = timing
        self._board = LeaseBoard(client, namespace=namespace, retry_s=times.retry_s, timing=timing)
        self._writer = LeaseWriter(
            client,
            namespace=namespace,
            identity=identity,
            shards=shards,
            times=times,
            timing=timing,
        )
        self._holdings: dict[int, Holding] = {}
        self._renewals: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._taking: int | None = None  # until it is known whether it was taken
        self._moved = asyncio.Event()
        self._last_asked: frozenset[int] = frozenset()
        self._open_since_s = 0.0  # since when it could take something

    async def __aenter__(self) -> Self:
        self._open_since_s = self._timing.monotonic()
        self._tasks = [
            asyncio.create_task(self._board.follow(), name="the Leases"),
            asyncio.create_task(self._manage(), name="taking Leases"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()

    @property
    def held(self) -> frozenset[int]:
        """Return the shards that this replica may work on now."""
        return frozenset(shard for shard, found in self._holdings.items() if found.is_valid)

    @property
    def is_leader(self) -> bool:
        """Tell whether this replica writes the status: it holds shard 0."""
        return STATUS_SHARD in self.held

    @property
    def asked(self) -> frozenset[int]:
        """Return the held shards that another replica waits for; see `give_back`."""
        return to_give_back(self.held, self._seen(), identity=self.identity)

    @property
    def unheld(self) -> frozenset[int]:
        """Return the shards that nobody holds now."""
        now_s, seen = self._timing.monotonic(), self._seen()
        return frozenset(
            shard
            for shard in set(range(self.shards)) - self.held
            if shard not in seen or not seen[shard].is_held(now_s)
        )

    @property
    def problem(self) -> str:
        """Say why no Lease can be taken, empty where nothing is in the way."""
        return self._problem or str(self._board.fault or "")

    def holder_of(self, shard: int) -> str:
        """Return the identity that holds a shard, empty where nobody does."""
        if shard in self.held:
            return self.identity
        found = self._seen().get(shard)
        alive = found is not None and found.is_held(self._timing.monotonic())
        return found.record.holder if found is not None and alive else ""

    def check(self, shards: frozenset[int]) -> None:
        """Make sure that these shards are still held; call it before something is written.

        Raises:
            LeaseLost: one is not.
        """
        gone = shards - self.held
        if gone:
            why = self.loss or "it was not renewed in time"
            raise LeaseLost(f"the Lease of shard {min(gone)} is no longer held: {why}")

    async def wait_held(self) -> frozenset[int]:
        """Wait until at least one shard is held, and return those that are."""
        while not (held := self.held):
            await self.wait_change()
        return held

    async def wait_change(self) -> frozenset[int]:
        """Wait until `held` or `asked` may be different, and return `held`; for one reader."""
        await self._moved.wait()
        self._moved.clear()
        return self.held

    async def give_back(self) -> frozenset[int]:
        """Give back what others have asked for; call it while nothing is worked on.

        Return the shards that are gone.
        """
        asked = self.asked
        for shard in sorted(asked):
            await self.give_up(shard)
        return asked

    async def give_up(self, shard: int) -> None:
        """Give one shard back. Nothing may work on it when this is called."""
        holding = await self._let_go(shard)
        if holding is not None:
            await self._release(shard, holding.record)

    async def release(self) -> None:
        """Give everything back and take part no longer; called at the end."""
        tasks, self._tasks = self._tasks, []
        await end_tasks(*tasks)
        await self._learn_what_was_taken()
        held = {shard: found.record for shard, found in self._holdings.items()}
        for shard, seen in self._seen().items():
            if seen.record.holder == self.identity:
                held.setdefault(shard, seen.record)
        for shard in list(self._holdings):
            await self._let_go(shard)
        await asyncio.gather(*(self._release(shard, record) for shard, record in held.items()))
        if self._telling:
            await asyncio.wait(self._telling, timeout=_TELL_S)
        await end_tasks(*self._telling)

    async def _learn_what_was_taken(self) -> None:
        """Look at a Lease that was being taken when the end came: it may be ours."""
        if self._taking is None:
            return
        try:
            async with asyncio.timeout(RELEASE_S):
                record = await self._writer.read(lease_name(self._taking))
        except (TimeoutError, UpdaterError):
            return  # then it expires
        if record is not None:
            self._board.put(record)

    async def _manage(self) -> None:
        """Take what may be taken, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._times.renew_deadline_s):
                    wait_s = await self._newest_step()
            except TimeoutError:
                self._note("the API server does not answer")
                wait_s = self._times.retry_s
            except UpdaterError as error:
                self._note(str(error))
                wait_s = self._times.retry_s
            except Exception as error:  # noqa: BLE001 - the next step may work
                self._note(internal_fault(error))
                wait_s = self._times.retry_s
            if wait_s > 0:
                await self._board.wait_change(wait_s)

    async def _newest_step(self) -> float:
        try:
            return await self._step()
        except ConflictError:
            await self._board.refresh()  # somebody was faster
            return 0.0

    async def _step(self) -> float:
        """Do one thing; return how long to wait before the next, if nothing changes."""
        self._tell_wishes()
        if not self._board.is_read or self.lost.is_set():
            return self._times.retry_s
        now_s = self._timing.monotonic()
        if foreign := self._stranger():
            if self._holdings:
                self._lose(foreign)
            self._stand_back(foreign)
            return self._times.retry_s
        view = View(
            identity=self.identity,
            shards=self.shards,
            held=frozenset(self._holdings),
            seen=self._seen(),
            open_since_s=self._open_since_s,
            ordinal=ordinal_of(self.identity, self.shards),
        )
        step = next_step(view, now_s=now_s, times=self._times)
        match step:
            case Take():
                await self._take(step.shard)
                return 0.0
            case Ask():
                self._board.put(await self._writer.ask(view.seen[step.shard].record))
                return 0.0
            case Rest():
                self._note("")
                self._tell_holder(view)
                return step.wait_s

    async def _take(self, shard: int) -> None:
        """Take a shard, and make sure that nobody counts with another number.

        That is asked after the shard is taken: of two who do this at one time, one sees the other.
        """
        name, began_s = lease_name(shard), self._timing.monotonic()
        seen = self._board.seen(name)
        self._taking = shard
        try:
            record = await self._writer.acquire(name, None if seen is None else seen.record)
        except ConflictError:
            self._taking = None
            raise
        self._taking = None
        self._board.put(record)
        await self._board.refresh()
        if foreign := self._stranger():
            await self._writer.release(record)
            self._stand_back(foreign)
            # Both may have seen each other; one comes back first.
            await self._timing.sleep(self._times.retry_s * self._timing.random())
            return
        holding = Holding(
            self._writer, record, began_s=began_s, times=self._times, timing=self._timing
        )
        if not holding.is_valid:
            return  # taken in our name and too old: it is taken again
        self._note("")
        self._holdings[shard] = holding
        self._renewals[shard] = asyncio.create_task(
            self._keep(shard, holding), name=f"renewing {name}"
        )
        self._moved.set()
        _LOG.info("%s became leader of Lease %s", self.identity, name)
        self._tell(record, "became leader")

    async def _keep(self, shard: int, holding: Holding) -> None:
        try:
            why = await holding.keep()
        except Exception as error:  # noqa: BLE001 - a Lease that is not renewed is lost
            why = internal_fault(error)
        self._holdings.pop(shard, None)
        self._renewals.pop(shard, None)
        self._lose(f"Lease {lease_name(shard)}: {why}")

    async def _let_go(self, shard: int) -> Holding | None:
        """End the renewals of a shard; it is not held from now on."""
        holding = self._holdings.pop(shard, None)
        task = self._renewals.pop(shard, None)
        if holding is not None:
            self._moved.set()
        if task is not None:
            await end_tasks(task)
        return holding

    async def _release(self, shard: int, record: LeaseRecord) -> None:
        """Tell the others that a Lease is free; where that fails it expires."""
        try:
            async with asyncio.timeout(RELEASE_S):
                left = await self._writer.release(record)
        except TimeoutError:
            _LOG.warning("Lease %s is not given back: no answer in time", lease_name(shard))
            return
        except UpdaterError as error:
            _LOG.warning("Lease %s is not given back: %s", lease_name(shard), error)
            return
        if left is None or left.holder:
            return
        self._board.put(left)
        _LOG.info("%s stopped leading Lease %s", self.identity, lease_name(shard))
        self._tell(left, "stopped leading")

    def _lose(self, why: str) -> None:
        self.loss = self.loss or why
        _LOG.error("the right to work was lost: %s", why)
        self.lost.set()
        self._moved.set()

    def _stranger(self) -> str:
        return stranger(
            self._board.all(),
            identity=self.identity,
            shards=self.shards,
            now_s=self._timing.monotonic(),
        )

    def _stand_back(self, foreign: str) -> None:
        """Take nothing because of a stranger; what nobody could take was not left to anybody."""
        self._open_since_s = self._timing.monotonic()
        self._note(foreign, level=logging.WARNING)

    def _seen(self) -> dict[int, Observation]:
        found = {shard: self._board.seen(lease_name(shard)) for shard in range(self.shards)}
        return {shard: seen for shard, seen in found.items() if seen is not None}

    def _tell_wishes(self) -> None:
        """Wake who waits where somebody has asked for something."""
        asked = self.asked
        if asked - self._last_asked:
            self._moved.set()
        self._last_asked = asked

    def _note(self, problem: str, *, level: int = logging.ERROR) -> None:
        """Remember why nothing can be taken, and tell it once."""
        if problem == self._problem:
            return
        self._problem = problem
        if problem:
            _LOG.log(level, "no Lease can be taken: %s", problem)
        self._hindered(problem)

    def _tell_holder(self, view: View) -> None:
        """Say once whom a replica without work waits for."""
        holder = "" if view.held else self.holder_of(STATUS_SHARD)
        if holder and holder != self._told_holder:
            seen = view.seen[STATUS_SHARD].record
            _LOG.info(
                "waiting for Lease %s, which %s holds; it is free when that one gives it back or "
                "is silent for %g s",
                seen.name,
                holder,
                seen.duration_s,
            )
        self._told_holder = holder

    def _tell(self, record: LeaseRecord, what: str) -> None:
        """Record an event, in the background: nobody waits for it."""

        async def tell() -> None:
            try:
                async with asyncio.timeout(_TELL_S):
                    await self._writer.tell(record, what)
            except (TimeoutError, UpdaterError) as error:
                _LOG.warning("the event %r cannot be recorded: %s", what, error)

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
