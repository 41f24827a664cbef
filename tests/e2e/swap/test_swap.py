"""The program in the place of another, where nothing else is changed.

The definition of the resource, its roles, the stored resources, the ConfigMap and the arguments are
those of the first releases. One run of the program goes from its start over updates and idle cycles
to the deletion of a resource and its end; each test looks at what is left of it.
"""

import copy
import itertools
import json
from dataclasses import dataclass, field

import pytest

from clusters.first_definitions import (
    FIELDS,
    FIRST_FIELDS,
    define,
    fields_of,
    first_definition,
    newest_definition,
)
from clusters.first_releases import (
    ACCOUNT,
    FINALIZER,
    LEASE,
    installed_roles,
    status_of_the_first_release,
)
from clusters.samples import RESOURCE
from e2e.swap.installation import (
    NAMESPACE,
    counted,
    cycles,
    forget_rights,
    now,
    refused,
    scrape,
    wait_until,
)
from stages.cluster import condition
from stages.standalone import (
    git_write_back,
    reference,
    resource,
    source,
)
from stages.standalone import images as listed

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
IDLE_CYCLES = 5
PREFIX = "argocd-image-updater.argoproj.io"
EVENT, LEASES = "v1/Event", "coordination.k8s.io/v1/Lease"
CHART = {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.0.0"}


def parameters(image, tag, **more):
    """Return a source with the parameters of a chart, one of them the user's own."""
    values = {"image.name": image, "image.tag": tag, "replicas": "3", **more}
    return CHART | {
        "helm": {"parameters": [{"name": name, "value": text} for name, text in values.items()]}
    }


@dataclass
class Run:
    """What is left of the run. stored: the resources before it. idle: when nothing was due."""

    stored: dict = field(default_factory=dict)
    applications: dict = field(default_factory=dict)
    updated: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    cycles: dict = field(default_factory=dict)
    metrics: str = ""
    idle: tuple = ("", "")
    log: str = ""


@pytest.fixture(scope="module")
def stored(server, installation):
    """Resources as releases stored them, one of the very first and one of the newest."""
    web, api = installation.image("web"), installation.image("api")
    define(server, first_definition())
    installation.objects.create(of_the_first_release(web, api))
    status = {"status": status_of_the_first_release()}
    installation.objects.patch(
        RESOURCE, "shop", namespace=NAMESPACE, change=status, subresource="status"
    )
    define(server, newest_definition())
    installation.objects.create(of_the_newest_release(web))
    return {name: installation.resource(name) for name in ("shop", "platform")}


def of_the_first_release(web, api):
    """A list that is emptied lets the version in that the level above keeps out."""
    document = resource(
        "shop",
        [
            reference(
                "parameters", listed(web=f"{web}:1.x"), commonUpdateSettings={"ignoreTags": []}
            ),
            reference("kustomized", listed(api=f"{api}:1.x")),
        ],
        namespace=NAMESPACE,
        commonUpdateSettings={"ignoreTags": ["1.2.0"], "platforms": []},
    )
    document["metadata"]["finalizers"] = [FINALIZER]
    document["spec"]["namespace"] = NAMESPACE
    return document


def of_the_newest_release(web):
    target = {"manifestTargets": {"helm": {"name": "web.name", "tag": "web.tag"}}}
    return resource(
        "platform",
        [
            reference("values", listed(web=(f"{web}:1.x", target)), **git_write_back("helmvalues")),
            reference("annotated", useAnnotations=True),
        ],
        namespace=NAMESPACE,
    )


@pytest.fixture(scope="module")
def applications(installation):
    """One Application for each way to write."""
    web, api = installation.image("web"), installation.image("api")
    installation.git.repository(
        "values", {"web/values.yaml": f"web:\n  name: {web}\n  tag: 1.0.0 # ours\n".encode()}
    )
    kustomize = {"kustomize": {"images": ["other.example/x:1", f"{api}:1.0.0"]}}
    settings = {
        f"{PREFIX}/image-list": f"web={web}:~1.1",
        f"{PREFIX}/web.helm.image-spec": "image.full",
    }
    add = installation.add
    found = [
        add("parameters", parameters(web, "1.0.0"), "Helm", f"{web}:1.0.0"),
        add(
            "kustomized",
            source("https://git.example/r.git", "api", **kustomize),
            "Kustomize",
            f"{api}:1.0.0",
        ),
        add("values", source(installation.git.url("values"), "web"), "Helm", f"{web}:1.0.0"),
        add(
            "annotated",
            parameters(web, "1.0.0", **{"image.full": f"{web}:1.0.0"}),
            "Helm",
            f"{web}:1.0.0",
            annotations=settings,
        ),
    ]
    return {document["metadata"]["name"]: document for document in found}


@pytest.fixture(scope="module")
def run(server, installation, stored, applications):
    """The whole run."""
    forget_rights(server)
    server.objects.apply(list(installed_roles(NAMESPACE)))
    installation.configure(
        interval="1s", log__format="json", log__level="debug", git__user="bot",
        git__email="bot@example.com", max_concurrent_apps="5",
    )  # fmt: skip
    found = Run(stored=stored, applications=applications)
    with installation.program(account=ACCOUNT) as program:
        update(found, installation, program)
        idle(found, installation, program)
        found.metrics = scrape(program)
        installation.objects.delete(RESOURCE, "shop", namespace=NAMESPACE)
        wait_until(
            lambda: installation.objects.find(RESOURCE, "shop", namespace=NAMESPACE) is None,
            program=program,
        )
        assert program.stop() == 0
    found.requests = installation.requests(program)
    found.cycles = cycles(program)
    found.events = [
        event
        for event in installation.objects.list(EVENT, namespace=NAMESPACE)
        if event["metadata"]["creationTimestamp"] >= program.since[:19]
    ]
    found.log = program.log()
    yield found
    installation.clear(NAMESPACE)


def update(found, installation, program):
    """Wait for the updates, and have them live."""

    def all_are_written():
        seen = {name: installation.resource(name).get("status", {}) for name in found.stored}
        written = {
            item["alias"] for status in seen.values() for item in status.get("recentUpdates", [])
        }
        return seen["shop"].get("lastUpdatedAt", "") > "2025" and {"web", "api"} <= written

    wait_until(all_are_written, program=program)
    found.updated = {name: installation.application(name) for name in found.applications}
    web, api = installation.image("web"), installation.image("api")
    installation.run_images("parameters", f"{web}:1.2.0")
    installation.run_images("kustomized", f"{api}:1.1.0")
    installation.run_images("values", f"{web}:1.2.0")
    installation.run_images("annotated", f"{web}:1.1.0")


def idle(found, installation, program):
    """Let some cycles go by in which nothing is due."""
    first = cycles(program)
    wait_until(lambda: min((cycles(program) - first).values(), default=0) >= 2, program=program)
    began = now()
    before = {name: installation.resource(name) for name in found.stored}
    counted_before = cycles(program)
    wait_until(
        lambda: min((cycles(program) - counted_before).values(), default=0) >= IDLE_CYCLES,
        program=program,
    )
    found.idle = began, now()
    found.versions = {
        name: [document, *installation.objects.later_versions(document)]
        for name, document in before.items()
    }


def test_the_definitions_have_exactly_the_fields_of_those_releases():
    assert fields_of(newest_definition()) == FIELDS
    assert fields_of(first_definition()) == FIRST_FIELDS


def test_the_very_first_release_stored_its_defaults_and_a_namespace(run):
    spec = run.stored["shop"]["spec"]
    defaults = {"updateStrategy": "semver", "forceUpdate": False}
    assert spec["commonUpdateSettings"] == {"ignoreTags": ["1.2.0"], "platforms": [], **defaults}
    assert spec["applicationRefs"][0]["commonUpdateSettings"] == {"ignoreTags": [], **defaults}


def test_parameters_of_a_chart_are_changed_and_nothing_else(run):
    wanted = copy.deepcopy(run.applications["parameters"]["spec"])
    name, tag, _ = wanted["source"]["helm"]["parameters"]
    name["forceString"] = tag["forceString"] = True
    tag["value"] = "1.2.0"
    assert run.updated["parameters"]["spec"] == wanted


def test_images_of_kustomize_are_changed_and_nothing_else(run):
    wanted = copy.deepcopy(run.applications["kustomized"]["spec"])
    images = wanted["source"]["kustomize"]["images"]
    images[1] = images[1].replace(":1.0.0", ":1.1.0")
    assert run.updated["kustomized"]["spec"] == wanted


def test_what_annotations_ask_for_is_changed_and_nothing_else(run):
    wanted = copy.deepcopy(run.applications["annotated"]["spec"])
    full = wanted["source"]["helm"]["parameters"][3]
    full["value"] = full["value"].replace(":1.0.0", ":1.1.0")
    full["forceString"] = True
    assert run.updated["annotated"]["spec"] == wanted


def test_the_repository_is_written_as_the_config_map_says(run, installation):
    web = installation.image("web")
    text = installation.file("values", "web/values.yaml")
    assert text == f"web:\n  name: {web}\n  tag: 1.2.0 # ours\n"
    said = "bot <bot@example.com> chore: values team/web=1.2.0"
    assert installation.last_commit("values", "%an <%ae> %s") == said
    assert run.updated["values"]["spec"] == run.applications["values"]["spec"]


def test_each_update_is_told_by_one_event(run):
    told = [e["involvedObject"]["uid"] for e in run.events if e["reason"] == "ImagesUpdated"]
    assert sorted(told) == sorted(item["metadata"]["uid"] for item in run.applications.values())


def test_an_application_is_written_once(run):
    written = [
        event["objectRef"]["name"]
        for event in run.requests
        if event["objectRef"]["resource"] == "applications"
        and event["verb"] not in {"list", "watch"}
    ]
    # ``values`` is pushed to Git, and Argo CD is asked to look at it.
    assert sorted(written) == ["annotated", "kustomized", "parameters", "values"]


def test_the_status_is_that_of_the_first_releases(run):
    status = run.versions["shop"][0]["status"]
    assert set(status) <= {field.partition(".")[2].partition("[")[0] for field in FIELDS}
    assert condition(status, "Ready") == ("True", "ReconcileSucceeded")
    assert (status["applicationsMatched"], status["imagesManaged"]) == (2, 2)
    assert status["observedGeneration"] == 1


def test_the_rest_of_a_resource_stays_as_it_was_stored(run):
    for name, before in run.stored.items():
        after = run.versions[name][-1]
        assert json.dumps(after["spec"]) == json.dumps(before["spec"])
        kept = ("generation", "finalizers", "labels", "annotations", "ownerReferences")
        for member in kept:
            assert after["metadata"].get(member) == before["metadata"].get(member), member


def test_an_idle_cycle_changes_the_time_of_the_check_alone(run):
    for versions in run.versions.values():
        assert len(versions) >= IDLE_CYCLES
        for before, after in itertools.pairwise(map(comparable, versions)):
            assert after == before
        times = [version["status"]["lastCheckedAt"] for version in versions]
        assert len(set(times)) == len(times)


def comparable(version):
    """A resource without what may change: the time of the check, and who wrote it when."""
    found = copy.deepcopy(version)
    del found["status"]["lastCheckedAt"]
    del found["metadata"]["resourceVersion"]
    found["metadata"].pop("managedFields")  # kept apart below
    found["managers"] = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in version["metadata"]["managedFields"]
    ]
    return found


