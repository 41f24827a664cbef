"""The state directory: private, and held by one process at a time."""

import os
import stat
import subprocess
import sys

import pytest

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.state.directory import (
    StateBusy,
    StateDirectory,
    check_state_directory,
)

HOLDER = """
import sys
from pathlib import Path
from argocd_image_updater.state.directory import StateDirectory
StateDirectory.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_new_directory_is_private(tmp_path):
    state = StateDirectory.open(tmp_path / "a" / "b")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    state.close()


def test_an_open_directory_is_made_private(tmp_path):
    path = tmp_path / "state"
    path.mkdir(mode=0o777)
    StateDirectory.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path):
    path = tmp_path / "state"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateBusy, match=str(holder.pid)):
            StateDirectory.open(path)
    finally:
        holder.communicate()
    StateDirectory.open(path).close()


def test_a_killed_holder_leaves_no_lock(tmp_path):
    path = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    StateDirectory.open(path).close()


def test_an_unusable_path_names_the_flag(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--state-dir"):
        StateDirectory.open(tmp_path / "file" / "state")


def test_the_lock_is_not_inherited_by_child_processes(tmp_path):
    state = StateDirectory.open(tmp_path / "state")
    assert not os.get_inheritable(state._descriptor)
    state.close()


def test_a_check_creates_the_directory_and_leaves_it_to_its_holder(tmp_path):
    check_state_directory(tmp_path / "state")
    state = StateDirectory.open(tmp_path / "state")
    check_state_directory(tmp_path / "state")
    with pytest.raises(StateBusy):
        StateDirectory.open(tmp_path / "state")
    state.close()


def test_a_check_names_the_directory_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/state cannot be used: Not a directory"):
        check_state_directory(tmp_path / "file" / "state")
