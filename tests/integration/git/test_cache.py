"""The mirrors take a bounded room and a bounded number of files, however long the program runs."""

import os
import time
from pathlib import Path

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git import cache, packs
from argocd_image_updater.git.cache import mirror_bytes
from integration.git.scenes import batch, errors, local_key, statuses, written
from servers.git_server import bare_repository, commit_files, file_at, git

pytestmark = pytest.mark.lab("git")
CONTENT_BYTES = 50_000


def open_locks(state):
    links = list(Path("/proc/self/fd").iterdir())
    files = [link.readlink() for link in links if link.is_symlink()]
    return [file for file in files if file.is_relative_to(state / "git")]


def mirrors(state):
    """Return the folders of the mirrors that hold objects."""
    return {path.parent for path in state.glob("git/*/repo")}


def pack_files(state):
    return list(state.glob("git/*/repo/objects/pack/*.pack"))


def noisy(tmp_path, name, **options):
    files = {"v": b"1", "noise": os.urandom(CONTENT_BYTES)}
    return bare_repository(tmp_path / f"{name}.git", files, **options)


async def read(engine, path):
    facts = await engine.read(local_key(path), ["v"])
    return facts["v"].content


async def test_a_mirror_that_nobody_uses_any_more_goes_and_may_come_back(
    tmp_path, make_engine, monkeypatch
):
    used, left = (bare_repository(tmp_path / f"{name}.git", {"v": b"1"}) for name in "ab")
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for path in (used, left):
        await read(engine, path)
    assert len(open_locks(state)) == 2
    before = mirrors(state)

    now_s = time.monotonic()
    monkeypatch.setattr(engine._cache, "_monotonic", lambda: now_s + cache.IDLE_MIRROR_S / 2)
    engine.begin_cycle()
    await read(engine, used)
    monkeypatch.setattr(engine._cache, "_monotonic", lambda: now_s + cache.IDLE_MIRROR_S + 60)
    engine.begin_cycle()

    assert len(open_locks(state)) == 1
    assert len(before - mirrors(state)) == 1
    result = await engine.push(batch(local_key(left), written("v", b"2")))
    assert result.results[0].error is None
    assert file_at(left, "v") == b"2"


async def test_the_mirrors_that_were_used_least_go_where_room_is_needed(tmp_path, make_engine):
    state = tmp_path / "state"
    engine = make_engine(state=state, cache_bytes=int(CONTENT_BYTES * 2.5))
    first, second, third = (noisy(tmp_path, name) for name in "abc")
    for path in (first, second, first, third):
        engine.begin_cycle()
        assert await read(engine, path) == b"1"
    assert len(mirrors(state)) == 2
    assert sum(map(mirror_bytes, state.glob("git/*"))) < CONTENT_BYTES * 2.5
    assert engine.statistics.evicted_mirrors == 1
    assert engine.take_trouble() == ""
    fetches = engine.statistics.fetches
    for path in (first, third):
        await read(engine, path)
    assert engine.statistics.fetches == fetches
    assert await read(engine, second) == b"1"
    assert engine.statistics.fetches == fetches + 1


async def test_a_cache_too_small_for_one_cycle_still_works_and_says_so(tmp_path, make_engine):
    state = tmp_path / "state"
    engine = make_engine(state=state, cache_bytes=CONTENT_BYTES)
    paths = [noisy(tmp_path, name) for name in "abc"]
    for path in paths:
        assert await read(engine, path) == b"1"
    assert len(mirrors(state)) == 1
    assert engine.take_trouble() == (
        "the Git cache of 0 MiB is too small for the repositories of one cycle: 2 of them must be "
        "fetched again; raise --git-cache-size"
    )
    assert engine.take_trouble() == ""
    for path in paths:
        result = await engine.push(batch(local_key(path), written("v", b"2")))
        assert statuses(result) == ["pushed"], errors(result)
        assert file_at(path, "v") == b"2"


