"""newest-build over 10 repositories of 200 tags: cold, and again from the store."""

import shutil
import sys
import tempfile
from pathlib import Path

from measuring import measure_rounds, row, run
from registries.distribution import DistributionRegistry

APPLICATIONS, REPOSITORIES, TAGS = 20, 10, 200
# What the reference needs for the cold run on such a machine; counts hold everywhere.
REFERENCE_S = 12.7


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
            for index in range(REPOSITORIES)
        )
    ]
    parts += [
        f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: app-{number % REPOSITORIES}-{number}, namespace: argocd}}
spec:
  project: default
  source:
    repoURL: https://charts.example.com
    chart: web
    targetRevision: 1.0.0
    helm:
      parameters:
      - {{name: image.name, value: {registry.host}/team/app-{number % REPOSITORIES}}}
      - {{name: image.tag, value: build-000}}
"""
        for number in range(APPLICATIONS)
    ]
    (folder / "all.yaml").write_text("---\n".join(parts))


def requests(registry):
    return sum(
        count
        for (method, _), count in registry.request_counts().items()
        if method in {"GET", "HEAD"}
    )


def main():
    good = True
    with tempfile.TemporaryDirectory() as name, DistributionRegistry() as registry:
        folder = Path(name)
        for index in range(REPOSITORIES):
            for tag in range(TAGS):
                created = f"2024-01-01T{tag // 60:02}:{tag % 60:02}:00Z"
                registry.push_image(
                    f"team/app-{index}",
                    f"build-{tag:03}",
                    created=created,
                    labels={"n": str(index)},
                )
        write_manifests(folder / "pristine", registry)
        counted = {"cold": [], "warm": []}

        def one_run(command, name):
            shutil.rmtree(folder / "work", ignore_errors=True)
            shutil.copytree(folder / "pristine", folder / "work")
            before = requests(registry)
            words = ("run", "--once", "--manifests", folder / "work")
            found = run(command, *words, "--state-dir", folder / "state")
            counted[name].append(requests(registry) - before)
            assert f"images_updated={APPLICATIONS} errors=0" in found.output
            assert (folder / "work" / "all.yaml").read_text().count(f"build-{TAGS - 1:03}") == 20
            return found

        def measure(command):
            shutil.rmtree(folder / "state", ignore_errors=True)
            return {"cold": one_run(command, "cold"), "warm": one_run(command, "warm")}

        found = measure_rounds(measure)
        per_tag = max(counted["cold"]) / REPOSITORIES / TAGS
        per_repository = max(counted["warm"]) / REPOSITORIES
        good &= row(
            "10 x 200 tags, cold",
            found["cold"],
            limit_s=REFERENCE_S,
            counts=f"{per_tag:.2f} requests a tag",
        )
        good &= row(
            "again, from the store",
            found["warm"],
            counts=f"{per_repository:.1f} requests a repository",
        )
        good &= per_tag <= 2.02 and per_repository <= 4.2  # one ping of the registry a run
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
