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
from argocd_image_updater.kube.shards.reports import (
    DATA_KEY,
    NAME_PREFIX,
    SHARD_LABEL,
    ShardReports,
)
from argocd_image_updater.net.timing import Backoff
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


def together(reports, *keys, status=None):
    return reports.together(keys or (ONE,), status_of=lambda _: status or {})


def names(report):
    return [item.application.name for item in report.decisions]


def updates(report):
    return [item.application.name for item in report.news[ONE]]


async def news_of(reports, limit_s=10):
    async with asyncio.timeout(limit_s):
        return await reports.wait_news()


async def test_the_results_of_another_shard_reach_who_writes_the_status(api, namespace, replica):
    zero, one = await replica(0), await replica(1)
    own = a_report(1, 2, shard=0)
    assert await zero.publish(own, known=[ONE]) == ()
    assert together(zero).pending == {ONE: (1,)}

    began = time.monotonic()
    await one.publish(a_report(3, 4, 5, shard=1), known=[ONE])
    assert await news_of(zero) == {ONE}
    print(f"written and seen by shard 0 after {time.monotonic() - began:.3f} s")

    merged = together(zero)
    assert names(merged) == [
        *("app-0-00001", "app-0-00002"),
        *("app-1-00003", "app-1-00004", "app-1-00005"),
    ]
    assert merged.resources[ONE].applications == merged.counters.applications == 5
    assert not merged.pending
    maps = [item["metadata"]["name"] for item in api.objects.list(CONFIG_MAP, namespace=namespace)]
    assert f"{NAME_PREFIX}1" in maps
    assert f"{NAME_PREFIX}0" not in maps


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
    assert updates(together(zero)) == ["app-0-00001"]
    await one.publish(a_report(2, 3, shard=1, reason=Reason.UPDATED), known=[ONE])
    await news_of(zero)
    assert updates(together(zero)) == ["app-0-00001", "app-1-00002", "app-1-00003"]
    assert updates(together(zero)) == []
    await zero.publish(a_report(1, shard=0), known=[ONE])
    assert updates(together(zero)) == []


async def test_who_becomes_the_leader_does_not_tell_again_what_the_status_lists(replica):
    one, two = await replica(1, shards=3), await replica(2, shards=3)
    await one.publish(a_report(1, shard=1, shards=3, reason=Reason.UPDATED), known=[ONE])
    await two.publish(a_report(2, shard=2, shards=3, reason=Reason.UPDATED), known=[ONE])
    listed = {"recentUpdates": [{"alias": "web", "newVersion": "2", "applicationsUpdated": 2}]}
    zero = await replica(0, shards=3)
    await zero.wait_read()
    await zero.publish(a_report(shard=0, shards=3), known=[ONE])
    assert updates(together(zero, status=listed)) == []
    # What comes later is new, also where the status lists it already.
    await two.publish(a_report(2, shard=2, shards=3, reason=Reason.UPDATED), known=[ONE])
    await news_of(zero)
    seen = []
    await eventually(lambda: seen.extend(updates(together(zero, status=listed))) or seen)
    assert seen == ["app-1-00001", "app-2-00002", "app-2-00002"]


async def test_what_was_written_while_nobody_held_shard_0_is_told_later(replica):
    one = await replica(1)
    await one.publish(a_report(1, shard=1, reason=Reason.UPDATED), known=[ONE])
    await one.publish(a_report(1, shard=1), known=[ONE])
    zero = await replica(0)
    await zero.wait_read()
    await zero.publish(a_report(shard=0), known=[ONE])
    assert updates(together(zero)) == ["app-1-00001"]
    assert updates(together(zero)) == []


async def test_a_cycle_over_some_resources_leaves_the_results_of_the_others(replica):
    zero, one = await replica(0), await replica(1)
    two = ObjectKey("argocd", "two")
    await one.publish(a_report(1, shard=1), known=[ONE, two])
    await one.publish(CycleReport(resources={two: ResourceResult(1)}), known=[ONE, two])
    await eventually(lambda: len(zero._memory._others.get(1, ())) == 2)
    await one.publish(CycleReport(resources={two: ResourceResult(2)}), known=[two])
    await eventually(lambda: set(zero._memory._others[1]) == {two})


