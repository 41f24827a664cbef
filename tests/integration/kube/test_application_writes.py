"""The writer against a real API server: what is stored, and what happens when others write, too."""

import asyncio
import contextlib
import copy
import itertools

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.kube.answers import VersionMoved
from argocd_image_updater.kube.client import Limits
from argocd_image_updater.kube.kinds import APPLICATIONS
from argocd_image_updater.kube.shards.leases import LeaseLost
from argocd_image_updater.writers.applications import MOST_UNANSWERED, ApplicationWriter
from argocd_image_updater.writers.result import WriteStatus
from clusters.fault_front import FaultFront, status
from clusters.samples import APPLICATION
from unit.writers.planned import API, WEB, a_chart, a_kustomization, an_object, plan_for

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")

PARAMETERS = [{"name": "replicas", "value": "3"}, {"name": "image.tag", "value": "1.0.0"}]
DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"
DEFINITION_NAME = "applications.argoproj.io"
WRITTEN = ["3", "1.1.0", "ghcr.io/acme/api"]


@pytest.fixture
def store(api, namespace):
    """Return a function that stores an Application and returns it as the server has it."""

    def make(spec, *, name="demo", **more):
        document = an_object(spec, **more)
        document["metadata"] = {**document["metadata"], "name": name, "namespace": namespace}
        del document["metadata"]["uid"]
        return api.objects.create(document)

    return make


@pytest.fixture
async def front(api, tmp_path):
    async with FaultFront(api) as started:
        started.config = started.kubeconfig(tmp_path / "front", token=api.token())
        yield started


def a_source(parameters=PARAMETERS):
    source = a_chart(parameters)
    del source["helm"]["future"]
    return source


def one_chart():
    return {"source": a_source()}


async def write(client, *plans, writer=None, dry_run=False):
    return await (writer or ApplicationWriter(client))(plans, dry_run=dry_run)


def stored(api, namespace, name="demo"):
    return api.objects.get(APPLICATION, name, namespace=namespace)


def values(document):
    return [item["value"] for item in document["spec"]["source"]["helm"]["parameters"]]


def set_parameters(api, namespace, parameters, *, name="demo", **metadata):
    change = {"spec": {"source": {"helm": {"parameters": parameters}}}}
    if metadata:
        change["metadata"] = metadata
    return api.objects.patch(APPLICATION, name, namespace=namespace, change=change)


def only(report):
    (result,) = report.results
    return result


async def test_one_request_changes_the_parameters_and_nothing_else(api, connect, store, namespace):
    before = store(one_chart())
    client = await connect()
    api.forget_requests()
    report = await write(client, plan_for(before))
    assert only(report).status is WriteStatus.WRITTEN
    assert only(report).where == f"Application {namespace}/demo"
    assert api.request_counts("admin") == {("patch", "applications"): 1}
    after = stored(api, namespace)
    assert values(after) == WRITTEN
    (patch,) = report.patches
    assert patch.written
    assert "+spec.source.helm.parameters[image.tag]: 1.1.0" in patch.diff
    managers = {item["manager"] for item in after["metadata"]["managedFields"]}
    assert "argocd-image-updater" in managers
    expected = copy.deepcopy(before)
    expected["spec"]["source"]["helm"] = after["spec"]["source"]["helm"]
    assert after["spec"] == expected["spec"]
    assert after["status"] == expected["status"]


