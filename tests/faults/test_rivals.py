"""Others who push at the same time: all that anybody wrote is in the end state, nothing twice."""

import asyncio
import os
import subprocess
from collections import Counter

import pytest

from argocd_image_updater.core.facts import BranchKey
from argocd_image_updater.git.batch import CommitStatus, PlannedCommit, PushBatch
from argocd_image_updater.git.engine import GitEngine
from argocd_image_updater.git.secrets import MappedSecrets
from argocd_image_updater.git.settings import GitSettings
from faults.committers import Committer, counted, shared_text
from servers.git_server import bare_repository, file_at, git, log, write_hook

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
ROUNDS, COMMITTERS, LIMIT_S = 100, 10, 120
CYCLES = 20  # what one change may need: a branch that keeps moving is left to the next cycle


async def count_once(engine, key, *, number):
    """Write the next number; return in how many cycles and attempts."""
    attempts = 0

    def edit(facts):
        text = facts["shared.yaml"].content.decode()
        return {"shared.yaml": counted(text, "updater", number=number).encode()}

    for cycle in range(1, CYCLES + 1):
        engine.begin_cycle()
        commit = PlannedCommit("shared", f"updater {number}", edit, ("shared.yaml",))
        result = await engine.push(PushBatch(key, (commit,)))
        attempts += result.attempts
        (item,) = result.results
        if item.status is CommitStatus.PUSHED:
            return cycle, attempts
        assert item.status is CommitStatus.FAILED, item
        assert "tried again in the next cycle" in str(item.error), item.error
    raise AssertionError(f"number {number} did not arrive in {CYCLES} cycles")


async def test_nothing_is_lost_or_made_twice_beside_ten_writers_who_never_rest(tmp_path):
    """The owners check their lines: a number that is not the one they left ends the test."""
    people = [f"person-{number}" for number in range(COMMITTERS)]
    bare = bare_repository(
        tmp_path / "r.git", {"shared.yaml": shared_text(["updater", *people]).encode()}
    )
    git("-C", bare, "config", "receive.autogc", "false")
    engine = GitEngine(
        GitSettings(tmp_path / "state", allow_local=True, pause_s=0.01),
        secrets=MappedSecrets(),
        random=lambda: 0.5,
        controller_namespace="argocd",
    )
    committers = [
        Committer(name, bare, tmp_path, pause_s=1.5, least=ROUNDS // COMMITTERS) for name in people
    ]
    try:
        key = BranchKey(str(bare), "main")
        needed = [await count_once(engine, key, number=number) for number in range(1, ROUNDS + 1)]
    finally:
        counts = [await asyncio.to_thread(committer.finish) for committer in committers]
        engine.close()
    wanted = Counter(
        f"{name} {number}"
        for name, total in zip(["updater", *people], [ROUNDS, *counts], strict=True)
        for number in range(1, total + 1)
    )
    assert Counter(log(bare)) == wanted + Counter(["Begin"])
    text = file_at(bare, "shared.yaml").decode()
    assert f"updater: {ROUNDS} # ours\n" in text
    for name, total in zip(people, counts, strict=True):
        assert f"{name}: {total} # ours\n" in text
    git("-C", bare, "fsck", "--strict")
    assert sum(counts) >= ROUNDS
    assert sum(attempts for _, attempts in needed) > ROUNDS, "nobody ever came between"


def test_two_controllers_by_mistake_make_every_change_once(stage):
    """Both push at the same moment: the server holds the first until the second is there too."""
    names = [f"app-{number}" for number in range(5)]
    stage.push("1.0.0")
    stage.helm(*names)
    bare = stage.repository(files=stage.values(*names))
    pushes = stage.folder / "pushes"
    write_hook(
        bare,
        "pre-receive",
        f"echo x >> {pushes}\nn=0\n"
        f"while [ $(wc -l < {pushes}) -lt 2 ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n+1)); done",
    )
    for minor in range(1, 4):
        stage.push(f"1.{minor}.0")
        pushes.unlink(missing_ok=True)
        processes = [start(stage, number) for number in range(2)]
        outputs = [process.communicate(timeout=LIMIT_S)[0].decode() for process in processes]
        assert [process.returncode for process in processes] == [0, 0], outputs
        assert len(pushes.read_text().splitlines()) >= 2
        assert Counter(stage.log())["build: automatic update of app-3"] == minor
        assert len(stage.log()) == 1 + len(names) * minor
        for name in names:
            assert f"tag: 1.{minor}.0 # of the stage\n" in stage.file(f"{name}/values.yaml")
    git("-C", bare, "fsck", "--strict")


def start(stage, number):
    """Start the program once more, with a state folder of its own."""
    state = stage.folder / f"state-{number}"
    words = [str(state) if word == str(stage.state) else word for word in stage.command("run")]
    return subprocess.Popen(
        [*words, "--once"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **stage.environ()},
    )
