"""The right to work is lost while a cycle is under way: nothing is written after that.

Most of it is waiting, so all scenes are played side by side, and each test looks at one of them.
"""

import contextlib
import signal
import time

import pytest

from clusters.fault_front import status
from faults.cluster.front import Gate, answer, hang
from faults.cluster.scene import LEASE, LEASE_NAME, Scene, condition, reach

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
# A renewal may just have succeeded, and a busy machine is no fault.
DEADLINE_S = 10 + 2 + 10
DURATION_S = 15


class Cut:
    """A controller whose cycle is held, while it asks for tags or at another request."""

    def __init__(self, place, held=Scene.held_tags):
        self.scene = place.scene()
        self.gate = held(self.scene)
        self.program, self.successor = self.scene.program(), self.scene.program()
        self.code = self.ended_s = self.taken_s = self.reconciling = None

    def spoil_renewals(self, action):
        self.scene.place.front.on(f"PATCH .*/{self.scene.leases}/leases/", action)

    def wait(self, began_s):
        self.code = self.program.wait()
        self.ended_s = time.monotonic() - began_s


def held_patch(scene):
    return scene.at("PATCH .*{ns}/applications/direct", Gate())


@pytest.fixture(scope="module")
def cuts(place):
    names = ("refused", "silent", "robbed", "frozen", "killed")
    cuts = {name: Cut(place) for name in names} | {"delayed": Cut(place, held_patch)}
    cuts["refused"].spoil_renewals(answer(status(500, "InternalError")))
    cuts["silent"].spoil_renewals(hang)
    with contextlib.ExitStack() as started:
        for cut in cuts.values():
            started.callback(cut.successor.end)
            started.callback(cut.program.end)
            started.callback(cut.gate.open)
            cut.program.start()
        play(cuts)
        yield cuts


def play(cuts):
    """Let each cycle come to its gate, take the right away, and see what follows."""
    for cut in cuts.values():
        reach(cut.gate, cut.program)
    began_s = time.monotonic()
    for cut in (cuts["frozen"], cuts["delayed"]):
        cut.program.send(signal.SIGSTOP)
    cuts["killed"].code = cuts["killed"].program.stop(signal.SIGKILL)
    for name in ("frozen", "killed", "delayed"):
        cuts[name].successor.start()
    robbed = cuts["robbed"]
    theft = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 3600}}
    robbed.scene.objects.patch(LEASE, LEASE_NAME, namespace=robbed.scene.leases, change=theft)
    robbed.wait(began_s)
    refused = cuts["refused"]
    refused.reconciling = refused.scene.wait_for_status(lambda now: condition(now, "Reconciling"))
    for name in ("refused", "silent"):
        cuts[name].wait(began_s)
    for name in ("frozen", "killed", "delayed"):
        cut = cuts[name]
        cut.successor.wait_for_log("this replica works")
        cut.taken_s = time.monotonic() - began_s
        cut.scene.wait_for_status(lambda now: "reasons" in now)
    for cut in cuts.values():
        cut.gate.open()
    for cut in (cuts["frozen"], cuts["delayed"]):
        cut.program.send(signal.SIGCONT)
        cut.wait(began_s)


@pytest.mark.parametrize("name", ["refused", "silent"])
def test_a_lease_that_cannot_be_renewed_ends_the_work_in_time(cuts, name):
    cut = cuts[name]
    assert cut.code == 1
    assert cut.ended_s < DEADLINE_S
    assert "not renewed within 10 s" in cut.program.log()
    assert cut.scene.is_untouched()


def test_a_lease_that_somebody_else_has_ends_the_work_at_once(cuts):
    cut = cuts["robbed"]
    assert cut.code == 1
    assert cut.ended_s < DEADLINE_S
    assert "somebody else has it" in cut.program.log()
    assert cut.scene.is_untouched()
    assert not cut.scene.status()
    assert cut.scene.lease()["holderIdentity"] == "thief"


def test_a_holder_that_died_is_waited_for_and_its_work_finished(cuts):
    cut = cuts["killed"]
    assert cut.code == -signal.SIGKILL
    assert cut.taken_s > DURATION_S - 2 - 1
    check_successor(cut)


@pytest.mark.parametrize("name", ["frozen", "delayed"])
def test_a_holder_that_stood_still_writes_nothing_when_it_goes_on(cuts, name):
    cut = cuts[name]
    assert cut.code == 1
    assert "stood still" in cut.program.log()
    check_successor(cut)


def check_successor(cut):
    """It wrote what was missing, nothing was written twice, and it gives the Lease back."""
    cut.scene.check_written_once()
    cut.scene.check_status()
    assert cut.successor.stop() == 0
    assert cut.scene.lease()["holderIdentity"] == ""


def test_a_cycle_that_takes_long_says_that_it_is_running(cuts):
    status_, reason, _ = condition(cuts["refused"].reconciling, "Reconciling")
    assert (status_, reason) == ("True", "Reconciling")
