"""Idle cycles of one replica, and of several that share the work: CPU and memory of each.

5,000 Applications over 200 repositories of 50 tags, method argocd, nothing to do. Each replica
follows all objects and settles what belongs to whom for itself; only the rest is divided.
``SIZES=500x50`` is a smaller scene, ``SHARDS=1,2,4`` other numbers of replicas.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench_cluster import IDLE_CYCLES, INTERVAL_S, USER, Controller, Scene

# isort: split - measuring makes these importable
from clusters.kube_api import KubeApiServer
from measuring import COMMAND
from registries.distribution import DistributionRegistry

APPLICATIONS, REPOSITORIES = map(int, os.environ.get("SIZES", "5000x200").split("x"))
NUMBERS = [int(item) for item in os.environ.get("SHARDS", "1,3").split(",")]
TAGS = 50


class Replica(Controller):
    """One of several, with a folder of its own."""

    def __init__(self, scene, number, shards):
        folder = scene.folder / f"{shards}-{number}"
        folder.mkdir()
        self._log = folder / "controller.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        flags = (f"--interval={INTERVAL_S}s", f"--shards={shards}", f"--state-dir={folder}/state")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [COMMAND, *scene.words(*flags)], stdout=log, stderr=log, env=kept
            )


def measure(scene, shards):
    """Print what an idle cycle costs each of so many replicas."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica(scene, number, shards)) for number in range(shards)]
        for one in replicas:
            one.wait_for_cycles(3)
        before = [(one.cycles(), one.cpu_s()) for one in replicas]
        for one, (cycles, _) in zip(replicas, before, strict=True):
            one.wait_for_cycles(cycles + IDLE_CYCLES)
        costs = [
            (one.cpu_s() - cpu_s) / (one.cycles() - cycles)
            for one, (cycles, cpu_s) in zip(replicas, before, strict=True)
        ]
        peak = max(one.peak_mib() for one in replicas)
    each = " ".join(f"{cost:.3f}" for cost in costs)
    print(
        f"{scene.applications} applications, {shards} shards, idle cycle: {each} s CPU, "
        f"{peak:.0f} MiB at most",
        flush=True,
    )


def main():
    with (
        tempfile.TemporaryDirectory() as name,
        DistributionRegistry() as registry,
        KubeApiServer(users={USER: ["system:masters"]}) as api,
    ):
        began = time.monotonic()
        scene = Scene(
            api, registry, Path(name), applications=APPLICATIONS, repositories=REPOSITORIES
        )
        scene.set_tags(f"1.{TAGS - 1}.0")
        print(f"the scene stands after {time.monotonic() - began:.0f} s", flush=True)
        for shards in NUMBERS:
            measure(scene, shards)
    return 0


if __name__ == "__main__":
    sys.exit(main())
