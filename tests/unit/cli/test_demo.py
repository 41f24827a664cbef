"""Mistakes in calling the demonstration, and how it names the program in what it prints."""

import shlex
import sys
import tempfile

import pytest

from argocd_image_updater.cli.demo import _program
from argocd_image_updater.cli.main import main
from argocd_image_updater.cli.render.going_on import KeptFolder, render_kept

NAME = "argocd-image-updater"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Two installations; the current folder is above them. Call it with what stands on PATH."""
    for place in ("my bin", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / NAME).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)

    def calling(argument, *, path):
        monkeypatch.setattr(sys, "argv", [argument])
        monkeypatch.setenv("PATH", str(tmp_path / path))
        return _program()

    return calling


def test_the_program_on_path_is_called_by_its_name(installed, tmp_path):
    assert installed(str(tmp_path / "other" / NAME), path="other") == NAME


def test_a_program_that_is_not_on_path_is_called_by_its_whole_quoted_path(installed, tmp_path):
    whole = shlex.quote(str(tmp_path / "my bin" / NAME))
    assert installed(f"my bin/{NAME}", path="nowhere") == whole


def test_another_installation_on_path_is_not_taken_for_this_one(installed, tmp_path):
    whole = shlex.quote(str(tmp_path / "my bin" / NAME))
    assert installed(f"./my bin/{NAME}", path="other") == whole


@pytest.mark.parametrize("argument", ["-c", "/nowhere/pytest", f"/nowhere/{NAME}"])
def test_what_was_started_in_another_way_is_called_by_its_name(installed, argument):
    assert installed(argument, path="nowhere") == NAME


def test_folders_with_spaces_are_quoted_in_every_command(tmp_path):
    folder = tmp_path / "a b"
    kept = KeptFolder(folder, folder / "m", folder / "s", folder / "r.git", 4711, NAME)
    told = render_kept(kept)
    for line in (line for line in told.splitlines() if "a b" in line and "is kept" not in line):
        assert any(word.endswith((str(folder), "/m", "/s", "/r.git")) for word in shlex.split(line))


def mistake(capsys, *words):
    code = main(("demo", *words), environ={})
    out, errors = capsys.readouterr()
    assert (code, out) == (1, "")
    return errors


def test_only_a_kept_folder_is_served(capsys, tmp_path):
    errors = mistake(capsys, "--serve", str(tmp_path))
    assert errors.startswith(f"Error: {tmp_path} is not the folder of a demonstration: ")
    assert "  hint: " in errors


def test_keeping_and_serving_exclude_each_other(capsys, tmp_path):
    errors = mistake(capsys, "--keep", "--serve", str(tmp_path))
    assert "--keep and --serve exclude each other" in errors


def test_where_no_temporary_folder_can_be_made_the_variable_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    errors = mistake(capsys)
    assert errors.startswith("Error: no temporary folder can be made: ")
    assert "TMPDIR" in errors