async def test_a_replica_that_becomes_the_leader_sees_what_was_written_before(replica):
    one, two = await replica(1, shards=3), await replica(2, shards=3)
    await one.publish(a_report(1, shard=1, shards=3), known=[ONE])
    await two.publish(a_report(2, shard=2, shards=3), known=[ONE])
    one.hold(frozenset({0, 1}))
    assert await news_of(one) == {ONE}
    assert not together(one).resources  # nothing was found yet for shard 0
    await one.publish(a_report(7, shard=0, shards=3), known=[ONE])
    assert names(together(one)) == ["app-0-00007", "app-2-00002"]


async def test_what_was_found_stays_known_while_a_shard_changes_its_holder(replica):
    zero, one, two = [await replica(shard, shards=3) for shard in range(3)]
    own = a_report(0, shard=0, shards=3)
    await zero.publish(own, known=[ONE])
    await one.publish(a_report(1, shard=1, shards=3), known=[ONE])
    await two.publish(a_report(2, shard=2, shards=3), known=[ONE])
    await eventually(lambda: not together(zero).pending)
    everything = names(together(zero))

    zero.hold(frozenset({0, 1}))
    assert names(together(zero)) == everything
    zero.hold(frozenset({0}))
    assert names(together(zero)) == everything

    # Who never listened goes on from what was written.
    one.hold(frozenset({1, 2}))
    await one.publish(CycleReport(ownership=Ownership(3)), known=[ONE])
    assert set(one._memory.own(2)) == {ONE}


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
    await zero.publish(a_report(1, shard=0), known=[ONE])
    assert names(together(zero)) == ["app-0-00001"]
    one = await replica(1)
    await one.publish(a_report(2, shard=1), known=[ONE])
    await eventually(lambda: names(together(zero)) == ["app-0-00001", "app-1-00002"])
    # What was known stays known without its ConfigMap.
    seen = zero._following[1]
    api.objects.delete(CONFIG_MAP, name, namespace=namespace)
    api.objects.create(document)
    await eventually(lambda: caplog.text.count("is passed over") >= 2)
    assert seen is zero._following[1]
    assert names(together(zero)) == ["app-0-00001", "app-1-00002"]


async def test_a_report_of_another_number_of_shards_is_passed_over(replica):
    zero, old = await replica(0, shards=2), await replica(1, shards=3)
    await old.publish(a_report(1, shard=1, shards=3), known=[ONE])
    await zero.publish(a_report(shard=0), known=[ONE])
    new = await replica(1)
    await new.publish(a_report(2, shard=1), known=[ONE])
    await news_of(zero)
    assert names(together(zero)) == ["app-1-00002"]


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
    await zero.publish(a_report(shard=0), known=[ONE])
    merged = together(zero)
    assert merged.counters.images_considered == 12_000
    assert merged.warnings


async def test_a_report_that_cannot_be_written_is_a_warning(connect, namespace):
    reports = ShardReports(
        await connect(user="reader"), namespace=namespace, shards=2, identity="pod"
    )
    reports.hold(frozenset({1}))
    read, written = await reports.publish(a_report(1, shard=1), known=[ONE])
    assert "the last report of shard 1 cannot be read" in read
    assert "the report of shard 1 cannot be written" in written


async def test_with_one_shard_nothing_is_written_or_followed(api, namespace, replica):
    alone = await replica(0, shards=1)
    own = a_report(1, shard=0, shards=1)
    assert await alone.publish(own, known=[ONE]) == ()
    assert alone.is_alone
    found = api.objects.list(CONFIG_MAP, namespace=namespace)
    assert not [item for item in found if item["metadata"]["name"].startswith(NAME_PREFIX)]
