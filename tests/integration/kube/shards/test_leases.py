"""Leader election by one Lease on a real API server: who may work, and for how long."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from argocd_image_updater.kube.shards.lease_writer import LEASE_TIMING
from argocd_image_updater.kube.shards.leases import LeaseLost
from clusters.electing import LEASE, NAME, QUICK, Election, until_held, within
from clusters.fault_front import FaultFront, status
from clusters.samples import eventually

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "rules": [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
        },
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ],
}


@pytest.fixture
async def election(connect, namespace):
    async with Election(connect, namespace) as found:
        yield found


@pytest.fixture
def lease_of(api, namespace):
    """Return a function that returns the Lease."""
    return lambda name=NAME: api.objects.find(LEASE, name, namespace=namespace)


def grant(api, namespace, user):
    """Give a user exactly the rights of the usual role for leader election."""
    name = {"name": "leader-election", "namespace": namespace}
    api.objects.apply(
        [
            {**ROLE, "metadata": name},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": name,
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Role",
                    "name": "leader-election",
                },
                "subjects": [{"kind": "User", "name": user}],
            },
        ]
    )


def micro(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def a_lease_of_another(namespace, *, duration_s=3, holder="other-host_6f1c"):
    """A Lease as Kubernetes' own leader election writes it."""
    now = micro(datetime.now(UTC))
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 4,
        },
    }


async def test_a_free_lease_is_taken_and_written_as_others_write_theirs(election, lease_of):
    leases = await election.join("pod-a")
    _, took_s = await within(leases.wait_held(), 5)
    print(f"a free Lease was taken after {took_s:.3f} s")

    spec = lease_of()["spec"]
    assert leases.is_leader
    assert set(spec) == {
        "holderIdentity",
        "leaseDurationSeconds",
        "acquireTime",
        "renewTime",
        "leaseTransitions",
    }
    assert spec["holderIdentity"] == leases.identity
    assert spec["leaseDurationSeconds"] == QUICK.duration_s
    assert spec["leaseTransitions"] == 0
    for field in ("acquireTime", "renewTime"):
        assert datetime.fromisoformat(spec[field]).tzinfo == UTC
        assert len(spec[field]) == len("2026-01-01T00:00:00.000000Z")
    assert not lease_of()["metadata"].get("annotations")


async def test_a_lease_that_is_given_back_is_taken_within_two_seconds(election, lease_of):
    first = await election.join("pod-a")
    await first.wait_held()
    second = await election.join("pod-b")
    await asyncio.sleep(QUICK.retry_s)
    assert second.held == frozenset()

    began = time.monotonic()
    await election.stop(first)
    released_s = time.monotonic() - began
    await within(second.wait_held(), 5)
    took_s = time.monotonic() - began
    print(f"released in {released_s:.3f} s, taken over {took_s:.3f} s after the stop began")

    assert took_s < 5  # usually below 0.1 s
    assert lease_of()["spec"]["leaseTransitions"] == 1
    assert not election.diary.clashes


async def test_what_is_given_back_says_so_as_others_do(election, lease_of):
    leases = await election.join("pod-a")
    await leases.wait_held()
    await election.stop(leases)
    spec = lease_of()["spec"]
    assert not spec.get("holderIdentity")
    assert spec["leaseDurationSeconds"] == 1
    assert spec["renewTime"] == spec["acquireTime"]
    assert leases.held == frozenset()


async def test_a_dead_holder_is_replaced_when_its_time_is_over(election):
    first = await election.join("pod-a")
    await first.wait_held()
    second = await election.join("pod-b")
    await asyncio.sleep(2 * QUICK.retry_s)

    await election.kill(first)
    _, took_s = await within(second.wait_held(), 20)
    print(f"a dead holder of {QUICK.duration_s} s was replaced after {took_s:.2f} s")

    assert took_s > QUICK.duration_s - 2 * QUICK.retry_s


