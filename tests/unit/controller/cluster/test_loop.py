"""The loop where things happen at awkward moments, with a store whose moments the test chooses."""

import asyncio
import contextlib

import pytest

from argocd_image_updater.controller.cluster.loop import Loop
from argocd_image_updater.controller.cluster.schedule import Schedule
from argocd_image_updater.controller.cluster.turns import Always
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport
from argocd_image_updater.kube.changes import Change, Changes
from argocd_image_updater.kube.decoding import Decoded
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS

A, B = ObjectKey("team", "a"), ObjectKey("team", "b")
LIMIT_S = 10.0


class Store:
    """Objects that the test puts in and takes out."""

    def __init__(self, *keys):
        self.objects = {}
        self.complete = True
        self._changes = Changes()
        for key in keys:
            self.put(key)

    def put(self, key, *, generation=1, deleting=False, version="1"):
        self.objects[key] = Decoded(
            key,
            uid=f"of {key}",
            resource_version=version,
            generation=generation,
            deleting=deleting,
            value=object(),
        )
        self._changes.add(Change(IMAGE_UPDATERS, key))

    def drop(self, key):
        del self.objects[key]
        self._changes.add(Change(IMAGE_UPDATERS, key, is_gone=True))

    def is_read(self):
        self.complete = True
        self._changes.wake()

    def keys(self, _kind):
        return tuple(sorted(self.objects))

    def find(self, _kind, key):
        return self.objects.get(key)

    def is_current(self, _namespace):
        return self.complete

    def take_changes(self):
        return self._changes.take()

    async def wait_changes(self):
        return await self._changes.wait()


class World(Always):
    """Engines, outlets and turns: remembers the calls, and does what the test says in them."""

    def __init__(self):
        super().__init__()
        self.cycles = []
        self.deleted_keys = []
        self.failures = []
        self.lets_go = True
        self.in_cycle = lambda: None
        self.report = CycleReport()
        self.telling_fault = None
        self.has_more = False
        self._moved = asyncio.Event()
        self._progress = asyncio.Event()

    async def run_cycle(self, due):
        self.cycles.append({key.name for key in due})
        self.in_cycle()
        self._progress.set()
        return self.report

    async def working(self, due): ...

    async def over(self, _report):
        if self.telling_fault:
            raise self.telling_fault

    def began(self, due): ...

    async def failed(self, error, _due):
        self.failures.append(error)

    async def deleted(self, key):
        self.deleted_keys.append(key.name)
        self._progress.set()
        return self.lets_go

    async def settle(self):
        await asyncio.sleep(0)
        found, self.has_more = self.has_more, False
        return found

    async def moved(self):
        await self._moved.wait()
        self._moved.clear()

    def gain(self):
        self.has_more = True
        self._moved.set()

    async def until(self, is_true):
        """Wait until something that is remembered makes it true."""
        async with asyncio.timeout(LIMIT_S):
            while not is_true():
                await self._progress.wait()
                self._progress.clear()


@pytest.fixture
async def world():
    return World()


@pytest.fixture
async def run(world):
    """Return a function that runs a loop over a store until the end of the test."""
    async with contextlib.AsyncExitStack() as stack:

        def start(store, interval_s=3600.0, **options):
            schedule = Schedule(interval_s)
            stopping = asyncio.Event()
            loop = Loop(
                store=store,
                session=world,
                outlets=world,
                schedule=schedule,
                turns=world,
                ready=lambda: None,
                **options,
            )
            task = asyncio.create_task(loop.run(stopping))
            stack.push_async_callback(ended, task, stopping)
            return schedule

        yield start


async def ended(task, stopping):
    stopping.set()
    async with asyncio.timeout(LIMIT_S):
        await task


async def test_what_is_new_during_a_cycle_over_all_brings_no_other_cycle_over_all(world, run):
    store = Store(A)

    def create_another():
        if len(world.cycles) == 2:
            store.put(B)

    world.in_cycle = create_another
    run(store, interval_s=0.2)
    await world.until(lambda: len(world.cycles) == 4)

    assert world.cycles == [{"a"}, {"a"}, {"b"}, {"a", "b"}]


async def test_what_goes_while_the_share_of_the_work_grows_is_let_go_of(world, run):
    store = Store(A, B)
    schedule = run(store)
    await world.until(lambda: world.cycles)

    store.put(A, generation=2)
    store.drop(A)
    world.gain()
    await world.until(lambda: len(world.cycles) == 2)

    assert world.deleted_keys == ["a"]
    assert schedule.depth == 1, "the other one, whose cycle runs"


async def test_what_could_not_be_let_go_of_is_let_go_of_later(world, run):
    store = Store(A)
    world.lets_go = False
    run(store, release_again_s=0.01)
    await world.until(lambda: world.cycles)

    store.put(A, deleting=True, version="2")
    await world.until(lambda: len(world.deleted_keys) >= 3)
    world.lets_go = True
    count = len(world.deleted_keys)
    await world.until(lambda: len(world.deleted_keys) > count)
    told = len(world.deleted_keys)
    store.put(B)
    await world.until(lambda: world.cycles[-1] == {"b"})

    assert len(world.deleted_keys) == told


async def test_who_takes_over_lets_go_of_what_its_predecessor_could_not(world, run):
    store = Store(A)
    store.put(A, deleting=True, version="2")
    run(store)
    await world.until(lambda: world.deleted_keys == ["a"])

    world.gain()

    await world.until(lambda: world.deleted_keys == ["a", "a"])


async def test_a_namespace_that_becomes_readable_during_the_cycle_brings_its_resources_again(
    world, run
):
    store = Store(A)
    store.complete = False
    world.in_cycle = store.is_read

    run(store, interval_s=0.0)

    await world.until(lambda: world.cycles == [{"a"}, {"a"}])


async def test_a_namespace_that_becomes_readable_and_is_empty_brings_its_resources_again(
    world, run
):
    store = Store(A)
    store.complete = False
    run(store, interval_s=0.0)
    await world.until(lambda: world.cycles)

    store.is_read()

    await world.until(lambda: world.cycles == [{"a"}, {"a"}])


async def test_a_fault_while_a_cycle_is_told_does_not_end_the_loop(world, run):
    store = Store(A)
    world.telling_fault = RuntimeError("of the test")
    run(store)
    await world.until(lambda: world.cycles)

    store.put(A, generation=2)

    await world.until(lambda: world.cycles == [{"a"}, {"a"}])


async def test_what_changes_with_time_is_decided_again_when_the_time_has_come(world, run):
    store = Store(A, B)
    # The wall clock stands still, so each cycle finds the same moment to be near.
    decision = Decision(A, A, "web", "web", Reason.TOO_YOUNG, "", due_at_ns=1_000_050_000_000)
    world.report = CycleReport(decisions=(decision,))
    run(store, interval_s=0, unix_ns=lambda: 1_000_000_000_000, soonest_s=0.01)
    await world.until(lambda: len(world.cycles) == 3)

    assert world.cycles == [{"a", "b"}, {"a"}, {"a"}]
