"""1,000 repositories of one registry that wants a token for each: a cold cycle and the next one.

Both cycles run in one process, as in the controller. The token service is a process of its own; its
CPU time is shown and taken out of the wall time, for signing the tokens is no work of ours. What
was asked is counted at the servers, connections by the operating system.
"""

import asyncio
import gc
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from argocd_image_updater.cli.main import OBJECTS_BEFORE_COLLECTION
from argocd_image_updater.controller.standalone import StandaloneOptions, StandaloneSession
from measuring import ROUNDS
from registries.distribution import PASSWORD, USERNAME, DistributionRegistry
from registries.token_service import TokenService

REPOSITORIES, TAGS = 1_000, 20
LIMIT_S = 5.0
MAX_REGISTRY_REQUESTS, MAX_TOKEN_REQUESTS = 1_050, 1_000
_TCP_STATES = {"01", "06", "08"}  # established, time-wait, close-wait


def serve_tokens(folder, pipe):
    """Run the token service until told to end; answer with its requests and CPU seconds."""
    with TokenService(folder) as service:
        push = service.token(["repository:team/app-0000:pull,push"])
        pipe.send((service.auth(), f"Bearer {push}"))
        while pipe.recv():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((len(service.requests), usage.ru_utime + usage.ru_stime))


def fill(registry):
    """Push one repository and copy it on the disk."""
    registry.push_tags("team/app-0000", [f"1.{minor}.0" for minor in range(TAGS)])
    root = registry.folder / "data/docker/registry/v2/repositories/team"
    for number in range(1, REPOSITORIES):
        shutil.copytree(root / "app-0000", root / f"app-{number:04}")


def write_manifests(folder, registry):
    folder.mkdir()
    (folder / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
        "  credentials: env:LOGIN\n"
    )
    references = "".join(
        f"  - namePattern: app-{number:04}\n    images:\n"
        f"    - {{alias: main, imageName: '{registry.host}/team/app-{number:04}:1.x'}}\n"
        for number in range(REPOSITORIES)
    )
    resource_text = (
        "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\n"
        f"metadata: {{name: all, namespace: argocd}}\nspec:\n  applicationRefs:\n{references}"
    )
    applications = [
        f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: app-{number:04}, namespace: argocd}}
spec:
  project: default
  source:
    repoURL: https://charts.example.com
    chart: web
    targetRevision: 1.0.0
    helm:
      parameters:
      - {{name: image.name, value: {registry.host}/team/app-{number:04}}}
      - {{name: image.tag, value: 1.{TAGS - 1}.0}}
"""
        for number in range(REPOSITORIES)
    ]
    (folder / "all.yaml").write_text("---\n".join([resource_text, *applications]))


def requests(registry):
    return sum(registry.request_counts().values())


def connections(port):
    """Count the connections of this machine to a port, also those that were closed just now."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(
        1 for field in fields if field[2].endswith(f":{port:04X}") and field[3] in _TCP_STATES
    )


def tokens(pipe):
    pipe.send("count")
    return pipe.recv()


async def one_round(folder, registry, pipe):
    """Return for each of two cycles: wall and CPU seconds, requests, tokens, connections."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    found = []
    options = StandaloneOptions(
        manifests=(folder / "manifests",),
        state_dir=folder / "state",
        environment={"LOGIN": f"{USERNAME}:{PASSWORD}", "PATH": os.environ.get("PATH", "")},
    )
    async with StandaloneSession(options) as session:
        for _ in range(2):
            asked, (granted, service_s) = requests(registry), tokens(pipe)
            before = connections(registry.port)
            started, cpu = time.perf_counter(), time.process_time()
            report = await session.run_cycle()
            wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
            assert report.requests["tag lists"] == REPOSITORIES
            assert {item.reason.value for item in report.decisions} == {"UpToDate"}
            granted_after, service_after_s = tokens(pipe)
            await asyncio.sleep(0.2)  # the registry writes its log a moment late
            found.append(
                {
                    "wall": wall_s,
                    "token service": service_after_s - service_s,
                    "cpu": cpu_s,
                    "requests": requests(registry) - asked,
                    "tokens": granted_after - granted,
                    "connections": connections(registry.port) - before,
                }
            )
    return found


def report(name, found, *, limits):
    """Print one line and say whether the limits were kept."""
    own = sorted(item["wall"] - item["token service"] for item in found)
    own_s = statistics.median(own)
    counts = {key: max(item[key] for item in found) for key in ("requests", "tokens")}
    good = own_s <= limits["own"] and all(counts[key] <= limits[key] for key in counts)
    print(
        f"{name:<34} {own_s:6.2f} s [{own[0]:.2f} … {own[-1]:.2f}]"
        f"  {statistics.median(item['cpu'] for item in found):6.2f} s CPU"
        f"  (wall {statistics.median(item['wall'] for item in found):.2f} s, token service "
        f"{statistics.median(item['token service'] for item in found):.2f} s)"
        f"  limit {limits['own']} s  {counts['requests']} requests (limit {limits['requests']}), "
        f"{counts['tokens']} tokens (limit {limits['tokens']}), "
        f"{max(item['connections'] for item in found)} new connections"
        f"{'' if good else '  MISSED'}",
        flush=True,
    )
    return good


def main():
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)  # as the command does
    context = get_context("spawn")
    pipe, other = context.Pipe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = context.Process(target=serve_tokens, args=(folder, other))
        service.start()
        auth, push = pipe.recv()
        try:
            with DistributionRegistry(auth=auth, push_authorization=push) as registry:
                fill(registry)
                write_manifests(folder / "manifests", registry)
                rounds = [
                    asyncio.run(one_round(folder, registry, pipe)) for _ in range(ROUNDS + 1)
                ][1:]
        finally:
            pipe.send("")
            service.join()
    cold, again = zip(*rounds, strict=True)
    limits = {"own": LIMIT_S, "requests": MAX_REGISTRY_REQUESTS}
    good = report(
        "1,000 repositories with tokens", cold, limits={**limits, "tokens": MAX_TOKEN_REQUESTS}
    )
    good &= report("the next cycle", again, limits={**limits, "tokens": 0})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
