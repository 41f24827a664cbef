"""500 Applications over 50 repositories of 50 tags, method argocd: one cycle, then an idle one."""

import shutil
import sys
import tempfile
from pathlib import Path

from measuring import measure_rounds, row, run
from registries.distribution import DistributionRegistry

APPLICATIONS, REPOSITORIES, TAGS = 500, 50, 50


def write_manifests(folder, registry):
    folder.mkdir()
    (folder / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
    )
    (folder / "resource.yaml").write_text(
        "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\n"
        "kind: ImageUpdater\n"
        "metadata: {name: all, namespace: argocd}\n"
        "spec:\n  applicationRefs:\n"
        + "".join(
            f"  - namePattern: app-{index:02}-*\n    images:\n"
            f"    - {{alias: main, imageName: '{registry.host}/team/app-{index:02}:1.x'}}\n"
            for index in range(REPOSITORIES)
        )
    )
    for number in range(APPLICATIONS):
        (folder / f"app-{number:03}.yaml").write_text(
            f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: app-{number % REPOSITORIES:02}-{number:03}
  namespace: argocd
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: x}}
  source:
    repoURL: https://charts.example.com
    chart: web
    targetRevision: 1.0.0
    helm:
      parameters:
      - name: image.name
        value: {registry.host}/team/app-{number % REPOSITORIES:02}
      - name: image.tag # kept by the updater
        value: "1.0.0"
      - name: replicas
        value: "3"
"""
        )


def tag_lists(registry):
    return sum(
        count
        for (method, path), count in registry.request_counts().items()
        if method == "GET" and "/tags/list" in path
    )


def main():
    good = True
    with tempfile.TemporaryDirectory() as name, DistributionRegistry() as registry:
        folder = Path(name)
        for index in range(REPOSITORIES):
            tags = [f"1.{minor}.0" for minor in range(TAGS)]
            registry.push_tags(f"team/app-{index:02}", tags)
        write_manifests(folder / "pristine", registry)

        def measure(command):
            shutil.rmtree(folder / "work", ignore_errors=True)
            shutil.copytree(folder / "pristine", folder / "work")
            words = ("run", "--once", "--manifests", folder / "work")
            words += ("--state-dir", folder / "state")
            outdated = run(command, *words)
            assert f"images_updated={APPLICATIONS} errors=0" in outdated.output
            before = tag_lists(registry)
            idle = run(command, *words)
            assert "images_updated=0 errors=0" in idle.output
            lists.append(tag_lists(registry) - before)
            return {"outdated": outdated, "idle": idle}

        lists = []
        found = measure_rounds(measure)
        counts = f"{max(lists)} tag lists a run (limit {REPOSITORIES})"
        good &= row(
            "500 applications, all outdated",
            found["outdated"],
            limit_s=2,
            limit_mib=120,
            counts=counts,
        )
        good &= row("500 applications, nothing to do", found["idle"], limit_s=1, limit_mib=120)
        good &= max(lists) <= REPOSITORIES
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
