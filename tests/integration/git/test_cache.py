"""What nobody asks for any more takes no room for ever."""

from pathlib import Path

import pytest

from argocd_image_updater.git import access
from integration.git.scenes import batch, local_key, written
from servers.git_server import bare_repository, file_at

pytestmark = pytest.mark.lab("git")


def open_locks(state):
    links = list(Path("/proc/self/fd").iterdir())
    files = [link.readlink() for link in links if link.is_symlink()]
    return [file for file in files if file.is_relative_to(state / "git")]


async def test_a_mirror_that_nobody_uses_any_more_goes_and_may_come_back(
    tmp_path, make_engine, monkeypatch
):
    used, left = (bare_repository(tmp_path / f"{name}.git", {"v": b"1"}) for name in "ab")
    state = tmp_path / "state"
    engine = make_engine(state=state)
    for path in (used, left):
        await engine.read(local_key(path, "main"), ["v"])
    assert len(open_locks(state)) == 2
    packs = set(state.glob("git/*/repo"))

    now_s = access.time.monotonic()
    monkeypatch.setattr(engine._book, "_monotonic", lambda: now_s + access.IDLE_MIRROR_S / 2)
    engine.begin_cycle()
    await engine.read(local_key(used, "main"), ["v"])
    monkeypatch.setattr(engine._book, "_monotonic", lambda: now_s + access.IDLE_MIRROR_S + 60)
    engine.begin_cycle()

    assert len(open_locks(state)) == 1
    assert len(packs - set(state.glob("git/*/repo"))) == 1
    result = await engine.push(batch(local_key(left, "main"), written("v", b"2")))
    assert result.results[0].error is None
    assert file_at(left, "v") == b"2"