async def test_what_earlier_processes_left_counts_and_goes_first(tmp_path, make_engine):
    state = tmp_path / "state"
    paths = [noisy(tmp_path, name) for name in "abc"]
    earlier = make_engine(state=state)
    for path in paths:
        await read(earlier, path)
    earlier.close()
    for folder, age_s in zip(
        sorted(mirrors(state)), (100, 50, cache.IDLE_MIRROR_S * 2), strict=True
    ):
        then_s = time.time() - age_s
        os.utime(folder / "lock", (then_s, then_s))
    older, _, idle = sorted(mirrors(state))
    engine = make_engine(state=state, cache_bytes=int(CONTENT_BYTES * 2.5))
    await read(engine, noisy(tmp_path, "d"))
    assert not {idle, older} & mirrors(state)
    assert len(mirrors(state)) == 2
    assert engine.take_trouble() == ""


async def test_mirrors_of_another_process_are_left_alone(tmp_path, make_engine):
    state = tmp_path / "state"
    other = make_engine(state=state)
    path = noisy(tmp_path, "a")
    await read(other, path)
    engine = make_engine(state=state, cache_bytes=CONTENT_BYTES)
    await read(engine, noisy(tmp_path, "b"))
    assert len(mirrors(state)) == 2
    other.begin_cycle()
    assert await read(other, path) == b"1"
    assert other.statistics.fetches == 1


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
async def test_packs_do_not_pile_up(tmp_path, make_engine, monkeypatch, object_format):
    """Foreign and own commits in turn: each brings a pack."""
    monkeypatch.setattr("argocd_image_updater.git.upkeep.PACK_LIMIT", 8)
    path = tmp_path / "r.git"
    git(
        "init",
        "--quiet",
        "--bare",
        f"--object-format={object_format}",
        "--initial-branch=main",
        path,
    )
    git("-C", path, "config", "uploadpack.allowFilter", "true")
    commit_files(path, {"theirs": b"0", "large": os.urandom(100_000)})
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for number in range(30):
        engine.begin_cycle()
        result = await engine.push(batch(local_key(path), written("ours", b"%d" % number)))
        assert statuses(result) == ["pushed"], errors(result)
        assert len(pack_files(state)) <= 8 + 2
        commit_files(path, {"theirs": b"%d" % number})
    assert engine.statistics.fetches == 30
    assert engine.statistics.rebuilt_mirrors == 0
    assert engine.statistics.received_bytes < 40_000
    facts = await engine.read(local_key(path), ["ours"])
    assert facts["ours"].content == b"29"
    git("-C", path, "fsck", "--strict")


async def test_a_mirror_full_of_what_is_old_is_fetched_anew(tmp_path, make_engine, monkeypatch):
    monkeypatch.setattr("argocd_image_updater.git.upkeep.PACK_LIMIT", 8)
    monkeypatch.setattr(packs, "MERGED_LIMIT_BYTES", 300_000)
    path = bare_repository(tmp_path / "r.git", {"v": b"1"})
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for _ in range(40):
        commit_files(path, {"noise": os.urandom(CONTENT_BYTES)})
        engine.begin_cycle()
        assert await read(engine, path) == b"1"
        assert sum(map(mirror_bytes, state.glob("git/*"))) < 1_000_000
    assert engine.statistics.rebuilt_mirrors >= 1


async def test_a_merge_that_fails_costs_a_fetch_and_no_more(tmp_path, make_engine, monkeypatch):
    monkeypatch.setattr("argocd_image_updater.git.upkeep.PACK_LIMIT", 2)
    path = bare_repository(tmp_path / "r.git", {"v": b"1"})
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for number in range(4):
        for index in state.glob("git/*/repo/objects/pack/*.idx"):
            index.chmod(0o600)
            index.write_bytes(index.read_bytes()[:100])
        engine.begin_cycle()
        result = await engine.push(batch(local_key(path), written("v", b"n%d" % number)))
        assert statuses(result) == ["pushed"], errors(result)
    assert engine.statistics.rebuilt_mirrors == 3


