"""Stopped or killed at every moment of a cycle: each change is made exactly once.

The moments are real ones: a request to the API server, or its answer, is under way, the registry is
asked, the Git server has not yet accepted a push, or has and did not say so.
"""

import signal

import pytest

from faults.cluster.front import Gate, hang
from faults.cluster.scene import HookGate, Scene, reach

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)


def requested(pattern, *, after=False):
    return lambda scene: scene.at(pattern, Gate(after=after))


class RenewalGate:
    """Stops a renewal of the Lease while the registry is asked."""

    def __init__(self, scene):
        self._tags, self._renewal = scene.held_tags(), Gate()
        scene.place.front.on(f"PATCH .*/{scene.leases}/leases/", self._renewal, times=1)

    def is_reached(self):
        return self._renewal.is_reached()

    def open(self):
        self._tags.open()
        self._renewal.open()


def taken(scene):
    """Stop the answer that the Lease was taken, and all news of it."""
    gate = Gate(after=True)
    scene.place.front.on(f"GET .*/{scene.leases}/leases.*watch", hang)
    scene.place.front.on(f"POST .*/{scene.leases}/leases", gate, times=1)
    return gate


MOMENTS = {
    "the resources are listed": requested(r"GET .*{ns}/imageupdaters\?limit"),
    "the Lease is taken": taken,
    "the Lease is renewed": RenewalGate,
    "the tags are asked for": Scene.held_tags,
    "the push has arrived": lambda scene: HookGate(scene, "pre-receive"),
    "the push was accepted": lambda scene: HookGate(scene, "post-receive"),
    "the Application is to be changed": requested("PATCH .*{ns}/applications/direct"),
    "the Application was changed": requested("PATCH .*{ns}/applications/direct", after=True),
    "an event is to be sent": requested("POST .*{ns}/events"),
    "the status is to be written": requested("PATCH .*{ns}/imageupdaters/updater/status"),
    "the status was written": requested("PATCH .*{ns}/imageupdaters/updater/status", after=True),
}


# Nothing is under way yet: the program ends without a cycle.
BEFORE_WORK = {"the resources are listed", "the Lease is taken"}


def check_next_run(place, scenes, **options):
    """Run over all scenes once more: everything is there, once."""
    namespaces = [scene.namespace for scene in scenes.values()]
    with place.program(
        "--once", leases=place.namespace(), namespaces=namespaces, **options
    ) as program:
        assert program.wait() == 0, program.log_tail()
    for scene in scenes.values():
        scene.check_written_once()
        scene.check_status()


def test_killed_at_any_moment_everything_is_written_once_by_the_next_run(place, tmp_path):
    scenes = {moment: place.scene() for moment in MOMENTS}
    for moment, scene in scenes.items():
        gate = MOMENTS[moment](scene)
        with scene.program(state=tmp_path / "state") as program:
            reach(gate, program)
            assert program.stop(signal.SIGKILL) == -signal.SIGKILL, moment
        gate.open()
    check_next_run(place, scenes, state=tmp_path / "state")
    check_next_run(place, scenes, state=tmp_path / "state")


def test_stopped_at_any_moment_a_cycle_ends_and_gives_the_lease_back(place):
    scenes = {moment: place.scene() for moment in MOMENTS}
    for moment, scene in scenes.items():
        gate = MOMENTS[moment](scene)
        with scene.program() as program:
            reach(gate, program)
            program.send(signal.SIGTERM)
            program.wait_for_log("stopping when")
            gate.open()
            assert program.wait() == 0, f"{moment}: {program.log_tail()}"
        assert scene.holder() == "", moment
        if moment in BEFORE_WORK:
            assert scene.is_untouched(), moment
        else:
            scene.check_written_once()
            scene.check_status()
    check_next_run(place, scenes)