def test_each_resource_gets_one_status_patch_a_cycle_and_no_other_write(run):
    writes = [
        (event["objectRef"]["name"], event["verb"], event["objectRef"].get("subresource", ""))
        for event in run.requests
        if event["objectRef"]["resource"] == "imageupdaters"
        and event["verb"] not in {"get", "list", "watch"}
    ]
    released = ("shop", "patch", "")
    assert writes.count(released) == 1
    statuses = [write for write in writes if write != released]
    assert set(statuses) == {(name, "patch", "status") for name in run.stored}
    assert statuses.count(("platform", "patch", "status")) == run.cycles["platform"]
    # One that is deleted while a cycle runs is left alone.
    assert run.cycles["shop"] - statuses.count(("shop", "patch", "status")) in {0, 1}


def test_idle_cycles_list_nothing(run):
    began, ended = run.idle
    asked = [e for e in run.requests if began <= e["requestReceivedTimestamp"] <= ended]
    verbs = {verb for verb, _ in counted(asked)}
    assert verbs <= {"get", "patch", "watch"}, counted(asked)


def test_nothing_needs_a_right_that_the_roles_do_not_give(run):
    assert refused(run.requests) == []
    assert counted(run.requests)["create", "tokenreviews"] == 1
    assert counted(run.requests)["create", "subjectaccessreviews"] == 1
    assert counted(run.requests)["patch", "leases"] > IDLE_CYCLES // 2


def test_the_metrics_are_read_with_the_roles_that_are_there(run):
    line = 'argocd_image_updater_images_updated_total{image_updater_cr_name="shop",'
    (value,) = (text for text in run.metrics.splitlines() if text.startswith(line))
    assert value.endswith(" 2.0")


def test_the_lease_is_given_back_in_the_form_that_others_read(run, installation):
    lease = installation.objects.get(LEASES, LEASE, namespace=NAMESPACE)["spec"]
    assert lease["holderIdentity"] == ""


def test_every_line_of_the_log_has_the_form_that_was_asked_for(run):
    lines = [json.loads(line) for line in run.log.splitlines()]
    assert {"time", "level", "msg"} <= set.intersection(*map(set, lines))
