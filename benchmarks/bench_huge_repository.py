"""Ten Applications in a Git repository of 100,000 files and 20,000 commits, over HTTPS.

The first time is bounded by what the server must send: its bytes are compared with those of a
shallow clone without files. Later an update costs what it costs in a repository of ten files, in
time and in memory. The repository is made by ``git fast-import`` in half a minute.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from git_scenes import values, write_manifests
from measuring import measure_rounds, row, run
from registries.distribution import DistributionRegistry
from servers.git_server import GIT_ENVIRONMENT, HttpsGitServer, bare_repository, commit_files, git

APPLICATIONS, FILES, COMMITS, FILES_EACH = 10, 100_000, 20_000, 10
MORE_SENT_MIB = (
    20  # what was on the way when the fetch of all files was broken off, and the targets
)
MORE_MIB = 15  # of memory than in the small repository
LINES = "".join(f"key{number}: some value that differs little\n" for number in range(30))


def path_of(number):
    folder = number // FILES_EACH
    name = "values" if number % FILES_EACH == 0 else f"part-{number % FILES_EACH}"
    return f"apps/group-{folder // 1_000:02}/app-{folder:05}/{name}.yaml"


def fill(path, registry):
    """Write all files in one commit, and change one in each further commit."""
    process = subprocess.Popen(
        ["git", "-C", path, "fast-import", "--quiet", "--depth=10"],
        stdin=subprocess.PIPE,
        env=GIT_ENVIRONMENT,
    )

    def commit(number, files):
        process.stdin.write(
            b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 6\nchange\n"
            % (1_600_000_000 + number)
        )
        for name, content in files:
            header = f"M 100644 inline {name}\ndata {len(content)}\n"
            process.stdin.write(header.encode() + content + b"\n")

    plain = values(registry).decode()
    commit(
        0, ((path_of(number), f"{plain}id: {number}\n{LINES}".encode()) for number in range(FILES))
    )
    for number in range(1, COMMITS):
        place = number * 7_919 % FILES
        commit(number, [(path_of(place), f"{plain}id: {place}\nat: {number}\n{LINES}".encode())])
    process.stdin.close()
    assert process.wait() == 0


def sent_mib(server):
    return sum(request["sent"] for request in server.requests()) / (1 << 20)


def blobless_clone_mib(folder, server, name):
    """Return what the server sends to a shallow clone without files."""
    server.forget_requests()
    url = server.url(name).replace("https://", f"https://{server.username}:{server.password}@")
    git(
        "-c", f"http.sslCAInfo={server.ca_file}", "clone", "--quiet", "--bare", "--depth=1",
        "--filter=blob:none", url, folder / "clone",
    )  # fmt: skip
    return sent_mib(server)


def judge(found, sent, bounds_mib):
    """Print the rows; True where times, memory and what was sent are within their limits."""
    good = True
    small_mib = max(item.peak_mib for item in found["small later"][0])
    limits = {
        "huge first": {},
        "huge later": {"limit_s": 1, "limit_mib": round(small_mib + MORE_MIB)},
        "small first": {},
        "small later": {"limit_s": 1},
    }
    for part, options in limits.items():
        bound = f" (limit {bounds_mib:.1f})" if part == "huge first" else ""
        counts = f"{sent[part]:.2f} MiB sent{bound}"
        good &= row(
            f"{part} time, {APPLICATIONS} applications", found[part], counts=counts, **options
        )
    return good and sent["huge first"] <= bounds_mib


def main():
    with (
        tempfile.TemporaryDirectory() as name,
        DistributionRegistry() as registry,
        HttpsGitServer(Path(name) / "git") as server,
    ):
        folder = Path(name)
        registry.push_tags("team/app", [f"1.{minor}.0" for minor in range(10)])
        paths = [
            path_of(number * 9_990 // FILES_EACH * FILES_EACH) for number in range(APPLICATIONS)
        ]
        old = dict.fromkeys(paths, values(registry))
        begun = {}
        for repository in ("huge", "small"):
            path = bare_repository(server.root / f"{repository}.git", {})
            if repository == "huge":
                fill(path, registry)
            begun[repository] = commit_files(path, old, message="Begin")
            applications = {
                f"app-{number}": (repository, path.rpartition("/")[0])
                for number, path in enumerate(paths)
            }
            write_manifests(folder / repository, registry, server, applications=applications)
        bounds_mib = blobless_clone_mib(folder, server, "huge") + MORE_SENT_MIB
        sent = {}

        def measure(command):
            """Update all for the first time, and again after somebody has undone it."""
            found = {}
            for repository, commit in begun.items():
                path = server.root / f"{repository}.git"
                git("-C", path, "update-ref", "refs/heads/main", commit)
                shutil.rmtree(folder / "state", ignore_errors=True)
                words = ("run", "--once", "--manifests", folder / repository)
                words += ("--state-dir", folder / "state")
                for part in ("first", "later"):
                    server.forget_requests()
                    found[f"{repository} {part}"] = ended = run(command, *words)
                    assert f"images_updated={APPLICATIONS} errors=0" in ended.output
                    sent[f"{repository} {part}"] = sent_mib(server)
                    assert server.request_counts()["push"] == 1
                    commit_files(path, old, message="Undo")
            return found

        found = measure_rounds(measure)
        good = judge(found, sent, bounds_mib)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