async def test_of_a_repository_too_large_only_the_folders_and_the_targets_come(
    tmp_path, make_engine
):
    """The server sends more than was wanted, so the fetch is broken off and made without files."""
    files = {f"f{number}": os.urandom(CONTENT_BYTES) for number in range(200)}
    path = bare_repository(tmp_path / "r.git", {"v": b"1", "w": b"2", **files})
    state = tmp_path / "state"
    engine = make_engine(state=state, fetch_limit_bytes=100_000)
    facts = await engine.read(local_key(path), ["v", "w", "f7"])
    assert [facts[name].content for name in ("v", "w", "f7")] == [b"1", b"2", files["f7"]]
    fetches = engine.statistics.fetches
    assert fetches in {2, 3}  # a quick server may be done before anybody looks
    if fetches == 3:
        assert sum(map(mirror_bytes, state.glob("git/*"))) < 2 * CONTENT_BYTES
    commit_files(path, {"v": b"3"})
    engine.begin_cycle()
    result = await engine.push(batch(local_key(path), written("w", b"4")))
    assert statuses(result) == ["pushed"], errors(result)
    assert engine.statistics.fetches == fetches + 1
    assert (file_at(path, "v"), file_at(path, "w")) == (b"3", b"4")


async def test_a_full_cache_folder_is_a_fault_of_the_disk(tmp_path, make_engine, monkeypatch):
    engine = make_engine(state=tmp_path / "state")
    path = bare_repository(tmp_path / "r.git", {"v": b"1"})

    def full(_self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("argocd_image_updater.git.mirror.Mirror.remove_stale_files", full)
    facts = await engine.read(local_key(path), ["v"])
    assert facts["v"].kind is FailureKind.LOCAL
    assert "No space left on device" in facts["v"].message


async def test_what_git_tells_the_server_of_a_mirror_does_not_grow(
    tmp_path, make_engine, monkeypatch
):
    """Commits without parents here, and branches that came and went, each with a tip of its own."""
    monkeypatch.setattr("argocd_image_updater.git.upkeep.PACK_LIMIT", 8)
    path = bare_repository(tmp_path / "r.git", {"theirs": b"0"})
    state = tmp_path / "state"
    engine = make_engine(state=state)
    first = commit_files(path, {"theirs": b"first"})
    for number in range(40):
        engine.begin_cycle()
        push_branch = f"up-{number}"
        proposed = batch(local_key(path), written("ours", b"%d" % number), push_branch=push_branch)
        result = await engine.push(proposed)
        assert statuses(result) == ["pushed"], errors(result)
        commit_files(path, {"theirs": b"%d" % number})
        git("-C", path, "update-ref", "-d", f"refs/heads/{push_branch}")
    (repo,) = state.glob("git/*/repo")
    assert len((repo / "shallow").read_text().split()) < 20
    assert len(list(repo.glob("refs/tips/*"))) < 20
    git(f"--git-dir={repo}", "fsck", "--connectivity-only")
    git("-C", path, "update-ref", "refs/heads/main", first)
    engine.begin_cycle()
    result = await engine.push(batch(local_key(path), written("ours", b"after")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(path, "theirs") == b"first"
    assert engine.statistics.rebuilt_mirrors == 0


async def test_commits_of_ours_on_an_old_foreign_one_keep_its_mark(
    tmp_path, make_engine, monkeypatch
):
    monkeypatch.setattr("argocd_image_updater.git.upkeep.PACK_LIMIT", 8)
    path = bare_repository(tmp_path / "r.git", {"theirs": b"0"})
    theirs = commit_files(path, {"theirs": b"1"})
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for number in range(20):
        engine.begin_cycle()
        result = await engine.push(batch(local_key(path), written("ours", b"%d" % number)))
        assert statuses(result) == ["pushed"], errors(result)
    (repo,) = state.glob("git/*/repo")
    assert (repo / "shallow").read_text().split() == [theirs]
    assert engine.statistics.fetches == 1
    assert engine.statistics.rebuilt_mirrors == 0
