"""Two replicas of which one works, and replicas that do not fit together.

A clean stop hands the work over at once; after a kill the others wait for the product's own 15 s.
"""

import re
import time
from collections import Counter

import pytest

from e2e.replicas.fleet import LEASE, LEASE_NAME, NEW, NEWER, eventually

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
SMALL = 20
# Generous: what is measured is printed, and machines of tests are busy.
STOP_LIMIT_S, KILL_LIMIT_S = 15, 40


def requests_of(fleet, replica):
    """Return what a replica has asked the API server for: (verb, resource)."""
    account = f"system:serviceaccount:{fleet.namespace}:{replica.account}"
    return set(fleet.api.request_counts(account))


def check_stands_by(fleet, replica):
    """It is ready, follows the cluster, and writes nothing."""
    replica.wait_for_role("^standby$")
    assert replica.probe("/readyz")[0] == 200
    assert "role: standby\n" in replica.probe("/readyz?verbose")[1]
    eventually(
        lambda: requests_of(fleet, replica),
        lambda asked: {("watch", "applications"), ("watch", "imageupdaters")} <= asked,
    )
    assert {verb for verb, _ in requests_of(fleet, replica)} == {"list", "watch"}
    assert not replica.cycles()


def wait_for_work(replica):
    """Wait until a replica has run a cycle; return how long that took."""
    began = time.monotonic()
    replica.wait_for_log("Processing results")
    assert replica.role() == "leader"
    return time.monotonic() - began


def test_a_standby_takes_over_when_the_leader_stops_or_dies(make_fleet):
    fleet = make_fleet(size=SMALL)
    fleet.push(NEW)
    fleet.create_resources()
    with fleet.replica() as first:
        first.wait_for_role("^leader$")
        with fleet.replica() as second:
            fleet.wait_until_written(NEW)
            check_stands_by(fleet, second)
            assert first.stop() == 0, first.log_tail()
            took_s = wait_for_work(second)
            print(f"after a clean stop the other had run a cycle within {took_s:.2f} s")
            assert took_s < STOP_LIMIT_S
            fleet.push(NEWER)
            fleet.wait_until_written(NEWER)
            # Nobody wrote what the other had written.
            each_once = Counter([first.account, second.account])
            assert list(fleet.writers("applications").values()) == [each_once] * (SMALL // 2)
            fleet.check_written_once(NEW, NEWER)
            check_told(fleet, first, second)
            check_takes_over_after_a_kill(fleet, second)


def check_told(fleet, first, second):
    """The Lease says who has it, and its events who had it."""
    told = [
        f"{first.identity} became leader",
        f"{first.identity} stopped leading",
        f"{second.identity} became leader",
    ]
    eventually(fleet.events, lambda found: sorted(found) == sorted(told))
    spec = fleet.objects.get(LEASE, LEASE_NAME, namespace=fleet.leases)["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == (second.identity, 1)


def check_takes_over_after_a_kill(fleet, leader):
    with fleet.replica() as third:
        check_stands_by(fleet, third)
        leader.kill()
        fleet.push("1.3.0")
        took_s = wait_for_work(third)
        print(f"after a kill the other had run a cycle within {took_s:.2f} s")
        assert took_s < KILL_LIMIT_S
        fleet.wait_until_written("1.3.0")
        fleet.check_written_once(NEW, NEWER, "1.3.0")
        assert f"{third.identity} became leader" in fleet.events()
        assert third.stop() == 0


def test_a_replica_with_another_number_of_shards_waits_for_the_end_of_the_first(make_fleet):
    fleet = make_fleet(size=SMALL)
    fleet.push(NEW)
    fleet.create_resources()
    with fleet.replica("--shards=2") as alone:
        alone.wait_for_role("^working on")
        with fleet.replica("--shards=3") as other:
            told = (
                r"which works with 2 shards and this replica with 3: it waits until all replicas "
                "with another number have ended"
            )
            other.wait_for_log(
                f"level=warning.*no Lease can be taken: Lease .* is held by .*{told}"
            )
            check_holds_everything(fleet, alone)
            assert other.probe("/readyz")[0] == 200
            role = other.probe("/readyz?verbose")[1]
            assert f"role: standby: Lease {LEASE_NAME}" in role
            assert told in role
            assert other.log().count("no Lease can be taken") == 1
            assert not other.cycles()
            assert {verb for verb, _ in requests_of(fleet, other)} == {"list", "watch"}

            assert alone.stop() == 0, alone.log_tail()
            began = time.monotonic()
            other.wait_for_role("^working on shard .* of 3")
            print(f"the other number of shards works after {time.monotonic() - began:.2f} s")
            fleet.wait_for_shards(other, shards=3)
            other.wait_for_cycles(2)
            fleet.check_written_once(NEW)
            assert other.stop() == 0, other.log_tail()


def check_holds_everything(fleet, replica):
    """A replica alone takes both shards in the end, and what users see is whole."""
    began = time.monotonic()
    fleet.wait_for_shards(replica, shards=2)
    print(f"one replica has both shards after {time.monotonic() - began:.1f} s")
    fleet.wait_until_written(NEW)
    fleet.check_written_once(NEW)


BROKEN = "broken"


def test_what_concerns_a_resource_as_a_whole_is_told_by_one_replica(make_fleet):
    fleet = make_fleet(size=SMALL)
    closed = fleet.objects.namespace(f"{fleet.name}-closed")
    fleet.push(NEW)
    fleet.create_resources()
    fleet.create_broken(BROKEN)
    flags = {"namespaces": [closed]}
    with fleet.replica("--shards=2", **flags) as one, fleet.replica("--shards=2", **flags) as two:
        fleet.wait_for_shards(one, two, shards=2)
        fleet.wait_until_written(NEW)
        for replica in (one, two):
            replica.wait_for_cycles(3)
        (leader,) = [replica for replica in (one, two) if 0 in replica.held()]
        (other,) = [replica for replica in (one, two) if replica is not leader]
        unread = f"applications.argoproj.io in namespace {closed}: nothing is known of it"
        for told in (unread, "malformed pattern '['"):
            assert told not in other.log()
            assert len(re.findall(f"level=error .*{re.escape(told)}", leader.log())) == 1
        status = fleet.status(BROKEN)
        assert {item["type"]: item["status"] for item in status["conditions"]} == {
            "Reconciling": "False",
            "Error": "True",
            "Ready": "False",
        }
        (writers,) = [fleet.writers("imageupdaters/status")[BROKEN]]
        assert set(writers) == {leader.account}
