"""The status on a real API server: what is sent, what others keep, and who may be deleted."""

import asyncio
import contextlib
import copy
import json
import subprocess
import time
from dataclasses import replace

import pytest
import yaml

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport
from argocd_image_updater.kube.decoding import decode_resource_object
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS
from argocd_image_updater.kube.status import FINALIZER, StatusWriter
from argocd_image_updater.net.timing import Backoff
from clusters.fault_front import FaultFront, status
from clusters.objects import ApiError
from clusters.samples import (
    RESOURCE,
    RESOURCE_DEFINITION,
    an_application,
    an_image_updater,
    eventually,
)
from lab import find_program
from unit.core.reporting import a_decision, a_problem, a_report, moved, updated

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")
NOW, LATER = "2026-03-01T12:00:00Z", "2026-03-01T12:02:00Z"
QUICK = Backoff(first_s=0.01, longest_s=0.05)
OWN_MEMBERS = ("images", "imagesOmitted", "reasons")
ALL_REASONS = a_report(
    updated(),
    *(a_decision(reason, application=f"a-{reason.lower()}") for reason in Reason),
    *(a_decision(application=f"many-{number}") for number in range(250)),
    problems=[a_problem(application="odd"), a_problem(message="of the resource")],
    errors=20,
)


@pytest.fixture
def key(api, namespace):
    """A resource that exists."""
    api.objects.create(an_image_updater("images", namespace))
    return ObjectKey(namespace, "images")


@pytest.fixture
def find(api):
    """Return a function in the place of the watch: the object as it is now."""

    def read(key):
        found = api.objects.find(RESOURCE, key.name, namespace=key.namespace)
        return found and decode_resource_object(json.dumps(found).encode())

    return read


@pytest.fixture
async def front(api, tmp_path):
    async with FaultFront(api) as started:
        started.config = started.kubeconfig(tmp_path / "front", token=api.token())
        yield started


@pytest.fixture
async def writer(connect, front):
    """A writer whose requests the front sees."""
    return StatusWriter(await connect(kubeconfig=front.config), backoff=QUICK)


@pytest.fixture
def rights(api, namespace):
    """Give the user ``updater`` exactly what the roles of the first controllers give."""
    api.objects.apply(installed_rights(namespace))


def installed_rights(namespace):
    group, rbac = "argocd-image-updater.argoproj.io", "rbac.authorization.k8s.io"
    verbs = {
        "imageupdaters": ["get", "list", "watch", "update", "patch"],
        "imageupdaters/status": ["get", "update", "patch"],
        "imageupdaters/finalizers": ["update"],
    }
    metadata = {"name": "updater", "namespace": namespace}
    yield {
        "apiVersion": f"{rbac}/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            {"apiGroups": [group], "resources": [name], "verbs": allowed}
            for name, allowed in verbs.items()
        ],
    }
    yield {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "updater"},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "updaters"}],
    }


def patches(front):
    return front.count("PATCH")


def conditions(status):
    return {item["type"]: item["status"] for item in status["conditions"]}


async def test_everything_that_can_be_said_is_taken_and_kept(writer, find, key):
    report = moved(ALL_REASONS, key)
    assert await writer.write(report, previous=find, now=NOW) == ()
    stored = find(key).status
    assert stored["observedGeneration"] == 7
    assert stored["lastCheckedAt"] == stored["lastUpdatedAt"] == NOW
    assert conditions(stored) == {"Reconciling": "False", "Error": "True", "Ready": "True"}
    assert len(stored["images"]) == 200
    assert stored["imagesOmitted"] == len(report.decisions) + 1 - 200
    assert stored["reasons"]["UpToDate"] == 251
    assert stored["recentUpdates"][0]["newVersion"] == "1.1.0"


async def test_nothing_new_sends_the_time_of_the_check_alone(api, writer, find, key):
    report = moved(ALL_REASONS, key)
    await writer.write(report, previous=find, now=NOW)
    before = find(key).status
    api.forget_requests()
    await writer.write(replace(report), previous=find, now=NOW)  # within the same second
    assert find(key).status == before
    quiet = replace(report, decisions=report.decisions[1:])
    await writer.write(quiet, previous=find, now=NOW)
    settled = find(key)
    await writer.write(quiet, previous=find, now=LATER)
    assert find(key).status == {**settled.status, "lastCheckedAt": LATER}
    managers = managed(api, key)["f:status"]
    assert "f:conditions" in managers


