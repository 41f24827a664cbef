"""newest-build over 10 repositories of 1,000 tags: cold, and again from the store.

Every image has a manifest and a config of its own, so a cold run asks for 20,000 documents. Two
servers answer: CNCF Distribution, and files served by nginx. CPU time is shown for the program and
for the server; which of them needs more is what bounds the run, however busy the machine is. The
wanted rate is met, or the server is the bound and the program alone could meet it.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from measuring import BASELINE, measure_rounds, row, run
from piles import FileRegistry, Pile, lay_distribution
from registries.distribution import DistributionRegistry

APPLICATIONS = 20
PILE = Pile(repositories=10, tags=1_000)
DOCUMENTS = 2 * PILE.repositories * PILE.tags
MIN_RATE = 1_500.0  # manifests and configs a second
_TICKS = os.sysconf("SC_CLK_TCK")


def write_manifests(folder, registry):
    folder.mkdir()
    (folder / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
    )
    parts = [
        "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\n"
        "kind: ImageUpdater\nmetadata: {name: all, namespace: argocd}\nspec:\n"
        "  commonUpdateSettings: {updateStrategy: newest-build}\n  applicationRefs:\n"
        + "".join(
            f"  - namePattern: app-{index}-*\n    images:\n"
            f"    - {{alias: main, imageName: '{registry.host}/team/app-{index}'}}\n"
            for index in range(PILE.repositories)
        )
    ]
    parts += [
        f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: app-{number % PILE.repositories}-{number}, namespace: argocd}}
spec:
  project: default
  source:
    repoURL: https://charts.example.com
    chart: web
    targetRevision: 1.0.0
    helm:
      parameters:
      - {{name: image.name, value: {registry.host}/team/app-{number % PILE.repositories}}}
      - {{name: image.tag, value: {PILE.tag(0)}}}
"""
        for number in range(APPLICATIONS)
    ]
    (folder / "all.yaml").write_text("---\n".join(parts))


class Meter:
    """What a server did between two looks: requests by kind, and CPU seconds."""

    def __init__(self, registry):
        self._registry = registry
        self._before = self._look()

    def read(self):
        before, now = self._before, self._look()
        kinds = {kind: now[0][kind] - before[0][kind] for kind in now[0]}
        return kinds, now[1] - before[1]

    def _look(self):
        kinds = dict.fromkeys(("lists", "manifests", "configs", "checks", "pings"), 0)
        for (method, path), count in self._registry.request_counts().items():
            kinds[_kind(method, path)] += count
        fields = Path(f"/proc/{self._registry.pid}/stat").read_text().rpartition(")")[2].split()
        return kinds, (int(fields[11]) + int(fields[12])) / _TICKS


def _kind(method, path):
    if path.endswith("/tags/list"):
        return "lists"
    if "/manifests/" in path:
        return "checks" if method == "HEAD" else "manifests"
    return "configs" if "/blobs/" in path else "pings"


def measure_server(folder, registry):
    """Return for cold and warm: the pair of `measure_rounds`, and what the server did."""
    write_manifests(folder / "pristine", registry)
    served = {"cold": [], "warm": []}

    def one_run(command, name):
        shutil.rmtree(folder / "work", ignore_errors=True)
        shutil.copytree(folder / "pristine", folder / "work")
        meter = Meter(registry)
        words = ("run", "--once", "--manifests", folder / "work")
        found = run(command, *words, "--state-dir", folder / "state")
        served[name].append(meter.read())
        assert f"images_updated={APPLICATIONS} errors=0" in found.output
        written = (folder / "work" / "all.yaml").read_text()
        assert written.count(PILE.tag(PILE.tags - 1)) == APPLICATIONS
        return found

    def measure(command):
        shutil.rmtree(folder / "state", ignore_errors=True)
        return {"cold": one_run(command, "cold"), "warm": one_run(command, "warm")}

    found = measure_rounds(measure)
    # the first round does not count; of a baseline, which runs in turn, nothing is kept here
    every = 2 if BASELINE else 1
    return found, {kind: values[every::every] for kind, values in served.items()}


def judge(name, pair, served):
    """Print what bounds the cold run; True where it is fast enough, or the server's fault."""
    own, (kinds, server_s) = min(zip(pair[0], served, strict=True), key=lambda one: one[0].wall_s)
    rate, own_rate = DOCUMENTS / own.wall_s, DOCUMENTS / own.cpu_s
    cores = len(os.sched_getaffinity(0))
    busy = (own.cpu_s + server_s) / own.wall_s / cores
    bound_by_server = server_s > own.cpu_s
    bound = name if bound_by_server else "the program"
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    print(
        f"    {rate:,.0f} manifests and configs a second (wanted: {MIN_RATE:,.0f}), "
        f"bound by {bound}; both keep {busy:.0%} of {cores} cores busy\n"
        f"    a second of CPU time is enough for {own_rate:,.0f} in the program, and for "
        f"{DOCUMENTS / server_s:,.0f} in {name}\n"
        f"    {listed}",
        flush=True,
    )
    return rate >= MIN_RATE or (bound_by_server and own_rate >= MIN_RATE)


def report(name, found, served):
    good = row(f"10 x 1,000 tags, cold, {name}", found["cold"])
    good &= judge(name, found["cold"], served["cold"])
    good &= row(f"again, {name}", found["warm"])
    cold, warm = (served[kind][-1][0] for kind in ("cold", "warm"))
    per_tag = sum(cold.values()) / PILE.repositories / PILE.tags
    per_repository = sum(warm.values()) / PILE.repositories
    print(f"    {per_tag:.3f} requests a tag, again {per_repository:.1f} a repository", flush=True)
    return good and per_tag <= 2.01 and per_repository <= 4.2  # one ping of the registry a run


def main():
    good = True
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        distribution = stack.enter_context(DistributionRegistry())
        lay_distribution(PILE, distribution)
        files = stack.enter_context(FileRegistry(PILE))
        for name, registry in (("Distribution", distribution), ("files", files)):
            (folder / name).mkdir()
            good &= report(name, *measure_server(folder / name, registry))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
