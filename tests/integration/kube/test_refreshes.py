"""Having Argo CD look after a push, against a real API server: one small patch, or one warning."""

import asyncio

import pytest

from argocd_image_updater.core.refreshes import REFRESH, Push, RefreshEnd
from argocd_image_updater.writers.refreshes import MOST_FAILED, ApplicationRefresher
from argocd_image_updater.writers.result import WriteResult, WriteStatus
from clusters.fault_front import FaultFront, status
from clusters.samples import APPLICATION, eventually
from clusters.shipped import (
    apply_install,
    controller_user,
    kubeconfig_of_controller,
    remove_cluster_wide,
)
from unit.writers.planned import a_kustomization, an_object, plan_for

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd", "kustomize")

PUSH = Push("https://git.example.com/r.git", "main", "c1", "c1")
REQUESTED, PRESENT, GONE, DENIED, FAILED, LEFT = RefreshEnd


@pytest.fixture
def store(api, namespace):
    """Return a function that stores an Application which follows the pushed branch."""

    def make(name="demo", *, into=namespace, **metadata):
        document = an_object({"source": a_kustomization()}, types=("Kustomize",))
        del document["metadata"]["uid"]
        document["metadata"] |= {"name": name, "namespace": into, **metadata}
        return api.objects.create(document)

    return make


@pytest.fixture
async def front(api, tmp_path):
    async with FaultFront(api) as started:
        started.config = started.kubeconfig(tmp_path / "front", token=api.token())
        yield started


def result(document, *, push=PUSH, ended=WriteStatus.WRITTEN):
    return WriteResult(plan_for(document), ended, "values.yaml on main", push=push)


class Refreshed:
    """One refresher, how each of its requests ended, and what it warned of."""

    def __init__(self, client, **options):
        self.ends = []
        self._refresher = ApplicationRefresher(client, observe=self.ends.append, **options)

    async def __call__(self, *results):
        self.ends.clear()
        await self._refresher(results)
        return self._refresher.take_warnings()


def asked(api, namespace, name="demo"):
    found = api.objects.get(APPLICATION, name, namespace=namespace)
    return found["metadata"].get("annotations", {}).get(REFRESH)


async def test_one_patch_of_one_annotation_is_sent(api, connect, store, namespace):
    before = store(annotations={"other": "kept"})
    refreshed = Refreshed(await connect())
    api.forget_requests()
    assert await refreshed(result(before)) == ()
    assert refreshed.ends == [REQUESTED]
    assert api.request_counts("admin") == {("patch", "applications"): 1}
    (event,) = api.requests("admin")
    assert "fieldManager=argocd-image-updater" in event["requestURI"]
    after = api.objects.get(APPLICATION, "demo", namespace=namespace)
    assert after["metadata"]["annotations"] == {"other": "kept", REFRESH: "normal"}
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    (ours,) = (
        item for item in after["metadata"]["managedFields"]
        if item["manager"] == "argocd-image-updater"
    )  # fmt: skip
    assert ours["fieldsV1"] == {"f:metadata": {"f:annotations": {f"f:{REFRESH}": {}}}}


async def test_an_edit_meanwhile_is_no_conflict(api, connect, store, namespace):
    before = store()
    change = {"spec": {"source": {"path": "moved"}}}
    api.objects.patch(APPLICATION, "demo", namespace=namespace, change=change)
    refreshed = Refreshed(await connect())
    assert await refreshed(result(before)) == ()
    after = api.objects.get(APPLICATION, "demo", namespace=namespace)
    assert after["spec"]["source"]["path"] == "moved"
    assert asked(api, namespace) == "normal"


async def test_several_writes_of_one_push_are_one_request(api, connect, store, namespace):
    before = store()
    refreshed = Refreshed(await connect())
    api.forget_requests()
    await refreshed(result(before), result(before))
    assert api.request_counts("admin") == {("patch", "applications"): 1}


@pytest.mark.parametrize(
    "more",
    [
        {"push": None},
        {"ended": WriteStatus.WOULD_WRITE},
        {"ended": WriteStatus.UNCHANGED},
        {"ended": WriteStatus.FAILED},
        {"push": Push("https://git.example.com/r.git", "other", "c1", "c1")},
    ],
    ids=["pull request", "dry run", "unchanged", "failed", "another branch"],
)
async def test_nobody_is_asked_without_a_push_to_its_branch(api, connect, store, more):
    before = store()
    refreshed = Refreshed(await connect())
    api.forget_requests()
    assert await refreshed(result(before, **more)) == ()
    assert refreshed.ends == []
    assert api.requests("admin") == []


