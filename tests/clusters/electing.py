"""Candidates for Leases on a real API server, with shortened times, and what they held when."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

from argocd_image_updater.kube.shards.lease_record import LeaseTimes
from argocd_image_updater.kube.shards.lease_writer import LEASE_TIMING
from argocd_image_updater.kube.shards.leases import ShardLeases

LEASE = "coordination.k8s.io/v1/Lease"
NAME = "c21b75f2.argoproj.io"
# Everything five times shorter than in production.
QUICK = LeaseTimes(duration_s=3, renew_deadline_s=2.0, retry_s=0.3, grace_s=1.5)


@dataclass
class Diary:
    """Who believed to hold which shard, looked at often."""

    candidates: list = field(default_factory=list)
    clashes: list = field(default_factory=list)

    async def watch(self):
        while True:
            self.look()
            await asyncio.sleep(0.002)

    def look(self):
        holders = {}
        for leases in self.candidates:
            for shard in leases.held:
                if shard in holders:
                    self.clashes.append((shard, holders[shard], leases.identity))
                holders[shard] = leases.identity


class Election:
    """Starts candidates; kills them as a dead process would end, or stops them cleanly."""

    def __init__(self, connect, namespace):
        self._connect = connect
        self._namespace = namespace
        self._stack = contextlib.AsyncExitStack()
        self.diary = Diary()

    async def __aenter__(self):
        task = asyncio.create_task(self.diary.watch())
        self._stack.callback(task.cancel)
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    async def join(self, host, *, shards=1, times=QUICK, timing=LEASE_TIMING, **access):
        leases = ShardLeases(
            await self._connect(**access),
            namespace=self._namespace,
            identity=f"{host}_test-{id(object())}-{len(self.diary.candidates)}",
            shards=shards,
            times=times,
            timing=timing,
        )
        self.diary.candidates.append(leases)
        await self._stack.enter_async_context(leases)
        return leases

    async def kill(self, leases):
        """End everything at once, and give nothing back."""
        self.diary.candidates.remove(leases)
        tasks = [*leases._tasks, *leases._renewals.values()]
        leases._tasks, leases._holdings = [], {}
        leases._renewals.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        leases._board._seen.clear()  # so that leaving the context releases nothing

    async def stop(self, leases):
        await leases.release()


async def within(awaitable, limit_s):
    """Await with a limit; return the result and how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(limit_s):
        result = await awaitable
    return result, time.monotonic() - began


async def until_held(leases, shards, *, limit_s=20):
    """Wait until a candidate holds exactly these shards."""
    async with asyncio.timeout(limit_s):
        while leases.held != set(shards):
            await leases.wait_change()