async def test_a_holder_of_another_make_is_respected_while_it_renews(
    api, election, namespace, lease_of
):
    api.objects.create(a_lease_of_another(namespace))
    leases = await election.join("pod-a")
    for _ in range(4):
        await asyncio.sleep(QUICK.duration_s / 2)
        assert leases.held == frozenset()
        now = micro(datetime.now(UTC))
        api.objects.patch(LEASE, NAME, change={"spec": {"renewTime": now}}, namespace=namespace)

    await within(leases.wait_held(), 20)

    assert lease_of()["spec"]["leaseTransitions"] == 5
    assert lease_of()["spec"]["holderIdentity"] == leases.identity


async def test_a_holder_whose_clock_is_wrong_is_judged_by_the_own_clock(api, election, namespace):
    lease = a_lease_of_another(namespace)
    lease["spec"]["renewTime"] = micro(datetime.now(UTC) - timedelta(hours=5))
    api.objects.create(lease)
    leases = await election.join("pod-a")
    _, took_s = await within(leases.wait_held(), 20)
    assert took_s > QUICK.duration_s - 0.1


async def test_a_clock_that_jumps_changes_nothing(election):
    shift = {"s": 0.0}
    timing = replace(LEASE_TIMING, unix=lambda: time.time() + shift["s"])
    first = await election.join("pod-a", timing=timing)
    await first.wait_held()
    second = await election.join("pod-b")
    for shift["s"] in (7200.0, -7200.0, 86400.0):
        await asyncio.sleep(QUICK.duration_s)
        assert first.is_leader
        assert second.held == frozenset()
    assert not first.lost.is_set()


async def test_of_many_candidates_one_leads_at_any_time(election):
    candidates = [await election.join(f"pod-{letter}") for letter in "abcdef"]
    for _ in range(3):
        await eventually(lambda: any(item.held for item in candidates))
        leader = next(item for item in candidates if item.held)
        await asyncio.sleep(2 * QUICK.retry_s)
        candidates.remove(leader)
        await election.stop(leader)
    await eventually(lambda: any(item.held for item in candidates))
    assert not election.diary.clashes


async def test_a_restart_of_the_api_server_is_survived(api, election):
    times = replace(QUICK, duration_s=30, renew_deadline_s=25.0)
    first = await election.join("pod-a", times=times)
    await first.wait_held()
    second = await election.join("pod-b", times=times)

    away_s = await asyncio.to_thread(api.restart)
    version = first._board.seen(NAME).record.version
    await eventually(lambda: first._board.seen(NAME).record.version != version)
    print(f"the API server was away for {away_s:.1f} s")

    assert first.is_leader
    assert not first.lost.is_set()
    assert second.held == frozenset()
    await election.stop(first)
    await within(second.wait_held(), 10)  # its watch works again
    assert not election.diary.clashes


async def test_an_api_server_that_is_away_for_too_long_ends_the_right_to_work(
    api, election, tmp_path
):
    async with FaultFront(api) as front:
        config = front.kubeconfig(tmp_path / "config", token=api.token())
        first = await election.join("pod-a", kubeconfig=config)
        held = await first.wait_held()
        second = await election.join("pod-b")
        began = time.monotonic()
        front.faults += [(" /apis/coordination", None)] * 10_000
        await within(first.lost.wait(), 10)
        lost_s = time.monotonic() - began
        await within(second.wait_held(), 20)
        took_s = time.monotonic() - began
        front.faults.clear()
    print(f"given up after {lost_s:.2f} s, taken by another after {took_s:.2f} s")

    assert lost_s < QUICK.renew_deadline_s + 0.5
    assert took_s > lost_s
    assert first.held == frozenset()
    assert "not renewed within 2 s" in first.loss
    with pytest.raises(LeaseLost, match="no longer held"):
        first.check(held)
    assert not election.diary.clashes


async def test_a_holder_that_was_pushed_aside_stops(api, election, namespace):
    leases = await election.join("pod-a")
    await leases.wait_held()
    change = {"spec": {"holderIdentity": "an-administrator", "leaseDurationSeconds": 600}}
    api.objects.patch(LEASE, NAME, change=change, namespace=namespace)
    await within(leases.lost.wait(), 5)
    assert "somebody else has it" in leases.loss
    assert leases.held == frozenset()