async def test_what_the_watch_knows_is_not_sent_again(api, connect, run_store, store, namespace):
    before = store()
    client = await connect()
    watched, _ = await run_store(client, namespace)
    refreshed = Refreshed(client, store=watched)
    assert await refreshed(result(before)) == ()

    def is_seen():
        (found,) = watched.snapshot().applications
        return REFRESH in found.annotations

    await eventually(is_seen)
    api.forget_requests()
    assert await refreshed(result(before)) == ()
    assert refreshed.ends == [PRESENT]
    assert api.request_counts("admin")[("patch", "applications")] == 0


async def test_an_application_that_is_gone_is_nothing(api, connect, store, namespace):
    before = store()
    api.objects.delete(APPLICATION, "demo", namespace=namespace)
    refreshed = Refreshed(await connect())
    assert await refreshed(result(before)) == ()
    assert refreshed.ends == [GONE]


async def test_the_shipped_rights_are_enough(api, connect, store):
    applied = apply_install(api, namespace="argocd")
    try:
        before = store("shipped", into="argocd")
        client = await connect(
            controller_user("argocd"), kubeconfig=kubeconfig_of_controller(api, "argocd")
        )
        refreshed = Refreshed(client)
        assert await refreshed(result(before)) == ()
        assert refreshed.ends == [REQUESTED]
        assert asked(api, "argocd", "shipped") == "normal"
    finally:
        remove_cluster_wide(api, applied)
        api.objects.delete(APPLICATION, "shipped", namespace="argocd")


async def test_a_missing_right_is_told_once_and_is_noticed_when_it_comes(
    api, connect, store, namespace
):
    documents = [store(f"app-{number}") for number in range(3)]
    refreshed = Refreshed(await connect("reader"))
    api.forget_requests()
    (warning,) = await refreshed(*map(result, documents))
    assert f"Applications of namespace {namespace}" in warning
    assert "forbidden" in warning
    assert "--refresh-after-push=false" in warning
    assert DENIED in refreshed.ends
    assert await refreshed(*map(result, documents)) == ()
    api.objects.apply(list(_right(namespace)))
    for _ in range(100):
        assert await refreshed(result(documents[0])) == ()
        if refreshed.ends == [REQUESTED]:
            break
        await asyncio.sleep(0.05)  # the server reads rights from a cache
    assert asked(api, namespace, "app-0") == "normal"


def _right(namespace):
    metadata = {"name": "patches", "namespace": namespace}
    rule = {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["patch"]}
    version = "rbac.authorization.k8s.io/v1"
    yield {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [rule]}
    yield {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "patches"},
        "subjects": [{"kind": "User", "name": "reader"}],
    }


async def test_a_busy_server_is_waited_for(api, connect, front, store, namespace):
    before = store()
    refreshed = Refreshed(await connect(kubeconfig=front.config))
    front.faults.append(("PATCH", status(429, "TooManyRequests", headers={"Retry-After": "0"})))
    assert await refreshed(result(before)) == ()
    assert front.count("PATCH") == 2
    assert asked(api, namespace) == "normal"


@pytest.mark.parametrize("answer", [status(500, "InternalError"), None], ids=["500", "cut off"])
async def test_a_fault_is_a_warning_and_does_not_fail(connect, front, store, namespace, answer):
    before = store()
    refreshed = Refreshed(await connect(kubeconfig=front.config))
    front.faults.append(("PATCH", answer))
    (warning,) = await refreshed(result(before))
    assert f"the push for Application {namespace}/demo, and finds it at its next look" in warning
    assert refreshed.ends == [FAILED]


async def test_a_server_that_fails_is_not_asked_for_every_application(connect, front, store):
    documents = [store(f"app-{number}") for number in range(3 * MOST_FAILED)]
    refreshed = Refreshed(await connect(kubeconfig=front.config))
    front.faults += [("PATCH", status(500, "InternalError"))] * len(documents)
    warnings = await refreshed(*map(result, documents))
    assert len(warnings) <= 6
    assert set(refreshed.ends) == {FAILED, LEFT}
    assert MOST_FAILED <= front.count("PATCH") < 3 * MOST_FAILED
