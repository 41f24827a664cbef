"""How fast and how parallel one API host is asked.

Rules: 1. requests are spaced evenly by the limit of their endpoint, and up to `BURST_SLOTS` unused
slots may be caught up on (GCRA); 2. the state is one per host, so two endpoints with the same host
share it; 3. the number of requests in flight is halved when the host complains and grows back by
one per full round of good answers; 4. a host that answers 429 or 503 is left alone for as long as
it asks, and one that says that nothing is left of its limit, until it comes back; where little is
left, it is spread over the time until then. Nothing is dropped: callers wait, first come first
served; but not for a pause that is longer than their patience. A caller may want fewer requests in
flight than others, or more: its own bound is what it waits for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.net.timing import Timing
    from argocd_image_updater.registry.quotas import Quota

BURST_SLOTS = 10
DEFAULT_CONNECTIONS = 20
MAX_GATES = 4_096
SCARCE_SHARE = 0.1  # of a limit: what is left below it is spread
SCARCE_COUNT = 10  # the same where the limit is not told
SHRINK_INTERVAL_S = 1.0  # a burst of complaints about one overload counts once


class RequestBucket:
    """Even spacing with a small burst; pure arithmetic on the time that is handed in."""

    def __init__(self) -> None:
        self._next_slot: float | None = None

    def reserve(self, now: float, *, limit_per_s: float) -> float:
        """Take the next slot and return the seconds until it; a limit of 0 takes none."""
        if limit_per_s <= 0:
            return 0.0
        spacing = 1.0 / limit_per_s
        if self._next_slot is None:
            self._next_slot = now
        slot = max(self._next_slot, now - BURST_SLOTS * spacing)
        self._next_slot = slot + spacing
        return max(0.0, slot - now)


class ScarceQuota:
    """What is left of a host's own limit, spread evenly until it comes back; no bursts."""

    def __init__(self) -> None:
        self._spacing_s = 0.0
        self._until = 0.0
        self._next_slot = 0.0

    def heed(self, quota: Quota, now: float) -> None:
        """Begin to spread where little is left, and end it where there is enough again."""
        scarce = SCARCE_COUNT if quota.limit is None else quota.limit * SCARCE_SHARE
        if not quota.reset_s or not 0 < quota.remaining <= scarce:
            self._until = 0.0
            return
        if now >= self._until:
            self._next_slot = now
        self._spacing_s = quota.reset_s / quota.remaining
        self._until = now + quota.reset_s

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next slot."""
        return max(0.0, self._next_slot - now) if now < self._until else 0.0

    def take(self, now: float) -> None:
        """Take the next slot."""
        if now < self._until:
            self._next_slot = max(self._next_slot, now) + self._spacing_s


class HostGate:
    """The entrance to one host: every request enters, and leaves when its answer is read."""

    def __init__(self, timing: Timing, *, connections: int = DEFAULT_CONNECTIONS) -> None:
        self._timing = timing
        self._bucket = RequestBucket()
        self._scarce = ScarceQuota()
        self._usual = self._most = connections
        self._window = float(connections)
        self._active = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()
        self._paused_until = 0.0
        self._shrunk_at = float("-inf")

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return int(self._window)

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost with this gate."""
        return not self._active and not self._queue and not self.pause_left_s()

    def pause_left_s(self) -> float:
        """Return how long the host still wants to be left alone."""
        return max(0.0, self._paused_until - self._timing.monotonic())

    def come_back_s(self) -> float:
        """Return after which time a request can be sent again."""
        return max(self.pause_left_s(), self._scarce.wait_s(self._timing.monotonic()))

    def heed(self, quota: Quota) -> None:
        """Do as the host says about its own limit."""
        if quota.remaining == 0 and quota.reset_s:
            self.pause(quota.reset_s)
        self._scarce.heed(quota, self._timing.monotonic())

    async def enter(
        self, *, limit_per_s: int, connections: int = 0, patience_s: float = inf
    ) -> bool:
        """Wait for a slot of the rate limit, for a free connection and for the end of a pause.

        connections: most requests in flight for this caller, 0 = the usual number.
        False, and nothing to leave, where the pause is longer than the caller's patience.
        """
        bound = connections or self._usual
        self._widen(bound)
        if self.come_back_s() > patience_s:
            return False
        now = self._timing.monotonic()
        wait_s = max(self._scarce.wait_s(now), self._bucket.reserve(now, limit_per_s=limit_per_s))
        self._scarce.take(now)
        if wait_s > 0:
            await self._timing.sleep(wait_s)
        await self._take_connection(bound)
        try:
            while 0 < (pause_s := self.pause_left_s()) <= patience_s:
                await self._timing.sleep(pause_s)
        except BaseException:
            self.leave()
            raise
        if pause_s > patience_s:  # it began while this caller waited
            self.leave()
            return False
        return True

    def leave(self) -> None:
        """Free the connection for the next in line."""
        self._active -= 1
        self._admit_waiting()

    def pause(self, pause_s: float) -> None:
        """Send nothing for this time; a longer pause that runs already stays."""
        self._paused_until = max(self._paused_until, self._timing.monotonic() + pause_s)

    def shrink(self) -> None:
        """Halve the number of connections: the host is overloaded."""
        now = self._timing.monotonic()
        if now - self._shrunk_at >= SHRINK_INTERVAL_S:
            self._shrunk_at = now
            self._window = max(1.0, self._window / 2)

    def grow(self) -> None:
        """Note a good answer."""
        if self._window < self._most:
            self._window = min(float(self._most), self._window + 1.0 / self._window)
            self._admit_waiting()

    def _widen(self, bound: int) -> None:
        """Let the window grow as far as the most generous caller wants."""
        if bound > self._most:
            unshrunk = self._window >= self._most
            self._most = bound
            if unshrunk:
                self._window = float(bound)

    async def _take_connection(self, bound: int) -> None:
        if not self._queue and self._active < min(self.window, bound):
            self._active += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((turn, bound))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and cancelled at the same time
                self.leave()
            else:
                self._admit_waiting()  # the next may have a wider bound
            raise

    def _admit_waiting(self) -> None:
        while self._queue:
            turn, bound = self._queue[0]
            if not turn.done():
                if self._active >= min(self.window, bound):
                    return
                self._active += 1
                turn.set_result(None)
            self._queue.popleft()


class HostGates:
    """The gates of all hosts, made on first use.

    Names of hosts come from the configuration, from images and from what registries call their
    token service; where they are very many, idle gates are given up.
    """

    def __init__(self, timing: Timing, *, connections: int = DEFAULT_CONNECTIONS) -> None:
        self._timing = timing
        self._connections = connections
        self._gates: dict[str, HostGate] = {}

    def gate(self, host: str) -> HostGate:
        """Return the gate of ``host[:port]``."""
        found = self._gates.get(host)
        if found is None:
            if len(self._gates) >= MAX_GATES:
                self._gates = {name: one for name, one in self._gates.items() if not one.is_idle}
            found = self._gates[host] = HostGate(self._timing, connections=self._connections)
        return found
