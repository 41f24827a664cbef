"""100 Applications in one Git repository of 3,100 files over HTTPS, Helm values targets."""

import shutil
import sys
import tempfile
from pathlib import Path

from measuring import measure_rounds, row, run
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer, bare_repository, log

APPLICATIONS, FILES_EACH = 100, 31


def files(registry):
    """100 charts of 31 files, some 3,100 in all."""
    tree = {}
    for number in range(APPLICATIONS):
        folder = f"charts/app-{number:03}"
        tree[f"{folder}/Chart.yaml"] = f"name: app-{number:03}\nversion: 1.0.0\n".encode()
        tree[f"{folder}/values.yaml"] = (
            f"# values of app {number}\nimage:\n  name: {registry.host}/team/app\n"
            "  tag: 1.0.0 # managed\nreplicas: 2\n"
        ).encode()
        for index in range(FILES_EACH - 2):
            tree[f"{folder}/templates/part-{index:02}.yaml"] = (
                f"kind: ConfigMap\nmetadata: {{name: part-{number}-{index}}}\n" * 20
            ).encode()
    return tree


def write_manifests(folder, registry, git):
    folder.mkdir()
    (folder / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {registry.host}\n  api_url: {registry.url}\n"
    )
    certificate = "".join(f"    {line}\n" for line in git.ca_file.read_text().splitlines())
    (folder / "resource.yaml").write_text(
        f"""apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: all, namespace: argocd}}
spec:
  writeBackConfig: {{method: git, gitConfig: {{branch: main, writeBackTarget: helmvalues}}}}
  applicationRefs:
  - namePattern: app-*
    images:
    - {{alias: main, imageName: '{registry.host}/team/app:1.x'}}
---
apiVersion: v1
kind: Secret
metadata:
  name: repository
  namespace: argocd
  labels: {{argocd.argoproj.io/secret-type: repository}}
stringData: {{url: "{git.url("deploy")}", username: {git.username}, password: {git.password}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: argocd-tls-certs-cm, namespace: argocd}}
data:
  localhost: |
{certificate}"""
    )
    for number in range(APPLICATIONS):
        (folder / f"app-{number:03}.yaml").write_text(
            f"""apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: app-{number:03}, namespace: argocd}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: x}}
  source:
    repoURL: {git.url("deploy")}
    path: charts/app-{number:03}
    targetRevision: main
"""
        )


def main():
    good = True
    with (
        tempfile.TemporaryDirectory() as name,
        DistributionRegistry() as registry,
        HttpsGitServer(Path(name) / "git") as git,
    ):
        folder = Path(name)
        registry.push_tags("team/app", [f"1.{minor}.0" for minor in range(10)])
        tree = files(registry)
        questions = {}
        write_manifests(folder / "manifests", registry, git)

        def measure(command):
            shutil.rmtree(git.root / "deploy.git", ignore_errors=True)
            shutil.rmtree(folder / "state", ignore_errors=True)
            repository = bare_repository(git.root / "deploy.git", tree)
            words = ("run", "--once", "--manifests", folder / "manifests")
            words += ("--state-dir", folder / "state")
            git.forget_requests()
            outdated = run(command, *words)
            assert f"images_updated={APPLICATIONS} errors=0" in outdated.output
            assert len(log(repository)) == APPLICATIONS + 1
            questions["outdated"] = git.request_counts()
            git.forget_requests()
            idle = run(command, *words)
            assert "images_updated=0 errors=0" in idle.output
            questions["idle"] = git.request_counts()
            return {"outdated": outdated, "idle": idle}

        found = measure_rounds(measure)
        good &= row(
            "100 applications, one repository",
            found["outdated"],
            limit_s=5,
            counts=str(dict(questions["outdated"])),
        )
        good &= row(
            "again, nothing to write",
            found["idle"],
            limit_s=1.5,
            counts=str(dict(questions["idle"])),
        )
        good &= questions["outdated"]["fetch"] == questions["outdated"]["push"] == 1
        good &= questions["idle"].keys() <= {"info-refs", "ls-refs"}
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