def managed(api, key):
    metadata = api.objects.get(RESOURCE, key.name, namespace=key.namespace)["metadata"]
    (found,) = (
        item["fieldsV1"]
        for item in metadata["managedFields"]
        if item["manager"] == "argocd-image-updater"
    )
    return found


async def test_a_resource_that_cannot_be_used_says_why(api, writer, find, namespace):
    document = an_image_updater("images", namespace)
    del document["spec"]
    api.objects.create(document)
    key = ObjectKey(namespace, "images")
    assert find(key).value is None
    report = CycleReport(problems=find(key).problems)
    assert await writer.write(report, previous=find, now=NOW) == ()
    stored = find(key).status
    assert conditions(stored)["Ready"] == "False"
    assert stored["observedGeneration"] == 1


async def test_a_running_cycle_shows_until_it_is_over(writer, find, key, front):
    report = moved(a_report(a_decision()), key)
    await writer.write(report, previous=find, now=NOW)
    assert await writer.reconciling([key], previous=find, now=LATER) == ()
    begun = find(key).status
    assert conditions(begun) == {"Reconciling": "True", "Error": "False", "Ready": "True"}
    assert begun["lastCheckedAt"] == NOW
    sent = patches(front)
    await writer.reconciling([key], previous=find, now=LATER)
    assert patches(front) == sent
    await writer.write(report, previous=find, now=LATER)
    assert conditions(find(key).status)["Reconciling"] == "False"


async def test_a_watch_that_is_behind_does_not_bring_the_past_back(writer, find, key):
    behind = find(key)
    await writer.reconciling([key], previous=lambda _: behind, now=NOW)
    report = moved(a_report(a_decision(), generation=1), key)
    await writer.write(report, previous=lambda _: behind, now=NOW)
    assert conditions(find(key).status)["Reconciling"] == "False"
    await writer.write(report, previous=lambda _: behind, now=LATER)
    ready = find(key).status["conditions"][2]
    assert ready["lastTransitionTime"] == NOW


async def test_an_announcement_that_was_cut_off_is_taken_back(writer, find, key, front):
    report = moved(a_report(a_decision(), generation=1), key)
    await writer.write(report, previous=find, now=NOW)
    behind, asked = find(key), len(front.lines)
    announcing = asyncio.create_task(
        writer.reconciling([key], previous=lambda _: behind, now=LATER)
    )
    await eventually(lambda: len(front.lines) > asked)
    announcing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await announcing
    await writer.write(report, previous=lambda _: behind, now=LATER)
    assert conditions(find(key).status)["Reconciling"] == "False"


async def test_conditions_of_others_survive_even_at_the_same_moment(api, writer, find, key):
    def audit(value):
        current = find(key).status.get("conditions", [])
        ours = [item for item in current if item["type"] != "Audited"]
        theirs = {
            "type": "Audited",
            "status": value,
            "reason": "Looked",
            "message": "",
            "lastTransitionTime": NOW,
        }
        change = {"status": {"conditions": [theirs, *ours]}}
        api.objects.patch(
            RESOURCE, key.name, change=change, namespace=key.namespace, subresource="status"
        )

    audit("True")
    behind = find(key)
    audit("False")
    report = moved(a_report(a_decision()), key)
    assert await writer.write(report, previous=lambda _: behind, now=NOW) == ()
    found = conditions(find(key).status)
    assert list(found) == ["Audited", "Reconciling", "Error", "Ready"]
    assert (found["Audited"], found["Ready"]) == ("False", "True")


