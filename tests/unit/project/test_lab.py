"""The table of real components: finding them, and what happens where one is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

import lab

ROOT = Path(__file__).parents[3]


def test_every_part_says_how_to_get_it():
    for part in lab.PARTS:
        assert part.package in lab.advice(part)
        assert part.elsewhere


def test_a_program_outside_path_is_found_in_the_folders_of_servers(monkeypatch, tmp_path):
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(lab, "SERVER_FOLDERS", (str(tmp_path),))
    assert lab.find_program("nginx") == str(program)


def test_the_http_backend_is_found_in_the_folder_of_git():
    found = lab.find_program("git-http-backend")
    assert found is not None
    assert Path(found).parent.joinpath("git-upload-pack").exists()


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_missing_part_ends_the_run_only_in_continuous_integration(
    monkeypatch, capsys, ci, status
):
    monkeypatch.setattr(lab, "PARTS", (*lab.PARTS, lab.Part("moon", "moon", "p", "light", "far")))
    monkeypatch.setattr(lab, "can_install", lambda: False)
    monkeypatch.setattr(lab, "build_missing", lambda _: None)
    monkeypatch.setenv("CI", ci)
    assert lab.main() == status
    assert "missing - Debian: apt-get install p; elsewhere: far" in capsys.readouterr().out


def test_a_policy_against_starting_services_is_made_and_taken_away(monkeypatch, tmp_path):
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(lab, "POLICY_FILE", policy)
    with lab.services_stay_down():
        answer = subprocess.run([policy], check=False)
        assert answer.returncode == 101
    assert not policy.exists()


def test_a_policy_that_was_there_stays_as_it_was(monkeypatch, tmp_path):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine")
    monkeypatch.setattr(lab, "POLICY_FILE", policy)
    with lab.services_stay_down():
        assert policy.read_text() == "mine"
    assert policy.read_text() == "mine"


MARKED = """
import pytest

@pytest.mark.lab("sshd")
def test_marked():
    assert True
"""


@pytest.mark.parametrize(("ci", "word"), [("", "skipped"), ("true", "error")])
def test_a_test_whose_part_is_missing_says_which(tmp_path, ci, word):
    conftest = (ROOT / "tests" / "conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(f"import lab\nlab.SERVER_FOLDERS = ()\n{conftest}")
    for module in ("lab_go.py", "lab_lanes.py", "lab_toolchain.py"):
        (tmp_path / module).write_text((ROOT / "tools" / module).read_text())
    (tmp_path / "test_it.py").write_text(MARKED)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {ROOT / 'tools'} {ROOT / 'tests'}\nmarkers = lab(*parts): x\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"1 {word}" in run.stdout
    assert "needs sshd, which is not here. Debian: apt-get install openssh-server" in run.stdout
