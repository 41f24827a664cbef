"""Ten of a thousand resources are broken: the others work, and each of the ten says what is wrong.

They were stored while the definition of the resource checked nothing, as older ones did.
"""

import contextlib
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clusters.objects import ApiError
from clusters.samples import APPLICATION, RESOURCE, RESOURCE_DEFINITION
from faults.cluster.scene import NEW, NO_LEASE, OLD, Direct, condition, parameters_of
from stages.standalone import application, images, live, reference, resource, source

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd", "docker-registry")
DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"
DEFINITION_NAME = "imageupdaters.argocd-image-updater.argoproj.io"
LIMIT_S = 60
RESOURCES = 1000
WITH_APPLICATION = 50
DEPTH = 3000
MEMORY_LIMIT_MIB = 160
IDLE_CYCLES = 2
WRONG_STATUS = {"conditions": "none", "recentUpdates": 7, "images": {"a": 1}, "lastCheckedAt": []}


IMAGES = [{"alias": "web", "imageName": "a/b"}]


def reference_of(pattern):
    return {"applicationRefs": [{"namePattern": pattern, "images": IMAGES}]}


# Name → spec, None = no spec; and what its status says about it.
BROKEN = {
    "glob": (reference_of("["), "namePattern: malformed pattern"),
    "escape": (reference_of("a\\"), "namePattern: malformed pattern"),
    "number": (reference_of(7), "namePattern: must be text"),
    "list": ([reference_of("a")], "spec: must be a map"),
    "no-spec": (None, "spec: is missing"),
    "text": ("text", "spec: must be a map"),
    "references": ({"applicationRefs": "all"}, "applicationRefs: must be a list"),
}
# Of these the API server takes no status, because of the rules of the definition.
UNTOLD = {
    "images": {"applicationRefs": [{"namePattern": "a", "images": "nginx"}]},
    "numbers": {"applicationRefs": [7]},
}
# Deeper than decoders of Python go, the test's own too: it is sent as text.
DEEP = "deep"
NESTED = '{"a":' * DEPTH + "1" + "}" * DEPTH
BROKEN_COUNT = len(BROKEN) + len(UNTOLD) + 1


def resources(namespace):
    return f"/apis/argocd-image-updater.argoproj.io/v1alpha1/namespaces/{namespace}/imageupdaters"


def send(api, method, path, *, data=None, accept="application/json"):
    """Send a request and return its answer as text."""
    headers = {
        "Authorization": f"Bearer {api.token()}",
        "Accept": accept,
        "Content-Type": "application/json",
    }
    code, text = api.objects._exchange(method, path, data=data, headers=headers)
    assert code < 300, text[:500]
    return text


@contextlib.contextmanager
def definition_without_checks(api):
    """Accept everything, as long as this lasts."""
    found = api.objects.get(DEFINITION, DEFINITION_NAME)
    for version in found["spec"]["versions"]:
        version["schema"] = {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        }
    spec = {"spec": {"versions": found["spec"]["versions"]}}
    api.objects.patch(DEFINITION, DEFINITION_NAME, change=spec)
    try:
        yield
    finally:
        api.objects.apply(RESOURCE_DEFINITION)


