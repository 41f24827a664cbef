"""The store on a real API server: what it knows, and what it survives."""

import asyncio
from collections import Counter

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import DeniedError
from argocd_image_updater.kube.client import Limits
from argocd_image_updater.kube.kinds import APPLICATIONS, IMAGE_UPDATERS
from clusters.samples import APPLICATION, RESOURCE, an_application, an_image_updater, eventually

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")


def names(store):
    return [application.key.name for application in store.snapshot().applications]


def rights(namespace, *, resources=("applications", "imageupdaters")):
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "updater", "namespace": namespace},
        "rules": [
            {
                "apiGroups": ["argoproj.io", "argocd-image-updater.argoproj.io"],
                "resources": list(resources),
                "verbs": ["get", "list", "watch"],
            }
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "updater", "namespace": namespace},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": "updater",
        },
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "updaters"}
        ],
    }
    return [role, binding]


async def test_the_store_follows_what_is_made_changed_and_removed(
    api, connect, run_store, namespace
):
    api.objects.create(an_application("web", namespace))
    api.objects.create(an_image_updater("all", namespace))
    store, faults = await run_store(await connect(), namespace)
    assert not faults
    assert store.is_complete(namespace)
    snapshot = store.snapshot()
    assert [resource.key for resource in snapshot.resources] == [ObjectKey(namespace, "all")]
    assert snapshot.applications[0].live_images == ("nginx:1.0",)
    assert {change.key.name for change in store.take_changes()} == {"web", "all"}
    api.objects.create(an_application("api", namespace))
    await eventually(lambda: names(store) == ["api", "web"])
    (change,) = await store.wait_changes()
    assert (change.kind, change.key.name, change.is_gone) == (APPLICATIONS, "api", False)
    api.objects.delete(APPLICATION, "api", namespace=namespace)
    await eventually(lambda: names(store) == ["web"])
    (change,) = await store.wait_changes()
    assert change.is_gone


async def test_a_status_that_is_written_wakes_nobody_and_a_new_generation_does(
    api, connect, run_store, namespace
):
    api.objects.create(an_image_updater("all", namespace))
    store, _ = await run_store(await connect(), namespace)
    store.take_changes()
    key = ObjectKey(namespace, "all")
    status = {"status": {"observedGeneration": 1}}
    api.objects.patch(RESOURCE, "all", change=status, namespace=namespace, subresource="status")
    await eventually(lambda: store.find(IMAGE_UPDATERS, key).status)
    assert store.take_changes() == ()
    change = an_image_updater("all", namespace, pattern="web-*")
    api.objects.patch(RESOURCE, "all", change=change, namespace=namespace)
    (seen,) = await asyncio.wait_for(store.wait_changes(), 30)
    assert (seen.key, seen.generation_changed) == (key, True)
    assert store.snapshot().resources[0].refs[0].name_pattern == "web-*"


async def test_the_whole_cluster_is_followed_where_no_namespace_is_named(
    api, connect, run_store, namespace
):
    api.objects.create(an_application("everywhere", namespace))
    store, _ = await run_store(await connect())
    keys = [application.key for application in store.snapshot().applications]
    assert ObjectKey(namespace, "everywhere") in keys
    assert store.find(APPLICATIONS, ObjectKey(namespace, "everywhere")) is not None
    assert store.is_complete(namespace)


async def test_a_restart_of_the_server_costs_no_event_and_one_list_at_most(
    api, connect, run_store, namespace
):
    api.objects.create(an_application("web", namespace))
    store, _ = await run_store(await connect("admin"), namespace)
    api.forget_requests()
    await asyncio.to_thread(api.restart)
    api.objects.create(an_application("later", namespace))
    await eventually(lambda: "later" in names(store))
    await eventually(lambda: not store.faults())
    # A server that starts anew may not know the version of a watch that was quiet for long.
    lists = Counter(
        event["objectRef"]["resource"]
        for event in api.requests("admin")
        if event["verb"] == "list" and event.get("userAgent", "").startswith("argocd-image-updater")
    )
    assert all(count == 1 for count in lists.values())


async def test_a_missing_right_stops_one_namespace_until_it_is_granted(
    api, connect, run_store, namespace
):
    other = api.objects.namespace(f"{namespace}-b")
    api.objects.apply(rights(namespace))
    for place in (namespace, other):
        api.objects.create(an_application("web", place))
    store, faults = await run_store(await connect("updater"), namespace, other)
    assert {fault.scope.namespace for fault in faults} == {other}
    assert all(isinstance(fault.error, DeniedError) for fault in faults)
    assert store.is_complete(namespace)
    assert not store.is_complete(other)
    assert [item.key.namespace for item in store.snapshot().applications] == [namespace]
    assert any(other in problem.message for problem in store.snapshot().problems)
    api.objects.apply(rights(other))
    await eventually(lambda: store.is_complete(other))
    assert not store.faults()
    assert len(store.snapshot().applications) == 2


async def test_an_idle_store_sends_no_list_and_its_watches_go_on(
    api, connect, run_store, namespace
):
    client = await connect("admin", limits=Limits(watch_s=2.0))
    store, _ = await run_store(client, namespace)
    api.forget_requests()
    ours = "argocd-image-updater"

    def verbs():
        return [
            event["verb"]
            for event in api.requests("admin")
            if event.get("userAgent", "").startswith(ours) and namespace in event["requestURI"]
        ]

    await eventually(lambda: len(verbs()) >= 6)
    assert set(verbs()) == {"watch"}
    api.objects.create(an_application("late", namespace))
    await eventually(lambda: names(store) == ["late"])


async def test_two_thousand_applications_are_listed_and_followed(
    api, connect, run_store, namespace
):
    for number in range(2000):
        api.objects.create(an_application(f"a-{number:04}", namespace, padding=4500))
    api.forget_requests()
    store, faults = await run_store(await connect(), namespace)
    assert not faults
    assert len(store.snapshot().applications) == 2000
    assert api.request_counts("admin")["list", "applications"] == 4
    api.objects.delete(APPLICATION, "a-1000", namespace=namespace)
    await eventually(lambda: len(store.snapshot().applications) == 1999)