async def test_kustomize_plugin_and_two_of_several_sources_are_written(
    api, connect, store, namespace
):
    kustomize = store(
        {"source": a_kustomization(["redis:7"])}, types=("Kustomize",), name="kustomize"
    )
    env = [{"name": "A", "value": "x"}]
    plugin = {"repoURL": "https://r", "path": ".", "plugin": {"name": "cmp", "env": env}}
    cmp = store({"source": plugin}, types=("Plugin",), name="plugin")
    several = store(
        {"sources": [{"repoURL": "https://v", "ref": "v"}, a_kustomization(), a_source()]},
        images=("ghcr.io/acme/api:1.0.0", "ghcr.io/acme/web:2.0.0"),
        types=("Directory", "Kustomize", "Helm"),
        name="several",
    )
    helm = {"helm": {"name": "image.name", "tag": "image.tag"}}
    report = await write(
        await connect(),
        plan_for(kustomize),
        plan_for(cmp, {**API, "manifestTargets": {"plugin": {"spec": "IMAGE"}}}),
        plan_for(several, {**API, "manifestTargets": helm}, WEB),
    )
    assert [result.status for result in report.results] == [WriteStatus.WRITTEN] * 3
    found = {name: stored(api, namespace, name)["spec"] for name in ("kustomize", "plugin")}
    assert found["kustomize"]["source"]["kustomize"] == {
        "images": ["redis:7", "ghcr.io/acme/api:1.1.0"],
        "namePrefix": "p-",
    }
    assert found["plugin"]["source"]["plugin"]["env"] == [
        *env,
        {"name": "IMAGE", "value": "ghcr.io/acme/api:1.1.0"},
    ]
    sources = stored(api, namespace, "several")["spec"]["sources"]
    assert sources[0] == {"repoURL": "https://v", "ref": "v"}
    assert sources[1]["kustomize"]["images"] == ["ghcr.io/acme/web:2.1.0"]
    assert [item["value"] for item in sources[2]["helm"]["parameters"]] == WRITTEN


