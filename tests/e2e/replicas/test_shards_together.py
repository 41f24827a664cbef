"""Three replicas that share the work: what each does, and what users see of it.

The times are the product's own: 15 s until a silent holder counts as dead, and 10 s in which a free
shard is left to replicas that have none.
"""

import contextlib
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from clusters.samples import RESOURCE
from e2e.replicas.fleet import NEW, NEWER, RESOURCES, problems_of

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
SHARDS = 3


@contextlib.contextmanager
def three(fleet):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(fleet.replica(f"--shards={SHARDS}")) for _ in range(SHARDS)]


def versions_of(fleet, since):
    """Return every version that the resources had since these, by name."""

    def watch(document):
        objects = fleet.api.objects_as()  # a connection of its own: all are asked at once
        try:
            return objects.later_versions(document)
        finally:
            objects.close()

    with ThreadPoolExecutor(len(since)) as pool:
        names = [document["metadata"]["name"] for document in since]
        return dict(zip(names, pool.map(watch, since), strict=True))


def resources(fleet):
    return fleet.objects.list(RESOURCE, namespace=fleet.namespace)


def check_whole(fleet, versions):
    """No status was ever less than whole."""
    for name, found in versions.items():
        for document in found:
            wrong = problems_of(document["status"], fleet.size // RESOURCES)
            assert not wrong, f"{name}: {wrong}: {json.dumps(document['status'], indent=1)}"


def test_three_replicas_divide_the_work_and_tell_of_it_together(make_fleet):
    fleet = make_fleet()
    fleet.push(NEW)
    fleet.create_resources()
    with three(fleet) as replicas:
        began = time.monotonic()
        fleet.wait_for_shards(*replicas, shards=SHARDS)
        fleet.wait_until_written(NEW)
        print(f"{fleet.size} Applications are written after {time.monotonic() - began:.1f} s")
        check_divided(fleet, replicas)
        check_quiet(fleet, replicas)
        fleet.check_written_once(NEW)
        for one in replicas:
            assert one.stop() == 0, one.log_tail()
    fleet.check_written_once(NEW)


def check_divided(fleet, replicas):
    """One process pushes to a repository, one patches an Application, one writes the status."""
    committers = [{who for who, _ in found} for found in fleet.commits()]
    assert [len(found) for found in committers] == [1] * len(committers), committers
    patches = fleet.writers("applications")
    assert all(sum(found.values()) == 1 for found in patches.values()), patches
    assert len(patches) == fleet.size // 2
    did = Counter(who for found in patches.values() for who in found)
    assert set(did) == {one.account for one in replicas}, did
    (leader,) = [one for one in replicas if 0 in one.held()]
    told = Counter(who for found in fleet.writers("imageupdaters/status").values() for who in found)
    assert set(told) == {leader.account}, told


def check_quiet(fleet, replicas):
    """Without news a cycle changes the time of the check and nothing else, once."""
    for one in replicas:
        one.wait_for_cycles(2)
    (leader,) = [one for one in replicas if 0 in one.held()]
    cycles, before = leader.cycles(), resources(fleet)
    fleet.api.forget_requests()
    for one in replicas:
        one.wait_for_cycles(3)
    versions = versions_of(fleet, before)
    cycles = leader.cycles() - cycles
    for document in before:
        known = document["status"]
        found = versions[document["metadata"]["name"]]
        assert 3 <= len(found) <= cycles + 1  # written once in each, the last may still be written
        for later in found:
            changed = {n for n, value in later["status"].items() if value != known.get(n)}
            assert changed <= {"lastCheckedAt"}, (changed, known, later["status"])
    counts = Counter()
    for event in fleet.api.requests():
        if fleet.name in event["user"]["username"] and event["verb"] != "watch":
            counts[event["verb"], event.get("objectRef", {}).get("resource")] += 1
    print(f"requests of {SHARDS} replicas in {cycles} idle cycles: {dict(counts)}")
    assert not counts["list", "applications"]
    assert not counts["patch", "configmaps"], "a report says nothing new"
    assert not counts["create", "configmaps"]


def test_the_shard_of_a_killed_replica_is_worked_on_and_given_to_its_successor(make_fleet):
    fleet = make_fleet()
    fleet.push(NEW)
    fleet.create_resources()
    with three(fleet) as replicas:
        fleet.wait_for_shards(*replicas, shards=SHARDS)
        fleet.wait_until_written(NEW)
        before = resources(fleet)
        (victim,) = [one for one in replicas if 0 in one.held()]
        others = [one for one in replicas if one is not victim]
        victim.kill()
        began = time.monotonic()
        fleet.push(NEWER)
        fleet.wait_for_shards(*others, shards=SHARDS)
        print(f"the shard is held again {time.monotonic() - began:.1f} s after the kill")
        fleet.wait_until_written(NEWER)
        print(f"all is written {time.monotonic() - began:.1f} s after the kill")
        check_whole(fleet, versions_of(fleet, before))
        fleet.check_written_once(NEW, NEWER)

        before = resources(fleet)
        began = time.monotonic()
        victim.start()
        fleet.wait_for_shards(*replicas, shards=SHARDS)
        print(f"the new one has a shard {time.monotonic() - began:.1f} s after its start")
        for one in replicas:
            one.wait_for_cycles(2)
        check_whole(fleet, versions_of(fleet, before))
        fleet.check_written_once(NEW, NEWER)
