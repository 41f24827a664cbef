"""Damage and sudden death: the next run works and writes nothing twice."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.packs import PACK_LIMIT
from faults.sudden_end import dying
from integration.git.scenes import batch, errors, local_key, planned, statuses, written
from servers.git_server import bare_repository, commit_files, file_at, git, log, write_hook

pytestmark = pytest.mark.lab("git")

WRITER = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.git.batch import PlannedCommit, PushBatch
    from argocd_image_updater.git.engine import GitEngine
    from argocd_image_updater.git.secrets import MappedSecrets
    from argocd_image_updater.git.settings import GitSettings

    async def main():
        engine = GitEngine(
            GitSettings(Path(sys.argv[2]), allow_local=True),
            secrets=MappedSecrets(), random=lambda: 0.5, controller_namespace="argocd",
        )
        edit = lambda facts: {"values.yaml": facts["values.yaml"].content.replace(b"1.0", b"1.1")}
        commit = PlannedCommit("a", "build: a", edit, ("values.yaml",))
        print("started", flush=True)
        result = await engine.push(PushBatch(BranchKey(sys.argv[1], "main"), (commit,)))
        print([item.status.value for item in result.results], flush=True)

    asyncio.run(main())
""")


@pytest.fixture
def repository(tmp_path):
    return bare_repository(tmp_path / "r.git", {"values.yaml": b"tag: 1.0\n"})


def mirror_of(state):
    (config,) = state.glob("git/*/repo/config")
    return config.parent


def cut_pack(repo):
    for pack in repo.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:40])


def drop_objects(repo):
    shutil.rmtree(repo / "objects")


def drop_head(repo):
    (repo / "HEAD").unlink()


def garble_config(repo):
    (repo / "config").write_text("[core\n")


def garble_shallow(repo):
    (repo / "shallow").write_text("nonsense\n")


def lose_objects_but_not_the_tip(repo):
    for file in repo.glob("objects/pack/*"):
        file.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        cut_pack,
        drop_objects,
        drop_head,
        garble_config,
        garble_shallow,
        lose_objects_but_not_the_tip,
        shutil.rmtree,
    ],
)
async def test_a_damaged_mirror_is_built_anew(repository, make_engine, tmp_path, damage):
    state = tmp_path / "state"
    first = make_engine(state=state)
    await first.read(local_key(repository), ["values.yaml"])
    first.close()
    damage(mirror_of(state))
    engine = make_engine(state=state)
    result = await engine.push(batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(repository, "values.yaml") == b"tag: 1.1\n"


async def test_a_mirror_damaged_under_a_running_engine_is_built_anew(
    repository, make_engine, tmp_path
):
    engine = make_engine(state=tmp_path / "state")
    await engine.read(local_key(repository), ["values.yaml"])

    rounds = []

    def damage():
        rounds.append(1)
        if len(rounds) == 1:
            lose_objects_but_not_the_tip(mirror_of(tmp_path / "state"))

    result = await engine.push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1", before=damage))
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert len(log(repository)) == 2


async def test_locks_of_a_killed_process_do_not_stop_the_next(repository, make_engine, tmp_path):
    state = tmp_path / "state"
    first = make_engine(state=state)
    await first.read(local_key(repository), ["values.yaml"])
    first.close()
    repo = mirror_of(state)
    (tip_file,) = (repo / "refs" / "tips").iterdir()
    for name in (repo / "shallow.lock", repo / "config.lock", tip_file.with_suffix(".lock")):
        name.touch()
    (repo / "objects" / "pack" / "tmp_pack_abc").touch()
    (repo.parent / "private-left").mkdir()
    (repo.parent / "private-left" / "id").write_text("key")
    commit_files(repository, {"values.yaml": b"tag: 1.0 # newer\n"})
    engine = make_engine(state=state)
    result = await engine.push(batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert not list(repo.glob("**/tmp_*"))
    assert not list(repo.parent.glob("private-*"))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_sudden_death_during_a_push_leaves_no_second_commit(repository, tmp_path, moment):
    mark = tmp_path / "reached"
    hook = "pre-receive" if moment == "before" else "post-receive"
    write_hook(repository, hook, f"[ -e {mark} ] && exit 0; : > {mark}; sleep 1")
    state = tmp_path / "state"
    process = start_writer(repository, state)
    wait_for(mark)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start_writer(repository, state)
    output, _ = again.communicate(timeout=30)
    assert again.returncode == 0
    assert output.splitlines()[-1] in {"['pushed']", "['unchanged']"}
    assert len(log(repository)) == 2
    assert file_at(repository, "values.yaml") == b"tag: 1.1\n"


# What the program is about to do, as the audit events of Python tell it.
STEPS = [
    r"os.mkdir /repo",
    r"open /repo/HEAD",
    r"open /reader/config",
    r"subprocess.Popen 'ls-remote'",
    r"subprocess.Popen 'fetch'",
    r"subprocess.Popen 'cat-file'",
    r"subprocess.Popen 'index-pack'",
    r"subprocess.Popen 'push'",
    r"os.rename refs/tips/\S+\.new",
]
MERGING = [
    r"subprocess.Popen 'pack-objects'",
    r"open \.promisor",
    r"os.remove \.idx",
    r"os.remove \.pack",
    r"os.remove \.promisor",
    r"subprocess.Popen 'rev-list'",
    r"os.rename shallow\.new",
]


@pytest.mark.parametrize("step", STEPS)
def test_sudden_death_at_each_step_leaves_a_usable_mirror(repository, tmp_path, step):
    state = tmp_path / "state"
    died = start_writer(repository, state, **dying(tmp_path, step))
    output, _ = died.communicate(timeout=30)
    assert died.returncode == -signal.SIGKILL, output
    check_writer(repository, state)


@pytest.mark.parametrize("step", MERGING)
async def test_sudden_death_while_packs_are_merged_loses_none(
    repository, make_engine, tmp_path, step
):
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for number in range(PACK_LIMIT + 1):
        commit_files(repository, {"theirs": b"%d" % number})
        engine.begin_cycle()
        await engine.read(local_key(repository), ["theirs"])
    engine.close()
    died = start_writer(repository, state, **dying(tmp_path, step))
    output, _ = died.communicate(timeout=30)
    assert died.returncode == -signal.SIGKILL, output
    output, _ = start_writer(repository, state).communicate(timeout=30)
    assert output.splitlines()[-1] == "['pushed']"
    after = make_engine(state=state)
    facts = await after.read(local_key(repository), ["theirs", "values.yaml"])
    assert facts["theirs"].content == b"%d" % PACK_LIMIT
    assert after.statistics.fetches == after.statistics.rebuilt_mirrors == 0
    assert len(list(state.glob("git/*/repo/objects/pack/*.pack"))) <= PACK_LIMIT + 2
    git(f"--git-dir={mirror_of(state)}", "fsck", "--connectivity-only")


def check_writer(repository, state):
    """Another process on the same state folder writes what is not there, and nothing twice."""
    output, _ = start_writer(repository, state).communicate(timeout=30)
    assert output.splitlines()[-1] in {"['pushed']", "['unchanged']"}
    assert len(log(repository)) == 2
    assert file_at(repository, "values.yaml") == b"tag: 1.1\n"


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.04, 0.06, 0.08])
def test_sudden_death_at_any_moment_leaves_a_usable_mirror(repository, tmp_path, delay_s):
    state = tmp_path / "state"
    process = start_writer(repository, state)
    process.stdout.readline()
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    check_writer(repository, state)