async def test_a_lease_that_is_deleted_stays_with_its_holder(api, election, namespace, lease_of):
    first = await election.join("pod-a")
    await first.wait_held()
    second = await election.join("pod-b")
    await asyncio.sleep(QUICK.retry_s)
    api.objects.delete(LEASE, NAME, namespace=namespace)
    await eventually(lambda: lease_of() is not None)
    assert lease_of()["spec"]["holderIdentity"] == first.identity
    assert second.held == frozenset()
    assert not election.diary.clashes


async def test_somebody_who_annotates_the_lease_does_not_cost_it(api, election, namespace):
    leases = await election.join("pod-a")
    await leases.wait_held()
    for number in range(20):
        change = {"metadata": {"annotations": {"note": str(number)}}}
        api.objects.patch(LEASE, NAME, change=change, namespace=namespace)
        await asyncio.sleep(QUICK.retry_s / 3)
    assert leases.is_leader
    assert not leases.lost.is_set()


async def test_faults_that_pass_cost_neither_the_lease_nor_a_takeover(api, election, tmp_path):
    async with FaultFront(api) as front:
        config = front.kubeconfig(tmp_path / "config", token=api.token())
        first = await election.join("pod-a", kubeconfig=config)
        await first.wait_held()
        for fault in (
            status(500, "InternalError"),
            status(429, "TooManyRequests", headers={"Retry-After": "0"}),
            status(409, "Conflict"),
            None,
        ):
            front.faults.append(("PATCH /apis/coordination.k8s.io/v1/namespaces/", fault))
            await eventually(lambda: not front.faults)
            await asyncio.sleep(2 * QUICK.retry_s)
            assert first.is_leader
        second = await election.join("pod-b", kubeconfig=config)
        front.faults += [("leases?watch=true", None)] * 3
        await election.stop(first)
        await within(second.wait_held(), 10)
    assert not first.lost.is_set()


async def test_the_rights_of_the_usual_role_are_enough(api, election, namespace):
    grant(api, namespace, "updater")
    api.forget_requests()
    first = await election.join("pod-0", user="updater", shards=2)
    await until_held(first, {0, 1})
    second = await election.join("pod-1", user="updater", shards=2)
    await eventually(lambda: first.asked)
    await first.give_back()
    await until_held(second, {1})
    await election.stop(first)
    await until_held(second, {0, 1})
    # Two were taken, one was given back and taken; of the last two the second may be on its way.
    await eventually(lambda: len(events_of(api, namespace)) >= 5)
    codes = {event["responseStatus"]["code"] for event in api.requests("updater")}
    assert not {401, 403} & codes
    verbs = {verb for verb, kind in api.request_counts("updater") if kind == "leases"}
    assert verbs <= {"get", "list", "watch", "create", "patch"}


def events_of(api, namespace):
    found = api.objects.list("v1/Event", namespace=namespace)
    return [item for item in found if item["involvedObject"]["kind"] == "Lease"]


async def test_events_tell_who_leads(api, election, namespace):
    leases = await election.join("pod-a")
    await leases.wait_held()
    await eventually(lambda: events_of(api, namespace))
    await election.stop(leases)
    events = sorted(events_of(api, namespace), key=lambda item: item["metadata"]["name"])
    assert [item["message"] for item in events] == [
        f"{leases.identity} became leader",
        f"{leases.identity} stopped leading",
    ]
    assert {(item["type"], item["reason"]) for item in events} == {("Normal", "LeaderElection")}


async def test_a_missing_right_is_named_and_noticed_when_it_is_granted(api, election, namespace):
    leases = await election.join("pod-a", user="reader")
    await eventually(lambda: leases.problem)
    assert "leases" in leases.problem
    assert leases.held == frozenset()
    grant(api, namespace, "reader")
    await within(leases.wait_held(), 10)
    assert not leases.problem
