"""``tools/setup.sh``: says what is missing, and does nothing when nothing changed.

That it prepares a working environment is shown by every run of these tests.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# What the script needs besides Python; no folder of the real PATH, so that no Python is found.
PROGRAMS = ("sh", "cksum", "cat", "dirname", "env", "id", "rm")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the files that the script reads, and a PATH without Python."""
    (tmp_path / "tools").mkdir()
    for name in ("pyproject.toml", "uv.lock", "tools/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


def program(path, text="exit 0"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def setup(checkout, **variables):
    # The last resort of the script is the system's own Python; here it is not to be found.
    script = (checkout / "tools" / "setup.sh").read_text().replace("/usr/bin/python3", "no-python")
    (checkout / "tools" / "setup.sh").write_text(script)
    return subprocess.run(
        ["sh", "tools/setup.sh"],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_fitting_python_it_says_what_to_do(checkout):
    program(checkout / "bin" / "python3", "exit 1")
    run = setup(checkout)
    assert run.returncode == 1
    assert "no Python 3.11 to 3.14 found" in run.stderr
    assert "make setup PYTHON=/path/to/python3" in run.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_does_not_fit_is_refused_by_name(checkout):
    run = setup(checkout, PYTHON="/nowhere/python3")
    assert run.returncode == 1
    assert "PYTHON=/nowhere/python3 is not a working Python 3.11 to 3.14" in run.stderr


def test_a_python_without_venv_is_named_with_the_package_to_install(checkout):
    program(
        checkout / "bin" / "python3",
        'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.11-venv ;; esac',
    )
    run = setup(checkout)
    assert run.returncode == 1
    assert "python3 has no venv module" in run.stderr
    assert "apt-get install python3.11-venv" in run.stderr


@pytest.fixture
def ready(checkout):
    """The same folder after a set-up: its programs are there and the stamp fits."""
    for name in ("python", "argocd-image-updater"):
        program(checkout / ".venv" / "bin" / name)
    setup(checkout)  # settles the text of the script
    names = ("pyproject.toml", "uv.lock", "tools/setup.sh")
    sums = subprocess.run(
        ["cksum", *names], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout
    (checkout / ".venv" / ".ready").write_text(f"{sums}{checkout}\n")
    return checkout


def test_it_does_nothing_when_nothing_changed(ready):
    run = setup(ready)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("changed", ["pyproject.toml", "uv.lock"])
def test_it_works_again_when_the_lock_or_the_project_changed(ready, changed):
    with (ready / changed).open("a") as file:
        file.write("\n")
    assert "no Python" in setup(ready).stderr


def test_it_works_again_when_a_program_is_gone(ready):
    (ready / ".venv" / "bin" / "argocd-image-updater").unlink()
    assert "no Python" in setup(ready).stderr


def test_it_works_again_when_the_folder_moved(ready):
    moved = ready.rename(ready.parent / "elsewhere")
    run = setup(moved)
    assert run.returncode == 1
