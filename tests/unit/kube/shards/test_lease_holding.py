"""How long a Lease is held, in virtual time: renewals that fail, are late, or find another."""

from dataclasses import replace

import pytest

from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube.shards.lease_holding import Holding
from argocd_image_updater.kube.shards.lease_record import LeaseRecord, LeaseTimes
from argocd_image_updater.net.timing import Timing

TIMES = LeaseTimes()
RECORD = LeaseRecord("lease", "1", holder="me")


class Clock:
    """A clock that sleeping moves; stalls: how much longer than asked some sleeps take."""

    def __init__(self):
        self.now_s = 1000.0
        self.stalls = []

    async def sleep(self, seconds):
        self.now_s += seconds + (self.stalls.pop(0) if self.stalls else 0.0)

    @property
    def timing(self):
        return Timing(monotonic=lambda: self.now_s, sleep=self.sleep)


class Writer:
    """Answers renewals by a script: None = somebody else, an error, or the seconds it takes."""

    def __init__(self, clock, script):
        self.clock = clock
        self.script = list(script)
        self.asked_s = []

    async def renew(self, held):
        self.asked_s.append(self.clock.now_s)
        answer = self.script.pop(0)
        if answer is None:
            return None
        if isinstance(answer, Exception):
            raise answer
        self.clock.now_s += answer
        return replace(held, version=str(int(held.version) + 1))


async def lost_after(script, *, stalls=()):
    clock = Clock()
    clock.stalls = list(stalls)
    writer = Writer(clock, script)
    holding = Holding(writer, RECORD, began_s=1000.0, times=TIMES, timing=clock.timing)
    why = await holding.keep()
    assert not holding.is_valid or "else" in why
    return why, clock.now_s - 1000.0, writer


async def test_a_lease_is_renewed_at_each_retry():
    _, _, writer = await lost_after([0.0, 0.0, 0.0, None])
    assert writer.asked_s == [1002.0, 1004.0, 1006.0, 1008.0]


async def test_a_server_that_is_away_costs_the_lease_at_the_deadline():
    why, after_s, writer = await lost_after([0.0] + [RemoteError("away")] * 9)
    assert after_s == pytest.approx(12.0)  # the renewal at 2 s, and the deadline
    assert "not renewed within 10 s" in why
    assert "away" in why
    assert len(writer.asked_s) == 5


async def test_an_outage_that_is_shorter_is_forgotten():
    away = [RemoteError("away")] * 3
    why, after_s, _ = await lost_after([*away, 0.0, *away, 0.0, None])
    assert why == "somebody else has it"
    assert after_s == pytest.approx(18.0)


async def test_the_right_counts_from_the_start_of_a_renewal():
    _, after_s, _ = await lost_after([4.0] + [RemoteError("away")] * 9)
    assert after_s == pytest.approx(12.0)


async def test_a_process_that_stood_still_writes_nothing():
    why, _, writer = await lost_after([0.0, 0.0], stalls=[0.0, 3600.0])
    assert len(writer.asked_s) == 1
    assert "stood still" in why


async def test_the_lease_is_not_held_while_nobody_looked():
    clock = Clock()
    holding = Holding(Writer(clock, []), RECORD, began_s=1000.0, times=TIMES, timing=clock.timing)
    assert holding.is_valid
    clock.now_s += 10.0
    assert not holding.is_valid
