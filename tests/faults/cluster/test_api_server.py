"""The API server dies, forgets, is busy, or has something newer: nothing is lost, nothing twice."""

import pytest

from clusters.fault_front import status
from clusters.kube_api import KubeApiServer
from clusters.samples import APPLICATION, RESOURCE, RESOURCE_DEFINITION
from faults.cluster.front import Gate, answer
from faults.cluster.scene import NEW, NO_LEASE, OLD, Direct, HookGate, Place, condition, reach

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
BUSY = {"headers": {"Retry-After": "0"}}
EVERYTHING = {
    "lists": r"GET .*{ns}/(imageupdaters|applications)\?limit",
    "watches": r"GET .*{ns}/(imageupdaters|applications)\?watch",
    "changes": r"PATCH .*{ns}/applications/",
    "statuses": r"PATCH .*{ns}/imageupdaters/updater/status",
    "events": r"POST .*{ns}/events",
}


@pytest.fixture(scope="module")
def own_place(tmp_path_factory, place):
    """The same with an API server that may be killed."""
    with KubeApiServer() as server:
        server.install_crds("application")
        server.objects.apply(RESOURCE_DEFINITION)
        yield Place(
            tmp_path_factory.mktemp("own"),
            api=server,
            front=Direct(server),
            registry=place.registry,
            gate=place.gate,
            git=place.git,
        )


def test_an_api_server_that_is_killed_in_a_cycle_gets_the_result_when_it_is_back(own_place):
    """It has forgotten all versions, too: watches cannot go on where they were."""
    api = own_place.api
    short, long_ = own_place.scene(), own_place.scene()
    push, tags = HookGate(short, "pre-receive"), long_.held_tags()
    # It may be away for longer than a holder of the Lease goes on.
    with (
        short.program(NO_LEASE) as waiting,
        long_.program(NO_LEASE, interval="1s") as trying,
    ):
        reach(push, waiting)
        reach(tags, trying)
        newest = api.objects.namespace("newest")
        revision = api.objects.get("v1/Namespace", newest)["metadata"]["resourceVersion"]
        api.stop()
        api.compact(revision)
        tags.open()
        api.start()
        push.open()
        for scene, program in ((short, waiting), (long_, trying)):
            scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
            scene.wait_for_tag(NEW)
            scene.check_written_once()
            scene.check_status()
            note_edit(scene)
            assert program.stop() == 0


def note_edit(scene):
    """The watches go on: an edit is acted on."""
    change = {"spec": {"commonUpdateSettings": {"updateStrategy": "semver"}}}
    scene.objects.patch(RESOURCE, "updater", namespace=scene.namespace, change=change)
    scene.wait_for_status(lambda now: now.get("observedGeneration") == 2)


def test_a_watch_that_has_expired_begins_anew_with_a_list(place):
    scene = place.scene()
    expired = answer(status(410, "Expired"))
    for kind in ("imageupdaters", "applications"):
        scene.at(f"GET .*{{ns}}/{kind}\\?watch", expired)
    with scene.program() as program:
        scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
        scene.wait_for_front(EVERYTHING["watches"], 4)
        assert len(scene.asked(EVERYTHING["lists"])) == 4
        note_edit(scene)
        assert program.stop() == 0
    scene.check_written_once()


def test_a_busy_api_server_is_asked_again(place):
    scene = place.scene()
    busy = answer(status(429, "TooManyRequests", **BUSY))
    for pattern in EVERYTHING.values():
        scene.at(pattern, busy, times=3)
    place.front.on(f"/{scene.leases}/leases", busy, times=3)
    with scene.program() as program:
        scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
        assert program.stop() == 0
    scene.check_written_once()
    scene.check_status()
    # Besides, Argo CD is asked to look at what was pushed.
    values = [one for one in scene.asked(EVERYTHING["changes"]) if "/direct?" in one]
    assert len(values) == 4
    assert len(scene.events()) == 2


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (429, "TooManyRequests", "WriteFailed"),
        (409, "Conflict", "Conflict"),
        (500, "InternalError", "WriteFailed"),
    ],
)
def test_a_storm_costs_cycles_and_not_the_process(place, code, reason, told):
    scene = place.scene()
    storm = answer(status(code, reason, **BUSY))
    scene.at(EVERYTHING["changes"], storm, times=None)
    scene.at(EVERYTHING["statuses"], storm, times=2)
    with scene.program(interval="1s") as program:
        scene.wait_for_status(lambda now: now.get("reasons", {}).get(told) == 1)
        cycles = program.log().count("Processing results")
        assert len(scene.asked(EVERYTHING["changes"])) <= 5 * (cycles + 1)
        assert scene.find("direct")["metadata"]["generation"] == 1
        place.front.off(storm)
        scene.wait_for_status(lambda now: told not in now["reasons"])
        assert program.stop() == 0
    scene.check_written_once()
    scene.check_status()


def test_what_a_user_edits_between_decision_and_write_stays(place):
    scenes = {name: place.scene() for name in ("beside", "the value")}
    gates = [scene.at(EVERYTHING["changes"], Gate()) for scene in scenes.values()]
    namespaces = [scene.namespace for scene in scenes.values()]
    leases = scenes["beside"].leases
    with place.program("--interval=1h", leases=leases, namespaces=namespaces) as program:
        for gate in gates:
            reach(gate, program)
        tag = {"name": "image.tag", "value": OLD}
        set_parameters(scenes["beside"], [{"name": "replicas", "value": "3"}, tag])
        set_parameters(scenes["the value"], [{"name": "image.tag", "value": "0.9.0"}])
        for gate in gates:
            gate.open()
        for scene in scenes.values():
            scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
        assert program.stop() == 0
    assert scenes["beside"].parameters() | {"image.name": ""} == {
        "replicas": "3", "image.tag": NEW, "image.name": "",
    }  # fmt: skip
    kept = scenes["the value"]
    assert kept.tag() == "0.9.0"
    assert kept.status()["reasons"] == {"Conflict": 1, "Updated": 1}
    assert "was set to '0.9.0' by somebody" in condition(kept.status(), "Error")[2]


def set_parameters(scene, parameters):
    change = {"spec": {"source": {"helm": {"parameters": parameters}}}}
    scene.objects.patch(APPLICATION, "direct", namespace=scene.namespace, change=change)
