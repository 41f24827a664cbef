"""Host limits on a clock of our own: spacing, bursts, connections, pauses."""

import asyncio

import pytest

from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry import limits
from argocd_image_updater.registry.limits import BURST_SLOTS, HostGate, HostGates, RequestBucket
from argocd_image_updater.registry.quotas import Quota


class OwnTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self):
        self.now = 100.0

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)

    def timing(self):
        return Timing(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)


def test_requests_are_spaced_evenly_from_the_start():
    bucket = RequestBucket()
    waits = [bucket.reserve(0.0, limit_per_s=10) for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_unused_slots_are_saved_up_to_the_burst():
    bucket = RequestBucket()
    bucket.reserve(0.0, limit_per_s=10)
    waits = [bucket.reserve(60.0, limit_per_s=10) for _ in range(BURST_SLOTS + 3)]
    assert waits[: BURST_SLOTS + 1] == pytest.approx([0.0] * (BURST_SLOTS + 1))
    assert waits[BURST_SLOTS + 1 :] == pytest.approx([0.1, 0.2])


def test_no_limit_takes_no_slot():
    bucket = RequestBucket()
    assert [bucket.reserve(0.0, limit_per_s=0) for _ in range(100)] == [0.0] * 100
    assert bucket.reserve(0.0, limit_per_s=1) == 0.0


def test_two_limits_of_one_host_share_its_slots():
    bucket = RequestBucket()
    waits = [bucket.reserve(0.0, limit_per_s=limit) for limit in (10, 5, 10)]
    assert waits == pytest.approx([0.0, 0.1, 0.3])


def test_a_gate_is_made_once_per_host():
    gates = HostGates(OwnTime().timing())
    assert gates.gate("a:443") is gates.gate("a:443")
    assert gates.gate("a:443") is not gates.gate("b:443")


async def test_idle_gates_are_given_up_where_hosts_are_made_up(monkeypatch):
    monkeypatch.setattr(limits, "MAX_GATES", 2)
    gates = HostGates(OwnTime().timing())
    busy, paused = gates.gate("busy:443"), gates.gate("paused:443")
    await busy.enter(limit_per_s=0)
    paused.pause(10.0)
    gates.gate("a:443")
    idle = gates.gate("b:443")
    assert gates.gate("busy:443") is busy
    assert gates.gate("paused:443") is paused
    gates.gate("c:443")
    assert gates.gate("b:443") is not idle


async def test_callers_get_in_in_order_when_others_leave():
    gate = HostGate(OwnTime().timing(), connections=1)
    order = []

    async def call(name):
        await gate.enter(limit_per_s=0)
        order.append(name)
        await asyncio.sleep(0)
        gate.leave()

    await asyncio.gather(*(call(name) for name in "abcd"))
    assert order == list("abcd")


async def test_a_caller_that_gives_up_leaves_no_connection_taken():
    gate = HostGate(OwnTime().timing(), connections=1)
    await gate.enter(limit_per_s=0)
    waiting = asyncio.create_task(gate.enter(limit_per_s=0))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(gate.enter(limit_per_s=0), 1)


async def test_a_caller_that_is_admitted_and_gives_up_at_once_leaves_no_connection_taken():
    gate = HostGate(OwnTime().timing(), connections=1)
    await gate.enter(limit_per_s=0)
    waiting = asyncio.create_task(gate.enter(limit_per_s=0))
    await asyncio.sleep(0)
    gate.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(gate.enter(limit_per_s=0), 1)


async def test_a_pause_holds_everybody():
    own = OwnTime()
    gate = HostGate(own.timing())
    gate.pause(30.0)
    gate.pause(10.0)
    assert gate.pause_left_s() == 30.0
    await asyncio.gather(*(gate.enter(limit_per_s=0) for _ in range(3)))
    assert own.now >= 130.0


async def test_a_pause_beyond_patience_is_not_waited_for():
    own = OwnTime()
    gate = HostGate(own.timing(), connections=1)
    gate.pause(30.0)
    assert not await gate.enter(limit_per_s=0, patience_s=20.0)
    assert await gate.enter(limit_per_s=0, patience_s=40.0)
    gate.leave()
    assert own.now == 130.0


async def test_a_pause_that_begins_while_somebody_waits_frees_the_connection():
    own = OwnTime()
    gate = HostGate(own.timing(), connections=1)
    await gate.enter(limit_per_s=0)
    waiting = asyncio.create_task(gate.enter(limit_per_s=0, patience_s=20.0))
    await asyncio.sleep(0)
    gate.pause(3_600.0)
    gate.leave()
    assert await waiting is False
    own.now += 3_600
    assert await asyncio.wait_for(gate.enter(limit_per_s=0, patience_s=20.0), 1)


async def test_the_window_is_halved_once_per_complaint_and_grows_back():
    own = OwnTime()
    gate = HostGate(own.timing(), connections=8)
    for _ in range(5):
        gate.shrink()
    assert gate.window == 4
    own.now += 10
    for _ in range(10):
        gate.shrink()
        own.now += 10
    assert gate.window == 1
    for _ in range(100):
        gate.grow()
    assert gate.window == 8


async def test_each_caller_waits_for_its_own_bound():
    gate = HostGate(OwnTime().timing(), connections=4)
    for _ in range(2):
        await gate.enter(limit_per_s=0, connections=2)
    third = asyncio.create_task(gate.enter(limit_per_s=0, connections=2))
    await asyncio.sleep(0)
    assert not third.done()
    gate.leave()
    assert await third


async def test_a_wider_bound_lets_more_in_than_usual_and_others_keep_theirs():
    gate = HostGate(OwnTime().timing(), connections=1)
    for _ in range(3):
        await gate.enter(limit_per_s=0, connections=3)
    usual = asyncio.create_task(gate.enter(limit_per_s=0))
    for _ in range(2):
        gate.leave()
    await asyncio.sleep(0)
    assert not usual.done()
    gate.leave()
    assert await usual


async def test_who_gives_up_lets_one_with_a_wider_bound_pass():
    gate = HostGate(OwnTime().timing(), connections=4)
    await gate.enter(limit_per_s=0, connections=1)
    narrow = asyncio.create_task(gate.enter(limit_per_s=0, connections=1))
    await asyncio.sleep(0)
    wide = asyncio.create_task(gate.enter(limit_per_s=0))
    await asyncio.sleep(0)
    assert not wide.done()
    narrow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await narrow
    assert await wide


async def test_what_is_left_is_spread_over_the_time_until_it_comes_back():
    time = OwnTime()
    gate = HostGate(time.timing())
    gate.heed(Quota(4, limit=100, reset_s=40.0))
    entered = []
    for _ in range(4):
        assert await gate.enter(limit_per_s=0)
        entered.append(time.now)
    assert entered == pytest.approx([100.0, 110.0, 120.0, 130.0])
    time.now = 141.0
    assert gate.come_back_s() == 0.0


async def test_who_has_not_the_patience_for_a_scarce_quota_is_told_when_to_come_back():
    gate = HostGate(OwnTime().timing())
    gate.heed(Quota(2, limit=100, reset_s=600.0))
    assert await gate.enter(limit_per_s=0, patience_s=60.0)
    assert not await gate.enter(limit_per_s=0, patience_s=60.0)
    assert gate.come_back_s() == 300.0
    gate.heed(Quota(90, limit=100, reset_s=600.0))
    assert await gate.enter(limit_per_s=0, patience_s=60.0)


async def test_a_host_with_nothing_left_is_left_alone_until_it_has():
    gate = HostGate(OwnTime().timing())
    gate.heed(Quota(0, limit=100, reset_s=90.0))
    assert gate.pause_left_s() == 90.0
    gate.heed(Quota(0))  # without a time there is nothing to wait for
    assert gate.pause_left_s() == 90.0


async def test_enough_is_not_spread():
    time = OwnTime()
    gate = HostGate(time.timing())
    gate.heed(Quota(50, limit=100, reset_s=3_600.0))
    for _ in range(5):
        assert await gate.enter(limit_per_s=0)
    assert time.now == 100.0
