"""Results of shards in ConfigMaps of a real API server, and how soon shard 0 has them."""

import asyncio
import base64
import random
import time

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.decisions import Change, Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.shards import Ownership
from argocd_image_updater.kube.shard_reports import DATA_KEY, NAME_PREFIX, SHARD_LABEL, ShardReports
from argocd_image_updater.kube.timing import Backoff
from clusters.samples import eventually

CONFIG_MAP = "v1/ConfigMap"
ONE = ObjectKey("argocd", "one")


def a_report(*numbers, shard, shards=2, reason=Reason.UP_TO_DATE, generation=1, message="m"):
    """A cycle over one resource, with one Application of the shard for each number."""
    change = Change("web", "web", "web", ImageTag("1"), ImageTag("2"))
    decisions = tuple(
        Decision(
            ONE,
            ObjectKey("argocd", f"app-{shard}-{number:05}"),
            "web",
            "web",
            reason,
            message if isinstance(message, str) else message(),
            change=change if reason is Reason.UPDATED else None,
            considered=True,
        )
        for number in numbers
    )
    counters = Counters(
        len(numbers), len(numbers), images_updated=len(numbers) * (reason is Reason.UPDATED)
    )
    return CycleReport(
        decisions=decisions,
        counters=counters,
        by_resource={ONE: counters},
        resources={ONE: ResourceResult(generation, len(numbers), counters)},
        ownership=Ownership(shards, {(ONE, item.application): shard for item in decisions}),
    )


@pytest.fixture
async def replica(connect, namespace):
    """Return a function that makes the reports of one replica."""
    opened = []

    async def make(*held, shards=2, **more):
        found = ShardReports(
            await connect(),
            namespace=namespace,
            shards=shards,
            identity=f"pod-{held[0]}",
            backoff=Backoff(first_s=0.05, longest_s=0.2),
            **more,
        )
        await found.__aenter__()
        opened.append(found)
        found.hold(frozenset(held))
        return found

    yield make
    for found in opened:
        await found.__aexit__(None, None, None)


async def news_of(reports, limit_s=10):
    async with asyncio.timeout(limit_s):
        return await reports.wait_news()


async def test_the_results_of_another_shard_reach_who_writes_the_status(api, namespace, replica):
    zero, one = await replica(0), await replica(1)
    own = a_report(1, 2, shard=0)
    assert await zero.publish(own, known=[ONE]) == ()
    assert zero.merge(own) == own

    began = time.monotonic()
    await one.publish(a_report(3, 4, 5, shard=1), known=[ONE])
    assert await news_of(zero) == {ONE}
    print(f"written and seen by shard 0 after {time.monotonic() - began:.3f} s")

    merged = zero.merged([ONE])
    assert [item.application.name for item in merged.decisions] == [
        *("app-0-00001", "app-0-00002"),
        *("app-1-00003", "app-1-00004", "app-1-00005"),
    ]
    assert merged.resources[ONE].applications == 5
    assert zero.merge(own).counters.applications == 5
    names = [item["metadata"]["name"] for item in api.objects.list(CONFIG_MAP, namespace=namespace)]
    assert f"{NAME_PREFIX}1" in names
    assert f"{NAME_PREFIX}0" not in names


async def test_a_report_is_written_only_when_it_says_something_new(api, namespace, replica):
    one = await replica(1)

    def version():
        found = api.objects.get(CONFIG_MAP, f"{NAME_PREFIX}1", namespace=namespace)
        return found["metadata"]["resourceVersion"]

    await one.publish(a_report(1, shard=1), known=[ONE])
    first = version()
    for _ in range(3):
        await one.publish(a_report(1, shard=1), known=[ONE])
    assert version() == first
    await one.publish(a_report(1, 2, shard=1), known=[ONE])
    assert version() != first


async def test_a_report_that_is_old_is_written_again(api, namespace, replica):
    one = await replica(1, refresh_s=0.0)
    await one.publish(a_report(1, shard=1), known=[ONE])
    first = api.objects.get(CONFIG_MAP, f"{NAME_PREFIX}1", namespace=namespace)
    await one.publish(a_report(1, shard=1), known=[ONE])
    second = api.objects.get(CONFIG_MAP, f"{NAME_PREFIX}1", namespace=namespace)
    assert first["binaryData"] == second["binaryData"]
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