async def test_a_resource_that_is_gone_or_being_deleted_is_passed_over(
    api, writer, find, key, front
):
    known = find(key)
    report = moved(a_report(a_decision()), key)
    change = {"metadata": {"finalizers": ["example.org/theirs"]}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    api.objects.delete(RESOURCE, key.name, namespace=key.namespace)
    assert await writer.write(report, previous=find, now=NOW) == ()
    assert await writer.write(report, previous=lambda _: None, now=NOW) == ()
    assert patches(front) == 0
    change = {"metadata": {"finalizers": None}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    assert await writer.write(report, previous=lambda _: known, now=NOW) == ()
    assert find(key) is None


async def test_a_resource_that_was_made_anew_is_not_taken_for_the_old_one(api, writer, find, key):
    await writer.write(moved(ALL_REASONS, key), previous=find, now=NOW)
    api.objects.delete(RESOURCE, key.name, namespace=key.namespace)
    api.objects.create(an_image_updater(key.name, key.namespace))
    report = moved(a_report(a_decision(), generation=1), key)
    assert await writer.write(report, previous=find, now=LATER) == ()
    stored = find(key).status
    assert "recentUpdates" not in stored
    assert stored["images"][0]["lastTransitionTime"] == LATER


async def test_faults_that_pass_are_survived_and_others_are_told(writer, find, key, front):
    report = moved(a_report(a_decision()), key)
    front.faults += [("PATCH", status(500, "InternalError")), ("PATCH", None)]
    assert await writer.write(report, previous=find, now=NOW) == ()
    assert find(key).status["lastCheckedAt"] == NOW
    front.faults += [("PATCH", status(403, "Forbidden"))]
    (warning,) = await writer.write(report, previous=find, now=LATER)
    assert str(key) in warning
    front.faults += [("", status(500, "InternalError"))] * 50
    (warning,) = await writer.write(report, previous=find, now=LATER)
    assert str(key) in warning
    front.faults.clear()
    assert await writer.write(report, previous=find, now=LATER) == ()
    assert find(key).status["lastCheckedAt"] == LATER


async def test_many_resources_are_written_and_many_faults_are_few_warnings(
    api, writer, find, namespace, front
):
    keys = [ObjectKey(namespace, f"r-{number}") for number in range(40)]
    for key in keys:
        api.objects.create(an_image_updater(key.name, namespace))
    report = a_report(a_decision())
    reports = [moved(report, key) for key in keys]
    merged = CycleReport(
        decisions=tuple(item for one in reports for item in one.decisions),
        resources={key: one.resources[key] for key, one in zip(keys, reports, strict=True)},
    )
    assert await writer.write(merged, previous=find, now=NOW) == ()
    assert all(find(key).status["imagesManaged"] == 1 for key in keys)
    front.faults += [("PATCH", status(403, "Forbidden"))] * 40
    warnings = await writer.write(merged, previous=find, now=LATER)
    assert len(warnings) == 11
    assert warnings[-1] == "30 more of this kind"


@pytest.fixture
def pruning(api):
    """Have the definition without our own members of the status, as older installations do."""
    document = yaml.safe_load(RESOURCE_DEFINITION.read_text())
    older = copy.deepcopy(document)
    for name in OWN_MEMBERS:
        del members_of_status(older)[name]
    try:
        define(api, older)
        yield
    finally:
        define(api, document)


def members_of_status(document):
    (version,) = document["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]


def define(api, document):
    """Install a definition and wait until the server goes by it."""
    api.objects.apply(document)
    namespace = api.objects.namespace("definition")
    with contextlib.suppress(ApiError):
        api.objects.create(an_image_updater("probe", namespace))
    change = {"status": {"imagesOmitted": 1}}
    wanted = "imagesOmitted" in members_of_status(document)
    deadline = time.monotonic() + 30
    while True:
        found = api.objects.patch(
            RESOURCE, "probe", change=change, namespace=namespace, subresource="status"
        )
        if ("imagesOmitted" in found.get("status", {})) == wanted:
            break
        assert time.monotonic() < deadline
    api.objects.delete(RESOURCE, "probe", namespace=namespace)


@pytest.mark.usefixtures("pruning")
async def test_an_older_definition_costs_nothing_after_the_first_cycle(writer, find, key):
    report = moved(a_report(a_decision(), a_decision(Reason.NO_TAGS, alias="db")), key)
    sent = []
    original = writer._client.patch

    async def patch(kind, name, change, **more):
        sent.append(change)
        return await original(kind, name, change, **more)

    writer._client.patch = patch
    for second in range(4):
        now = f"2026-03-01T12:00:0{second}Z"
        assert await writer.write(report, previous=find, now=now) == ()
    stored = find(key).status
    assert not set(OWN_MEMBERS) & set(stored)
    assert {"images", "reasons"} < set(sent[0]["status"])
    assert [set(change["status"]) for change in sent[1:]] == [{"lastCheckedAt"}] * 3
    changed = moved(a_report(a_decision(Reason.NO_TAGS)), key)
    await writer.write(changed, previous=find, now="2026-03-01T12:00:08Z")
    await writer.write(changed, previous=find, now="2026-03-01T12:00:09Z")
    assert "images" in sent[4]["status"]
    assert set(sent[5]["status"]) == {"lastCheckedAt"}


@pytest.mark.usefixtures("rights")
async def test_the_installed_rights_are_enough(api, connect, find, key):
    writer = StatusWriter(await connect("updater"), backoff=QUICK)
    report = moved(a_report(a_decision()), key)
    assert await writer.reconciling([key], previous=find, now=NOW) == ()
    assert await writer.write(report, previous=find, now=NOW) == ()
    being_deleted(api, key, [FINALIZER])
    assert await writer.release(find(key)) == ()
    assert find(key) is None


def being_deleted(api, key, finalizers):
    change = {"metadata": {"finalizers": finalizers}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    api.objects.delete(RESOURCE, key.name, namespace=key.namespace)


async def test_the_old_finalizer_is_taken_off_and_others_stay(api, writer, find, key):
    being_deleted(api, key, ["example.org/a", FINALIZER, "example.org/b"])
    behind = find(key)
    change = {"metadata": {"labels": {"edited": "meanwhile"}}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    assert await writer.release(behind) == ()
    assert find(key).finalizers == ("example.org/a", "example.org/b")
    assert await writer.release(behind) == ()
    change = {"metadata": {"finalizers": None}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    assert await writer.release(behind) == ()


async def test_a_finalizer_of_a_resource_that_lives_is_left_alone(api, writer, find, key, front):
    change = {"metadata": {"finalizers": [FINALIZER]}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    assert await writer.release(find(key)) == ()
    assert find(key).finalizers == (FINALIZER,)
    assert front.lines == []
    api.objects.patch(
        RESOURCE, key.name, change={"metadata": {"finalizers": None}}, namespace=key.namespace
    )


async def test_a_successor_of_the_same_name_keeps_its_finalizer(api, writer, find, key):
    being_deleted(api, key, [FINALIZER])
    behind = find(key)
    change = {"metadata": {"finalizers": None}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    api.objects.create(an_image_updater(key.name, key.namespace))
    change = {"metadata": {"finalizers": [FINALIZER]}}
    api.objects.patch(RESOURCE, key.name, change=change, namespace=key.namespace)
    assert await writer.release(behind) == ()
    assert find(key).finalizers == (FINALIZER,)
    being_deleted(api, key, [])


async def test_a_resource_without_spec_can_be_let_go(api, writer, find, namespace):
    document = an_image_updater("images", namespace)
    del document["spec"]
    document["metadata"]["finalizers"] = [FINALIZER]
    api.objects.create(document)
    key = ObjectKey(namespace, "images")
    api.objects.delete(RESOURCE, key.name, namespace=namespace)
    assert await writer.release(find(key)) == ()
    assert find(key) is None


async def test_letting_go_survives_faults_that_pass_and_tells_others(api, writer, find, key, front):
    being_deleted(api, key, [FINALIZER])
    front.faults += [("PATCH", status(403, "Forbidden"))]
    (warning,) = await writer.release(find(key))
    assert "cannot be let go of" in warning
    front.faults += [("PATCH", status(409, "Conflict")), ("PATCH", status(503, "Unavailable"))]
    assert await writer.release(find(key)) == ()
    assert find(key) is None


@pytest.mark.lab("kubectl")
async def test_kubectl_shows_the_columns(api, writer, find, key):
    report = moved(a_report(a_decision(), a_decision(alias="db")), key)
    await writer.write(report, previous=find, now=NOW)
    kubectl = [find_program("kubectl"), "--kubeconfig", api.kubeconfig(), "-n", key.namespace]
    answer = await asyncio.to_thread(
        subprocess.run,
        [*kubectl, "get", "imageupdaters"],
        env={"HOME": str(api.folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    head, row = answer.stdout.splitlines()
    assert head.split() == ["NAME", "APPS", "IMAGES", "LAST", "CHECKED", "READY"]
    assert row.split()[:3] == ["images", "1", "2"]
    assert row.split()[-1] == "True"


async def test_the_store_sees_what_was_written_and_wakes_nobody(connect, run_store, key, api):
    client = await connect()
    api.objects.create(an_application("web", key.namespace))
    store, _ = await run_store(client, key.namespace)
    store.take_changes()
    writer = StatusWriter(client, backoff=QUICK)

    def find(name):
        return store.find(IMAGE_UPDATERS, name)

    for now in (NOW, LATER):
        report = moved(a_report(a_decision()), key)
        assert await writer.write(report, previous=find, now=now) == ()
    await eventually(lambda: find(key).status.get("lastCheckedAt") == LATER)
    assert store.take_changes() == ()
