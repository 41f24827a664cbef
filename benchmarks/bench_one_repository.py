"""100 Applications in one Git repository of 3,100 files over HTTPS, Helm values targets."""

import shutil
import sys
import tempfile
from pathlib import Path

from git_scenes import count_git_processes, processes_row, values, write_manifests
from measuring import COMMAND, measure_rounds, row, run
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer, bare_repository, log

APPLICATIONS, FILES_EACH = 100, 31
MAX_PROCESSES = 10


def files(registry):
    """100 charts of 31 files, some 3,100 in all."""
    tree = {}
    for number in range(APPLICATIONS):
        folder = f"charts/app-{number:03}"
        tree[f"{folder}/Chart.yaml"] = f"name: app-{number:03}\nversion: 1.0.0\n".encode()
        tree[f"{folder}/values.yaml"] = values(registry)
        for index in range(FILES_EACH - 2):
            tree[f"{folder}/templates/part-{index:02}.yaml"] = (
                f"kind: ConfigMap\nmetadata: {{name: part-{number}-{index}}}\n" * 20
            ).encode()
    return tree


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
        names = [f"app-{number:03}" for number in range(APPLICATIONS)]
        applications = {name: ("deploy", f"charts/{name}") for name in names}
        write_manifests(folder / "manifests", registry, git, applications=applications)
        words = ("run", "--once", "--manifests", folder / "manifests")
        words += ("--state-dir", folder / "state")

        def begin():
            shutil.rmtree(git.root / "deploy.git", ignore_errors=True)
            shutil.rmtree(folder / "state", ignore_errors=True)
            return bare_repository(git.root / "deploy.git", tree)

        def measure(command):
            repository = begin()
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
        begin()
        processes = count_git_processes(folder, COMMAND, *words)
        good &= processes_row("100 applications", processes, limit=MAX_PROCESSES)
        processes = count_git_processes(folder, COMMAND, *words)
        good &= processes_row("again, nothing to write", processes, limit=MAX_PROCESSES)
        good &= questions["outdated"]["fetch"] == questions["outdated"]["push"] == 1
        good &= questions["idle"].keys() <= {"info-refs", "ls-refs"}
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