async def test_an_update_of_another_shard_is_told_once(replica):
    zero, one = await replica(0), await replica(1)
    own = a_report(1, shard=0, reason=Reason.UPDATED)
    await zero.publish(own, known=[ONE])
    assert zero.merge(own).counters.images_updated == 1
    await one.publish(a_report(2, 3, shard=1, reason=Reason.UPDATED), known=[ONE])
    await news_of(zero)
    assert zero.merged([ONE]).counters.images_updated == 2  # the own one is no news
    assert zero.merge(a_report(1, shard=0)).counters.images_updated == 0


async def test_a_cycle_over_some_resources_leaves_the_results_of_the_others(replica):
    zero, one = await replica(0), await replica(1)
    two = ObjectKey("argocd", "two")
    await one.publish(a_report(1, shard=1), known=[ONE, two])
    await one.publish(CycleReport(resources={two: ResourceResult(1)}), known=[ONE, two])
    await eventually(lambda: 1 in zero._others and len(zero._others[1].parts) == 2)
    await one.publish(CycleReport(resources={two: ResourceResult(2)}), known=[two])
    await eventually(lambda: set(zero._others[1].parts) == {two})


async def test_a_replica_that_becomes_the_leader_sees_what_was_written_before(replica):
    one, two = await replica(1, shards=3), await replica(2, shards=3)
    await one.publish(a_report(1, shard=1, shards=3), known=[ONE])
    await two.publish(a_report(2, shard=2, shards=3), known=[ONE])
    one.hold(frozenset({0, 1}))
    assert await news_of(one) == {ONE}
    assert {item.application.name for item in one.merged([ONE]).decisions} == {
        "app-1-00001",
        "app-2-00002",
    }
    one.hold(frozenset({1}))
    assert len(one.merged([ONE]).decisions) == 1


async def test_what_is_no_report_is_passed_over(api, namespace, replica, caplog):
    zero = await replica(0)
    name = f"{NAME_PREFIX}1"
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {SHARD_LABEL: "1"}},
        "binaryData": {DATA_KEY: base64.b64encode(b"nonsense").decode()},
    }
    api.objects.create(document)
    await eventually(lambda: "is passed over" in caplog.text)
    own = a_report(1, shard=0)
    assert zero.merge(own) == own
    one = await replica(1)
    await one.publish(a_report(2, shard=1), known=[ONE])
    await news_of(zero)
    assert zero.merge(own).counters.applications == 2
    api.objects.delete(CONFIG_MAP, name, namespace=namespace)
    await news_of(zero)
    assert zero.merge(own) == own


async def test_a_report_of_another_number_of_shards_is_passed_over(replica):
    zero, old = await replica(0, shards=2), await replica(1, shards=3)
    await old.publish(a_report(1, shard=1, shards=3), known=[ONE])
    new = await replica(1)
    await new.publish(a_report(2, shard=1), known=[ONE])
    await news_of(zero)
    assert [item.application.name for item in zero.merge(a_report(shard=0)).decisions] == [
        "app-1-00002"
    ]


async def test_the_largest_report_fits_into_a_config_map(api, namespace, replica):
    zero, one = await replica(0), await replica(1)
    dice = random.Random(3)
    large = a_report(*range(12_000), shard=1, message=lambda: f"{dice.getrandbits(1200):x}")
    began = time.monotonic()
    assert await one.publish(large, known=[ONE]) == ()
    await news_of(zero)
    took_s = time.monotonic() - began
    stored = api.objects.get(CONFIG_MAP, f"{NAME_PREFIX}1", namespace=namespace)
    size_bytes = len(base64.b64decode(stored["binaryData"][DATA_KEY]))
    print(f"{size_bytes} bytes of {len(large.decisions)} results were seen after {took_s:.2f} s")
    assert size_bytes <= 900 * 1024
    merged = zero.merge(a_report(shard=0))
    assert merged.counters.images_considered == 12_000
    assert merged.warnings


async def test_a_report_that_cannot_be_written_is_a_warning(connect, namespace):
    reports = ShardReports(
        await connect(user="reader"), namespace=namespace, shards=2, identity="pod"
    )
    reports.hold(frozenset({1}))
    (warning,) = await reports.publish(a_report(1, shard=1), known=[ONE])
    assert "shard 1 cannot be written" in warning


async def test_with_one_shard_nothing_is_written_or_followed(api, namespace, replica):
    alone = await replica(0, shards=1)
    own = a_report(1, shard=0, shards=1)
    assert await alone.publish(own, known=[ONE]) == ()
    assert alone.merge(own) is own
    found = api.objects.list(CONFIG_MAP, namespace=namespace)
    assert not [item for item in found if item["metadata"]["name"].startswith(NAME_PREFIX)]