def create_when_accepted(api, document):
    """Create an object as soon as the API server follows the new definition."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            return api.objects.create(document)
        except ApiError as error:
            if error.status not in {422, 503} or time.monotonic() > deadline:
                raise
        time.sleep(0.05)  # it tells nobody when it does


def wait_until_checked(api, namespace):
    """Wait until the API server refuses again what the definition forbids."""
    path = resources(namespace)
    deadline = time.monotonic() + LIMIT_S
    document = broken("later", {"applicationRefs": "all"}, namespace)
    while True:
        try:
            api.objects.request("POST", f"{path}?dryRun=All", body=document)
        except ApiError as error:
            if error.status == 422:
                return
            if error.status != 503:
                raise
        assert time.monotonic() < deadline
        time.sleep(0.05)  # as above


def broken(name, spec, namespace):
    document = resource(name, [], namespace=namespace)
    del document["spec"]
    return document if spec is None else document | {"spec": spec}


def create_all(api, documents):
    """Create objects over several connections."""

    def create(part):
        objects = api.objects_as()
        for document in part:
            objects.create(document)
        objects.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, (documents[number::4] for number in range(4))))


@pytest.fixture
def thousand(place):
    """A namespace with all of them."""
    api, namespace = place.api, place.namespace()
    with definition_without_checks(api):
        specs = {name: spec for name, (spec, _) in BROKEN.items()} | UNTOLD
        for name, spec in specs.items():
            create_when_accepted(api, broken(name, spec, namespace))
        document = broken(DEEP, reference_of("NESTED"), namespace)
        text = json.dumps(document).replace('"NESTED"', NESTED)
        send(api, "POST", resources(namespace), data=text.encode())
        api.objects.patch(
            RESOURCE, "glob", namespace=namespace, subresource="status",
            change={"status": WRONG_STATUS},
        )  # fmt: skip
    wait_until_checked(api, namespace)
    image = f"{place.registry.host}/{namespace}/web"
    place.registry.push_tags(f"{namespace}/web", [OLD, NEW])
    create_all(api, [*sound(image, namespace)])
    yield namespace
    send(api, "DELETE", resources(namespace))


def sound(image, namespace):
    for number in range(RESOURCES - BROKEN_COUNT):
        name = f"app-{number}"
        if number < WITH_APPLICATION:
            first = source("https://git.example.com/never-asked.git", "x")
            first["helm"] = {"parameters": [{"name": "image.tag", "value": OLD}]}
            status = live("Helm", f"{image}:{OLD}")
            document = application(name, first, namespace=namespace, status=status)
            document["spec"]["destination"] = {"server": "https://cluster.example"}
            yield document
        named = [reference(name, images(web=f"{image}:1.x"))]
        yield resource(f"sound-{number}", named, namespace=namespace)


def columns(api, path):
    """Return what kubectl shows of an object, by the titles of the columns."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    table = json.loads(send(api, "GET", f"{path}?includeObject=None", accept=accept))
    titles = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(titles, table["rows"][0]["cells"], strict=True))


def usage(pid):
    """Return the peak memory in MiB and the CPU time in seconds of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024, cpu_s


def wait_for_cycles(program, pattern, number):
    deadline = time.monotonic() + LIMIT_S
    while program.log().count(pattern) < number:
        assert program.is_running, program.log_tail()
        assert time.monotonic() < deadline, program.log_tail()
        time.sleep(0.05)  # a log tells nobody that it has grown


def test_ten_of_a_thousand_resources_that_are_broken_disturb_nobody(place, thousand):
    api = place.api
    last = "imageUpdater_name=sound-0 "
    with place.program(
        NO_LEASE, "--interval=1s", leases=thousand, namespaces=[thousand], front=Direct(api)
    ) as program:
        wait_for_cycles(program, last, 1)
        _, before_s = usage(program.pid)
        wait_for_cycles(program, last, 1 + IDLE_CYCLES)
        peak_mib, after_s = usage(program.pid)
        assert program.stop() == 0
    cycle_s = (after_s - before_s) / IDLE_CYCLES
    print(f"\n{RESOURCES} resources: idle cycle {cycle_s:.2f} s CPU, {peak_mib:.0f} MiB")
    assert peak_mib < MEMORY_LIMIT_MIB
    found = {
        item["metadata"]["name"]: item.get("status") or {}
        for item in api.objects.request(
            "GET", f"{resources(thousand)}?fieldSelector=metadata.name!={DEEP}"
        )["items"]
    }
    assert len(found) == RESOURCES - 1
    for name in UNTOLD:
        assert f"the status of ImageUpdater {thousand}/{name} is not written" in program.log()
        assert not found.pop(name)
    for name, status in found.items():
        is_ready, reason, message = condition(status, "Ready")
        if name in BROKEN:
            assert (is_ready, reason) == ("False", "ReconcileFailed"), name
            assert BROKEN[name][1] in message, (name, message)
        else:
            assert is_ready == "True", (name, message)
    assert columns(api, f"{resources(thousand)}/{DEEP}")["Ready"] == "False"
    applications = api.objects.list(APPLICATION, namespace=thousand)
    assert {parameters_of(item)["image.tag"] for item in applications} == {NEW}
    assert {item["metadata"]["generation"] for item in applications} == {2}
