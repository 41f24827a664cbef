"""The machine is at fault: the state folder, the settings, the disk, the clock."""

import shutil
import time
from pathlib import Path

import pytest

from clusters.samples import RESOURCE
from faults.cluster.scene import LEASE, LEASE_NAME, NEW, NO_LEASE, condition
from faults.small_disk import SmallDisk
from lab import find_program

pytestmark = pytest.mark.lab(
    "etcd", "kube-apiserver", "argocd", "docker-registry", "git", "nginx", "fcgiwrap"
)
DAY_S = 86_400


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(tmp_path / "small")
    yield small
    small.close()


def ended(program):
    """Start a program that cannot start, and return what it says."""
    with program:
        assert program.wait() == 1, program.log_tail()
    return program.log()


def hold_lease(scene):
    """Have the Lease in other hands."""
    scene.objects.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE_NAME, "namespace": scene.leases},
            "spec": {"holderIdentity": "other", "leaseDurationSeconds": 3600},
        }
    )


def test_a_state_folder_that_cannot_be_used_ends_the_start_also_of_who_only_waits(place, tmp_path):
    scene = place.scene()
    hold_lease(scene)
    (tmp_path / "file").write_text("no folder")
    told = ended(scene.program(state=tmp_path / "file" / "state"))
    assert f"state directory {tmp_path / 'file' / 'state'} cannot be used: Not a directory" in told
    assert "--state-dir" in told
    assert scene.is_untouched()


def test_a_second_process_with_the_same_state_is_refused_with_the_first(place, tmp_path):
    scene = place.scene()
    with scene.program(NO_LEASE, state=tmp_path / "state") as first:
        scene.wait_for_status(lambda now: now.get("lastCheckedAt"))
        told = ended(scene.program(NO_LEASE, state=tmp_path / "state"))
        assert f"is in use by process {first.pid}" in told
        assert first.stop() == 0
    scene.check_written_once()


def test_a_disk_that_fills_up_is_told_in_the_status_and_heals(place, disk):
    scene = place.scene()
    program = scene.program(NO_LEASE, state=disk.folder / "state", interval="1s")
    program.words[:0] = disk.words
    disk.fill()
    with program:
        told = scene.wait_for_status(lambda now: condition(now, "Error"))
        is_error, _, message = condition(told, "Error")
        assert (is_error, told["reasons"]) == ("True", {"Updated": 1, "WriteFailed": 1})
        assert "No space left on device" in message or "File too large" in message
        assert "--state-dir" in message
        assert (scene.tag(), scene.headlines()) == (NEW, ["Begin"])
        if disk.words:  # a limit stays with the process
            program.stop()
            program = scene.program(NO_LEASE, state=disk.folder / "state", interval="1s")
            program.start()
        disk.free()
        scene.wait_for_status(lambda now: condition(now, "Error")[0] == "False")
        assert program.stop() == 0
    scene.check_written_once()
    scene.check_status()


def test_settings_that_are_broken_end_the_start_and_later_leave_the_last_good_ones(place):
    scene = place.scene()
    good = scene.program(interval="1s")
    file = good.folder / "registries.conf"
    text = file.read_text()
    bad = scene.program()
    (bad.folder / "registries.conf").write_text("registries: [{name: x, prefx: y}]")
    assert f"{bad.folder / 'registries.conf'}" in ended(bad)
    gate = scene.held_tags()
    with good:
        good.wait_for_log("became leader")
        file.write_text("registries: [")
        gate.open()
        good.wait_for_log(f"{file}.*until it is mended, what was read before stays in use")
        scene.check_written_once()
        file.write_text(text.replace("name: stage", "name: mended"))
        edit(scene)
        scene.wait_for_status(lambda now: now.get("observedGeneration") == 2)
        before = good.log().count("until it is mended")
        wait_for_checks(scene, 2)
        assert good.log().count("until it is mended") == before
        assert good.stop() == 0


def edit(scene):
    change = {"spec": {"commonUpdateSettings": {"updateStrategy": "semver"}}}
    scene.objects.patch(RESOURCE, "updater", namespace=scene.namespace, change=change)


def wait_for_checks(scene, number):
    """Wait until some more cycles have ended; their times are told in whole seconds."""
    for _ in range(number):
        before = scene.status().get("lastCheckedAt")
        scene.wait_for_status(lambda now, before=before: now.get("lastCheckedAt") != before)


class Clock:
    """The time of day of one program, by libfaketime; clocks that only go forward stay as they are.

    It is looked up at every call, so that it can jump at any moment.
    """

    def __init__(self, folder):
        self._file = folder / "offset"
        self.jump(0)
        # `faketime` tells where its library lies by what it puts into the environment.
        prefix = Path(shutil.which("faketime") or find_program("faketime")).parent.parent
        (library,) = prefix.glob("lib/*/faketime/libfaketime.so.1")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, offset_s):
        self._file.write_text(f"{offset_s:+d}")


@pytest.mark.lab("faketime")
def test_a_clock_that_jumps_stops_neither_the_rhythm_nor_the_lease(place, tmp_path):
    scene = place.scene()
    clock = Clock(tmp_path)
    with scene.program(interval="1s", environment=clock.environment) as program:
        wait_for_checks(scene, 1)
        for offset_s in (DAY_S, -DAY_S):
            clock.jump(offset_s)
            wait_for_checks(scene, 1)
            told = scene.status()["lastCheckedAt"]
            assert told[:10] == time.strftime("%Y-%m-%d", time.gmtime(time.time() + offset_s))
        renewed = scene.lease()["renewTime"]
        scene.objects.wait_for(
            LEASE,
            LEASE_NAME,
            namespace=scene.leases,
            until=lambda found: found["spec"]["renewTime"] != renewed,
        )
        assert program.stop() == 0
        assert "lost" not in program.log()
    assert scene.lease()["leaseTransitions"] == 0
    scene.check_written_once()
    scene.check_status()
