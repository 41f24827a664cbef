"""500 Applications in 20 Git repositories over HTTPS: one cycle that writes them all, one idle."""

import shutil
import sys
import tempfile
from pathlib import Path

from git_scenes import count_git_processes, processes_row, values, write_manifests
from measuring import COMMAND, measure_rounds, row, run
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer, bare_repository, log

APPLICATIONS, REPOSITORIES = 500, 20
PROCESSES_EACH = 8


def judge(found, questions):
    """Print the rows; True where times, memory and questions are within their limits."""
    counts = {part: str(dict(asked)) for part, asked in questions.items()}
    good = row(
        "500 applications, 20 repositories",
        found["outdated"],
        limit_s=20,
        limit_mib=150,
        counts=counts["outdated"],
    )
    good &= row(
        "again, nothing to write",
        found["idle"],
        limit_s=5,
        limit_mib=150,
        counts=counts["idle"],
    )
    good &= questions["outdated"]["fetch"] == questions["outdated"]["push"] == REPOSITORIES
    good &= questions["idle"]["ls-refs"] == REPOSITORIES
    return good and questions["idle"].keys() <= {"info-refs", "ls-refs"}


def main():
    with (
        tempfile.TemporaryDirectory() as name,
        DistributionRegistry() as registry,
        HttpsGitServer(Path(name) / "git") as git,
    ):
        folder = Path(name)
        registry.push_tags("team/app", [f"1.{minor}.0" for minor in range(10)])
        applications = {
            f"app-{number:03}": (f"deploy-{number % REPOSITORIES:02}", f"app-{number:03}")
            for number in range(APPLICATIONS)
        }
        write_manifests(folder / "manifests", registry, git, applications=applications)
        words = ("run", "--once", "--manifests", folder / "manifests")
        words += ("--state-dir", folder / "state")
        trees = {}
        for repository, path in applications.values():
            trees.setdefault(repository, {})[f"{path}/values.yaml"] = values(registry)
        for repository, tree in trees.items():
            bare_repository(git.root / "pristine" / f"{repository}.git", tree)
        questions = {}

        def begin():
            shutil.rmtree(folder / "state", ignore_errors=True)
            for repository in trees:
                place = git.root / f"{repository}.git"
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(git.root / "pristine" / f"{repository}.git", place)

        def measure(command):
            begin()
            found = {}
            for part, updated in (("outdated", APPLICATIONS), ("idle", 0)):
                git.forget_requests()
                found[part] = run(command, *words)
                assert f"images_updated={updated} errors=0" in found[part].output
                questions[part] = git.request_counts()
            commits = sum(len(log(git.root / f"{repository}.git")) - 1 for repository in trees)
            assert commits == APPLICATIONS
            return found

        found = measure_rounds(measure)
        good = judge(found, questions)
        begin()
        processes = count_git_processes(folder, COMMAND, *words)
        limit = PROCESSES_EACH * REPOSITORIES
        good &= processes_row("500 applications, 20 repositories", processes, limit=limit)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