@contextlib.contextmanager
def other_definition(api, change):
    """Have the API server know other fields of an Application for a while."""
    found = api.objects.get(DEFINITION, DEFINITION_NAME)
    schema = copy.deepcopy(found["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    change(schema["properties"]["spec"]["properties"])
    versions = [{**found["spec"]["versions"][0], "schema": {"openAPIV3Schema": schema}}]
    put(api, versions)
    try:
        yield
    finally:
        put(api, found["spec"]["versions"])


def put(api, versions):
    change = {"spec": {"versions": versions}}
    api.objects.patch(DEFINITION, DEFINITION_NAME, change=change)


async def until_kept(api, namespace, spec, is_kept):
    """Wait until the server stores objects by its new definition."""
    for number in itertools.count():
        found = api.objects.create(
            {**an_object(spec), "metadata": {"name": f"probe-{number}", "namespace": namespace}}
        )
        if is_kept(found["spec"]):
            return
        await asyncio.sleep(0.05)


def a_dry_source():
    dry = {"repoURL": "https://r", "path": "p", "targetRevision": "main"}
    target = {"targetBranch": "env", "path": "out"}
    return {"sourceHydrator": {"drySource": dry, "syncSource": target}}


async def test_a_field_that_the_definition_does_not_know_is_an_error(
    api, connect, store, namespace
):
    before = store(a_dry_source())
    result = only(await write(await connect(), plan_for(before)))
    assert result.status is WriteStatus.FAILED
    assert result.reason is Reason.WRITE_FAILED
    assert "did not keep spec.sourceHydrator.drySource.helm.parameters" in result.message
    assert "CustomResourceDefinition is older" in result.message


async def test_fields_of_a_newer_argo_cd_and_its_dry_source_are_kept(
    api, connect, store, namespace
):
    def know_more(spec):
        helm = spec["source"]["properties"]["helm"]
        items = helm["properties"]["parameters"]["items"]
        items["properties"]["future"] = {"type": "string"}
        dry = spec["sourceHydrator"]["properties"]["drySource"]
        dry["properties"]["helm"] = copy.deepcopy(helm)

    with other_definition(api, know_more):
        parameters = [{**item, "future": "kept"} for item in PARAMETERS]
        spec = {"source": a_source(parameters)}
        await until_kept(
            api, namespace, spec, lambda s: "future" in str(s["source"]["helm"]["parameters"])
        )
        plans = [plan_for(store(spec)), plan_for(store(a_dry_source(), name="dry"))]
        report = await write(await connect(), *plans)
        assert [result.status for result in report.results] == [WriteStatus.WRITTEN] * 2
        found = stored(api, namespace)["spec"]["source"]["helm"]["parameters"]
        assert [item.get("future") for item in found] == ["kept", "kept", None]
        assert values(stored(api, namespace)) == WRITTEN
        hydrator = stored(api, namespace, "dry")["spec"]["sourceHydrator"]
        assert [item["value"] for item in hydrator["drySource"]["helm"]["parameters"]] == [
            "ghcr.io/acme/api",
            "1.1.0",
        ]
        assert hydrator["syncSource"] == a_dry_source()["sourceHydrator"]["syncSource"]


async def test_an_edit_since_the_decision_stays_and_the_change_comes_on_top(
    api, connect, store, namespace
):
    plan = plan_for(store(one_chart()))
    parameters = [{"name": "new", "value": "x"}, {**PARAMETERS[0], "value": "5"}, PARAMETERS[1]]
    set_parameters(api, namespace, parameters, labels={"team": "b"})
    assert only(await write(await connect(), plan)).status is WriteStatus.WRITTEN
    after = stored(api, namespace)
    assert values(after) == ["x", "5", "1.1.0", "ghcr.io/acme/api"]
    assert after["metadata"]["labels"] == {"team": "b"}


async def test_an_edit_that_the_store_knows_costs_no_further_request(
    api, connect, run_store, store, namespace
):
    plan = plan_for(store(one_chart()))
    after = set_parameters(api, namespace, [*PARAMETERS, {"name": "new", "value": "x"}])
    client = await connect()
    known, _ = await run_store(client, namespace)
    version = known.find(APPLICATIONS, plan.intent.application.key).resource_version
    assert version == after["metadata"]["resourceVersion"]
    api.forget_requests()
    writer = ApplicationWriter(client, store=known)
    assert only(await write(client, plan, writer=writer)).status is WriteStatus.WRITTEN
    counts = api.request_counts("admin")
    assert (counts["patch", "applications"], counts["get", "applications"]) == (1, 0)
    assert values(stored(api, namespace)) == ["3", "1.1.0", "x", "ghcr.io/acme/api"]


async def test_a_value_that_a_user_set_since_the_decision_stays(api, connect, store, namespace):
    plan = plan_for(store(one_chart()))
    set_parameters(api, namespace, [PARAMETERS[0], {"name": "image.tag", "value": "0.9.0"}])
    result = only(await write(await connect(), plan))
    assert (result.status, result.reason) == (WriteStatus.FAILED, Reason.CONFLICT)
    assert "was set to '0.9.0' by somebody" in result.message
    assert values(stored(api, namespace)) == ["3", "0.9.0"]


async def test_what_stands_there_by_now_is_read_and_not_written(api, connect, store, namespace):
    plan = plan_for(store(one_chart()))
    set_parameters(
        api,
        namespace,
        [
            {"name": "image.tag", "value": "1.1.0"},
            {"name": "image.name", "value": "ghcr.io/acme/api"},
        ],
    )
    version = stored(api, namespace)["metadata"]["resourceVersion"]
    report = await write(await connect(), plan)
    assert only(report).status is WriteStatus.UNCHANGED
    assert report.patches == ()
    assert stored(api, namespace)["metadata"]["resourceVersion"] == version


async def test_a_dry_run_asks_nothing_and_tells_what_would_be_written(
    api, connect, store, namespace
):
    plan = plan_for(store(one_chart()))
    client = await connect()
    api.forget_requests()
    report = await write(client, plan, dry_run=True)
    assert only(report).status is WriteStatus.WOULD_WRITE
    assert "+spec.source.helm.parameters[image.tag]: 1.1.0" in report.patches[0].diff
    assert not report.patches[0].written
    assert api.request_counts("admin") == {}


async def test_two_plans_for_one_application_come_one_after_the_other(
    api, connect, store, namespace
):
    images = ("ghcr.io/acme/api:1.0.0", "ghcr.io/acme/web:2.0.0")
    before = store(one_chart(), images=images)
    spec = {**WEB, "manifestTargets": {"helm": {"spec": "web"}}}
    client = await connect()
    api.forget_requests()
    report = await write(client, plan_for(before), plan_for(before, spec))
    assert [result.status for result in report.results] == [WriteStatus.WRITTEN] * 2
    assert api.request_counts("admin") == {("patch", "applications"): 2}
    assert values(stored(api, namespace)) == [*WRITTEN, "ghcr.io/acme/web:2.1.0"]


async def test_a_storm_of_conflicts_is_given_up_after_five_attempts(
    api, connect, front, store, namespace
):
    plan = plan_for(store(one_chart()))
    client = await connect(kubeconfig=front.config)
    front.faults += [("PATCH", status(409, "Conflict"))] * 4
    assert only(await write(client, plan)).status is WriteStatus.WRITTEN
    assert front.count("PATCH") == 5
    plan = plan_for(store(one_chart(), name="other"))
    front.faults += [("PATCH", status(409, "Conflict"))] * 9
    result = only(await write(client, plan))
    assert (result.status, result.reason) == (WriteStatus.FAILED, Reason.CONFLICT)
    assert "at each of 5 attempts" in result.message
    assert front.count("PATCH") == 10
    assert values(stored(api, namespace, "other")) == ["3", "1.0.0"]


async def test_a_busy_server_is_waited_for(api, connect, front, store, namespace):
    plan = plan_for(store(one_chart()))
    client = await connect(kubeconfig=front.config)
    busy = status(429, "TooManyRequests", headers={"Retry-After": "0"})
    front.faults += [("PATCH", busy)] * 3
    assert only(await write(client, plan)).status is WriteStatus.WRITTEN
    plan = plan_for(store(one_chart(), name="other"))
    front.faults += [("PATCH", busy)] * 4
    result = only(await write(client, plan))
    assert (result.status, result.reason) == (WriteStatus.FAILED, Reason.WRITE_FAILED)
    assert values(stored(api, namespace, "other")) == ["3", "1.0.0"]


@pytest.mark.parametrize("answer", [None, status(500, "InternalError")], ids=["cut", "500"])
async def test_a_patch_that_arrived_although_its_answer_did_not_is_ours(
    api, connect, front, *, store, namespace, answer
):
    plan = plan_for(store(one_chart()))
    front.after.append(("PATCH", answer))
    report = await write(await connect(kubeconfig=front.config), plan)
    assert only(report).status is WriteStatus.WRITTEN
    assert "1.1.0" in report.patches[0].diff
    assert front.count("PATCH") == 1
    assert values(stored(api, namespace)) == WRITTEN


@pytest.mark.parametrize("answer", [None, status(503, "ServiceUnavailable")], ids=["cut", "503"])
async def test_a_patch_that_did_not_arrive_is_sent_again(
    api, connect, front, *, store, namespace, answer
):
    plan = plan_for(store(one_chart()))
    front.faults.append(("PATCH", answer))
    report = await write(await connect(kubeconfig=front.config), plan)
    assert only(report).status is WriteStatus.WRITTEN
    assert front.count("PATCH") == 2
    assert values(stored(api, namespace)) == WRITTEN


async def test_what_somebody_else_wrote_meanwhile_is_not_ours(
    api, connect, front, store, namespace
):
    plan = plan_for(store(one_chart()))
    front.faults.append(("PATCH", None))
    wanted = [PARAMETERS[0], {"name": "image.tag", "value": "1.1.0", "forceString": True}]
    wanted.append({"name": "image.name", "value": "ghcr.io/acme/api", "forceString": True})
    front.on_request = lambda line: "PATCH" in line and set_parameters(api, namespace, wanted)
    report = await write(await connect(kubeconfig=front.config), plan)
    assert only(report).status is WriteStatus.UNCHANGED
    assert report.patches == ()


async def test_a_server_that_is_gone_is_not_waited_for_by_every_application(connect, front, store):
    plans = [plan_for(store(one_chart(), name=f"a{n}")) for n in range(2 * MOST_UNANSWERED + 8)]
    client = await connect(kubeconfig=front.config, limits=Limits(attempts=1))
    front.faults += [("applications", status(503, "ServiceUnavailable"))] * 9999
    report = await write(client, *plans)
    assert {result.reason for result in report.results} == {Reason.WRITE_FAILED}
    messages = [result.message for result in report.results]
    assert sum("stopped answering" in text for text in messages) >= 8
    assert "may have been written or not" in messages[0]


async def test_an_application_that_goes_is_passed_over(api, connect, store, namespace):
    gone, going = store(one_chart(), name="gone"), store(one_chart(), name="going")
    plans = [plan_for(gone), plan_for(going)]
    api.objects.delete(APPLICATION, "gone", namespace=namespace)
    finalizers = {"metadata": {"finalizers": ["example.com/wait"]}}
    api.objects.patch(APPLICATION, "going", namespace=namespace, change=finalizers)
    api.objects.delete(APPLICATION, "going", namespace=namespace)
    report = await write(await connect(), *plans)
    assert [result.reason for result in report.results] == [Reason.APPLICATION_SKIPPED] * 2
    assert "was deleted meanwhile" in report.results[0].message
    assert "is being deleted" in report.results[1].message
    finalizers = {"metadata": {"finalizers": None}}
    api.objects.patch(APPLICATION, "going", namespace=namespace, change=finalizers)


async def test_a_missing_right_is_named_and_others_are_written(api, connect, store, namespace):
    plan = plan_for(store(one_chart()))
    result = only(await write(await connect("reader"), plan))
    assert (result.status, result.reason) == (WriteStatus.FAILED, Reason.WRITE_FAILED)
    assert 'cannot patch resource "applications"' in result.message
    assert "Role" in result.message


async def test_the_right_to_write_is_asked_for_before_each_request(api, connect, store, namespace):
    plans = [plan_for(store(one_chart(), name=name)) for name in ("web", "other")]
    asked = iter([True])

    def check_turn():
        if not next(asked, False):
            raise LeaseLost("somebody else works now")

    client = await connect()
    api.forget_requests()
    writer = ApplicationWriter(client, open_writes=1, check_turn=check_turn)
    first, second = (await write(client, *plans, writer=writer)).results
    assert first.status is WriteStatus.WRITTEN
    assert (second.status, second.message) == (WriteStatus.FAILED, "somebody else works now")
    assert api.request_counts("admin")["patch", "applications"] == 1


async def test_a_value_that_somebody_puts_back_is_written_again_with_a_warning(
    api, connect, store, namespace
):
    client = await connect()
    writer = ApplicationWriter(client)
    assert only(await write(client, plan_for(store(one_chart())), writer=writer)).warnings == ()
    set_parameters(api, namespace, PARAMETERS)
    again = plan_for(stored(api, namespace))
    result = only(await write(client, again, writer=writer))
    assert result.status is WriteStatus.WRITTEN
    (warning,) = result.warnings
    assert "[image.tag] was set to '1.1.0' before and was put back to '1.0.0'" in warning
    assert "by field manager 'unknown'" in warning  # so the server calls a nameless client
    assert values(stored(api, namespace)) == WRITTEN


async def test_a_generated_application_is_warned_about_once_and_its_owner_named(
    api, connect, store, namespace
):
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "team-a"}
    before = store(one_chart(), ownerReferences=[{**owner, "uid": "u-1"}])
    client = await connect()
    writer = ApplicationWriter(client)
    (warning,) = only(await write(client, plan_for(before), writer=writer)).warnings
    assert "ApplicationSet 'team-a' generates this Application" in warning
    assert "jsonPointers: ['/spec/source/helm/parameters']" in warning
    set_parameters(api, namespace, PARAMETERS)
    again = plan_for(stored(api, namespace))
    (warning,) = only(await write(client, again, writer=writer)).warnings
    assert "was put back to '1.0.0' by ApplicationSet 'team-a'" in warning


async def test_the_object_in_the_way_of_a_guarded_patch_is_handed_over(
    api, connect, store, namespace
):
    before = store(one_chart())
    set_parameters(api, namespace, [])
    client = await connect()
    with pytest.raises(VersionMoved) as moved:
        await client.patch_version(
            APPLICATIONS,
            ObjectKey(namespace, "demo"),
            [{"op": "add", "path": "/metadata/labels", "value": {}}],
            resource_version=before["metadata"]["resourceVersion"],
        )
    assert values(moved.value.current) == []
