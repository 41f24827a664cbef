"""Several replicas and shards on a real API server: who works on what, over deaths and returns."""

import asyncio
import time

import pytest

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.kube.shards.leases import ShardLeases
from clusters.electing import LEASE, NAME, QUICK, Election, until_held, within
from clusters.samples import eventually


@pytest.fixture
async def election(connect, namespace):
    async with Election(connect, namespace) as found:
        yield found


async def give_back_when_asked(leases):
    """Do what a controller does between two cycles."""
    while True:
        await leases.wait_change()
        await leases.give_back()


@pytest.fixture
async def three(election):
    """Three replicas of a StatefulSet with a shard each, which give back what is asked for."""
    replicas, tasks = [], []
    for number in range(3):
        leases = await election.join(f"updater-{number}", shards=3)
        replicas.append(leases)
        await eventually(lambda leases=leases: leases.held)
        tasks.append(asyncio.create_task(give_back_when_asked(leases)))
    await eventually(lambda: [item.held for item in replicas] == [{0}, {1}, {2}])
    yield replicas
    for task in tasks:
        task.cancel()


async def test_each_replica_holds_the_shard_of_its_ordinal(api, election, namespace, three):
    assert [item.is_leader for item in three] == [True, False, False]
    names = {item["metadata"]["name"] for item in api.objects.list(LEASE, namespace=namespace)}
    assert names == {NAME, f"{NAME}-shard-1", f"{NAME}-shard-2"}
    assert [three[2].holder_of(shard) for shard in range(3)] == [item.identity for item in three]
    assert not three[0].unheld
    assert not election.diary.clashes


async def test_a_dead_shard_is_taken_over_and_given_back_to_who_returns(election, three):
    await election.kill(three[1])
    others = (three[0], three[2])
    await eventually(lambda: three[0].unheld == {1})
    await eventually(lambda: any(1 in item.held for item in others))

    returned = await election.join("updater-1", shards=3)
    _, took_s = await within(until_held(returned, {1}), 10)
    print(f"a replica that returned had its shard back after {took_s:.3f} s")

    assert [item.held for item in others] == [{0}, {2}]
    assert not election.diary.clashes


async def test_a_shard_that_is_given_back_cleanly_goes_to_a_waiting_replica_at_once(
    election, three
):
    spare = await election.join("updater-3", shards=3)
    await asyncio.sleep(QUICK.retry_s)
    assert spare.held == frozenset()
    stopping = asyncio.create_task(election.stop(three[0]))
    _, took_s = await within(until_held(spare, {0}), 5)
    await stopping
    print(f"a waiting replica had the shard after {took_s:.3f} s")
    assert spare.is_leader
    assert not election.diary.clashes


async def test_a_shard_is_given_back_only_where_the_controller_says_so(election):
    rich = await election.join("updater-0", shards=2)
    await until_held(rich, {0, 1})
    poor = await election.join("updater-1", shards=2)
    await eventually(lambda: rich.asked == {1})
    await asyncio.sleep(2 * QUICK.duration_s)  # however long its cycle takes
    assert rich.held == {0, 1}
    assert poor.held == frozenset()

    assert await rich.give_back() == {1}
    assert rich.held == {0}
    await until_held(poor, {1})
    assert not rich.asked
    assert not election.diary.clashes


async def test_another_number_of_shards_waits_until_the_old_ones_are_gone(election):
    old = await election.join("updater-0", shards=2)
    await until_held(old, {0, 1})
    for shards in (1, 3):
        leases = await election.join(f"new-{shards}", shards=shards)
        await eventually(lambda leases=leases: leases.problem)
        assert f"works with 2 shards and this replica with {shards}" in leases.problem
        assert leases.held == frozenset()
        await election.stop(leases)
    new = await election.join("updater-1", shards=3)
    await asyncio.sleep(QUICK.duration_s)
    assert new.held == frozenset()
    assert old.held == {0, 1}

    began = time.monotonic()
    await election.stop(old)
    await eventually(lambda: 2 in new.held)
    # It takes its own at once. Nobody could take shard 2 before: others have their grace from now.
    assert time.monotonic() - began > QUICK.grace_s / 2
    await within(until_held(new, {0, 1, 2}), 20)
    assert not new.problem
    assert not old.lost.is_set()


async def test_two_numbers_that_start_together_never_work_together(election):
    numbers = [1, 2, 3, 2, 1]
    everybody = await asyncio.gather(
        *(election.join(f"pod-{place}", shards=shards) for place, shards in enumerate(numbers))
    )
    for _ in range(400):
        working = {item.shards for item in everybody if item.held}
        assert len(working) <= 1
        await asyncio.sleep(0.005)
    await eventually(lambda: any(item.held for item in everybody))


async def test_a_holder_of_another_make_ends_the_shards(api, election, namespace):
    """As where the old controller is started beside ours while shard 0 changes hands."""
    leases = await election.join("updater-1", shards=2)
    await until_held(leases, {0, 1})
    spec = {"holderIdentity": "old-controller_1", "leaseDurationSeconds": 15}
    api.objects.patch(LEASE, NAME, change={"spec": spec}, namespace=namespace)
    await within(leases.lost.wait(), 5)
    assert leases.loss


async def test_the_number_of_shards_is_bounded(connect):
    client = await connect()
    for shards in (0, -1, 65):
        with pytest.raises(ConfigError, match="1 to 64"):
            ShardLeases(client, namespace="n", identity="a_b", shards=shards)
