"""What makes the loop run a cycle, with the objects of a real API server."""

import asyncio
import contextlib

import pytest

from argocd_image_updater.controller.cluster.loop import Loop
from argocd_image_updater.controller.cluster.schedule import Schedule
from argocd_image_updater.controller.cluster.turns import Always
from argocd_image_updater.core.report import CycleReport
from clusters.samples import RESOURCE, an_image_updater, eventually


class Record:
    """Takes the place of the engines and of everybody who is told; remembers the calls."""

    def __init__(self):
        self.cycles = []
        self.deleted_keys = []
        self.failures = []
        self.is_ready = False
        self.fault = None

    async def run_cycle(self, due):
        self.cycles.append({key.name for key in due})
        if self.fault:
            raise self.fault
        return CycleReport()

    async def working(self, due): ...

    async def over(self, report): ...

    def began(self, due): ...

    async def failed(self, error, _due):
        self.failures.append(error)

    async def deleted(self, key):
        self.deleted_keys.append(key.name)
        return True

    def ready(self):
        self.is_ready = True


@pytest.fixture
async def start(connect, run_store, namespace):
    """Return a function that starts a loop over the namespace of the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(interval_s=3600.0, fault=None):
            store, _ = await run_store(await connect(), namespace)
            record = Record()
            record.fault = fault
            stopping = asyncio.Event()
            loop = Loop(
                store=store,
                session=record,
                outlets=record,
                schedule=Schedule(interval_s),
                turns=Always(),
                ready=record.ready,
            )
            task = asyncio.create_task(loop.run(stopping))
            stack.push_async_callback(ended, task, stopping)
            await eventually(lambda: record.is_ready)
            return record

        yield make


async def ended(task, stopping):
    stopping.set()
    async with asyncio.timeout(5):
        await task


def edit(api, name, namespace, image):
    spec = an_image_updater(name, namespace, image=image)["spec"]
    api.objects.patch(RESOURCE, name, namespace=namespace, change={"spec": spec})


async def test_the_first_cycle_is_about_all_resources(api, namespace, start):
    for name in ("a", "b"):
        api.objects.create(an_image_updater(name, namespace))

    record = await start()

    assert record.cycles == [{"a", "b"}]


async def test_a_new_resource_gets_a_cycle_of_its_own(api, namespace, start):
    api.objects.create(an_image_updater("a", namespace))
    record = await start()

    api.objects.create(an_image_updater("b", namespace))

    await eventually(lambda: record.cycles == [{"a"}, {"b"}])


async def test_an_edit_gets_a_cycle_and_a_status_does_not(api, namespace, start):
    for name in ("a", "b"):
        api.objects.create(an_image_updater(name, namespace))
    record = await start()

    api.objects.patch(
        RESOURCE,
        "a",
        namespace=namespace,
        subresource="status",
        change={"status": {"imagesManaged": 3}},
    )
    api.objects.patch(
        RESOURCE, "a", namespace=namespace, change={"metadata": {"labels": {"team": "x"}}}
    )
    edit(api, "b", namespace, "redis")

    await eventually(lambda: record.cycles == [{"a", "b"}, {"b"}])


async def test_a_resource_that_is_made_anew_under_its_name_gets_a_cycle(api, namespace, start):
    api.objects.create(an_image_updater("a", namespace))
    record = await start()

    api.objects.delete(RESOURCE, "a", namespace=namespace)
    api.objects.create(an_image_updater("a", namespace))

    await eventually(lambda: record.cycles == [{"a"}, {"a"}])


async def test_a_deleted_resource_is_let_go_of_and_has_no_cycle(api, namespace, start):
    for name in ("a", "b"):
        api.objects.create(an_image_updater(name, namespace))
    record = await start()

    api.objects.delete(RESOURCE, "a", namespace=namespace)
    await eventually(lambda: record.deleted_keys == ["a"])
    edit(api, "b", namespace, "redis")

    await eventually(lambda: record.cycles == [{"a", "b"}, {"b"}])


async def test_a_resource_that_waits_for_its_finalizers_is_let_go_of_once(api, namespace, start):
    document = an_image_updater("a", namespace)
    document["metadata"]["finalizers"] = ["example.com/keep"]
    api.objects.create(document)
    record = await start()

    api.objects.delete(RESOURCE, "a", namespace=namespace)
    await eventually(lambda: record.deleted_keys == ["a"])
    api.objects.create(an_image_updater("b", namespace))

    await eventually(lambda: record.cycles == [{"a"}, {"b"}])
    assert record.deleted_keys == ["a"]
    api.objects.patch(RESOURCE, "a", namespace=namespace, change={"metadata": {"finalizers": None}})


async def test_a_cycle_that_fails_does_not_end_the_loop(api, namespace, start):
    api.objects.create(an_image_updater("a", namespace))
    record = await start(fault=RuntimeError("of the test"))
    record.fault = None

    edit(api, "a", namespace, "redis")

    await eventually(lambda: record.cycles == [{"a"}, {"a"}])
    assert [type(error) for error in record.failures] == [RuntimeError]


async def test_the_interval_brings_everything_again(api, namespace, start):
    for name in ("a", "b"):
        api.objects.create(an_image_updater(name, namespace))

    record = await start(interval_s=0.05)

    await eventually(lambda: len(record.cycles) >= 3)
    assert record.cycles[:3] == [{"a", "b"}] * 3


async def test_a_pause_runs_nothing_but_still_lets_go_of_what_is_deleted(api, namespace, start):
    api.objects.create(an_image_updater("a", namespace))
    record = await start(interval_s=-1.0)

    api.objects.delete(RESOURCE, "a", namespace=namespace)

    await eventually(lambda: record.deleted_keys == ["a"])
    assert record.cycles == []


async def test_a_resource_without_a_spec_is_told_once(api, namespace, start):
    document = an_image_updater("a", namespace)
    del document["spec"]
    api.objects.create(document)
    record = await start(interval_s=0.05)
    api.objects.create(an_image_updater("b", namespace))

    await eventually(lambda: record.cycles[-3:] == [{"b"}] * 3)

    assert sum("a" in cycle for cycle in record.cycles) == 1