async def test_a_second_process_gets_a_mirror_of_its_own(repository, make_engine, tmp_path):
    engines = [make_engine(state=tmp_path / "state") for _ in range(2)]
    for engine in engines:
        facts = await engine.read(local_key(repository), ["values.yaml"])
        assert facts["values.yaml"].content == b"tag: 1.0\n"
    assert len(list((tmp_path / "state").glob("git/*/repo"))) == 2


async def test_a_server_that_hangs_ends_with_a_time_out_and_leaves_no_process(
    repository, make_engine, tmp_path
):
    write_hook(repository, "pre-receive", f"echo $$ > {tmp_path / 'pid'}; exec sleep 60")
    engine = make_engine(timeout_s=3, kill_after_s=0.5, push_attempts=1)
    result = await engine.push(batch(local_key(repository), written("a", b"a")))
    assert statuses(result) == ["failed"]
    assert result.results[0].error.kind is FailureKind.TRANSIENT
    assert "timeout after 3s" in str(result.results[0].error)
    assert has_ended(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_push_leaves_no_process(repository, make_engine, tmp_path):
    mark = tmp_path / "pid"
    write_hook(
        repository, "pre-receive", f"echo $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 60"
    )
    engine = make_engine()
    task = asyncio.create_task(engine.push(batch(local_key(repository), written("a", b"a"))))
    await asyncio.to_thread(wait_for, mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert has_ended(int(mark.read_text()))


def start_writer(repository, state, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(repository), str(state)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def has_ended(pid, limit_s=5):
    """Whether a process is gone, or dead and only waits to be collected by somebody."""
    limit = time.monotonic() + limit_s
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def wait_for(path, limit_s=20):
    limit = time.monotonic() + limit_s
    while not path.exists():
        assert time.monotonic() < limit, f"{path} did not appear"
        time.sleep(0.005)
