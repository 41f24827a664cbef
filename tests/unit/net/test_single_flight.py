"""Equal work at the same time is done once, for as long as somebody wants it."""

import asyncio
import contextlib

import pytest

from argocd_image_updater.net.single_flight import SingleFlight


class Work:
    """Runs until it is told its end; counts what happened to it."""

    def __init__(self):
        self.begun = self.cancelled = 0
        self.end = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "done"


async def start(flights, work, number):
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(number)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def cancel(*tasks):
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_callers_at_the_same_time_share_the_work():
    flights, work = SingleFlight(), Work()
    tasks = await start(flights, work, 3)
    work.end.set()
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert work.begun == 1


async def test_a_caller_that_is_cancelled_leaves_the_work_to_the_others():
    flights, work = SingleFlight(), Work()
    first, second = await start(flights, work, 2)
    await cancel(first)
    work.end.set()
    assert await second == "done"
    assert (work.begun, work.cancelled) == (1, 0)


async def test_the_last_caller_that_is_cancelled_ends_the_work():
    flights, work = SingleFlight(), Work()
    await cancel(*await start(flights, work, 2))
    await asyncio.sleep(0)
    assert work.cancelled == 1


async def test_who_comes_after_the_last_was_cancelled_starts_anew():
    flights, work = SingleFlight(), Work()
    tasks = await start(flights, work, 1)
    tasks[0].cancel()
    work.end.set()
    (later,) = await start(flights, work, 1)
    await cancel(*tasks)
    assert await later == "done"


async def test_a_fault_is_told_to_everybody_and_the_next_starts_anew():
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("of the test")

    flights, work = SingleFlight(), Work()
    for task in await start(flights, fail, 2):
        with pytest.raises(ValueError, match="of the test"):
            await task
    work.end.set()
    assert await flights.run("key", work) == "done"
