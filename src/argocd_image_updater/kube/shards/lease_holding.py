"""Keep one Lease: renew it while that is possible in time, and know when it no longer is ours.

Promise: the right ends, by the own clock, a whole deadline after the start of the last renewal that
succeeded. Others wait longer than that, counted from later, so that it has ended here before it can
begin elsewhere. A process that slept finds its deadline passed before it writes anything.
Source of the rules: docs/high-availability.md.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from argocd_image_updater.kube.shards.lease_record import LeaseRecord, LeaseTimes
    from argocd_image_updater.kube.shards.lease_writer import LeaseWriter
    from argocd_image_updater.net.timing import Timing


class Holding:
    """A Lease that was taken. began_s: when the request that took it was sent."""

    def __init__(
        self,
        writer: LeaseWriter,
        record: LeaseRecord,
        *,
        began_s: float,
        times: LeaseTimes,
        timing: Timing,
    ) -> None:
        self.record = record
        self.valid_until_s = began_s + times.renew_deadline_s
        self._writer = writer
        self._times = times
        self._timing = timing

    @property
    def is_valid(self) -> bool:
        return self._timing.monotonic() < self.valid_until_s

    async def keep(self) -> str:
        """Renew for as long as that succeeds in time; return why it was lost."""
        while True:
            await self._timing.sleep(self._times.retry_s)
            why = await self._renew_in_time()
            if why:
                return why

    async def _renew_in_time(self) -> str:
        """Renew; return why there is nothing left to renew, empty when it succeeded."""
        fault = "the renewal came too late: this process, or its machine, stood still"
        while True:
            began_s = self._timing.monotonic()
            left_s = self.valid_until_s - began_s
            if left_s <= 0:
                return f"not renewed within {self._times.renew_deadline_s:g} s: {fault}"
            try:
                # Half of the deadline: a dead connection leaves time for another.
                async with asyncio.timeout(min(left_s, self._times.renew_deadline_s / 2)):
                    record = await self._writer.renew(self.record)
            except TimeoutError:
                fault = "the API server does not answer"
            except UpdaterError as error:
                fault = str(error)
            else:
                if record is None:
                    return "somebody else has it"
                self.record = record
                self.valid_until_s = began_s + self._times.renew_deadline_s
                return ""
            left_s = self.valid_until_s - self._timing.monotonic()
            await self._timing.sleep(max(0.0, min(self._times.retry_s, left_s)))
