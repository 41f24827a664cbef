"""Completion scripts: bash really completes, the other shells' scripts name the same words."""

import subprocess

import pytest

from argocd_image_updater.cli.completion import SCRIPTS, completion_script
from argocd_image_updater.cli.flags import FLAGS
from argocd_image_updater.cli.help_texts import HELP_OF

DRIVER = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_argocd_image_updater
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    """Give a function that returns what bash offers for the last of the given words."""
    script = tmp_path_factory.mktemp("completion") / "script.bash"
    script.write_text(completion_script("bash", descriptions=True))

    def complete(*words, folder=None):
        done = subprocess.run(
            ["bash", "--norc", "-c", DRIVER, "bash", script, "argocd-image-updater", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
        )
        assert done.stderr == ""
        return done.stdout.split("\n")[:-1]

    return complete


def test_bash_completes_commands(bash):
    assert bash("") == list(HELP_OF)
    assert bash("pl") == ["plan"]
    assert bash("--metrics-bind-address=:8443", "ru") == ["run"]


def test_bash_completes_the_flags_of_the_command(bash):
    assert bash("plan", "--git-commit-s") == [
        "--git-commit-sign-off",
        "--git-commit-signing-key",
        "--git-commit-signing-method",
    ]
    assert bash("plan", "--onc") == [""]
    assert bash("run", "--onc") == ["--once"]
    assert bash("--interval", "5m", "run", "--onc") == ["--once"]


def test_bash_completes_values_in_both_spellings(bash):
    assert bash("run", "--output", "") == ["table", "json"]
    assert bash("run", "--output", "=", "j") == ["json"]
    assert bash("run", "--output", "=") == ["table", "json"]
    assert bash("run", "--once", "=", "f") == ["false"]
    assert bash("run", "--once", "--dry") == ["--dry-run"]
    assert bash("completion", "") == [
        "bash",
        "zsh",
        "fish",
        "powershell",
        "--no-descriptions",
        "--help",
    ]


def test_bash_completes_folders_with_spaces(bash, tmp_path):
    (tmp_path / "my manifests").mkdir()
    (tmp_path / "my file").touch()
    assert bash("run", "--manifests", "my", folder=tmp_path) == ["my manifests"]
    assert sorted(bash("run", "--registries-conf-path", "my", folder=tmp_path)) == [
        "my file",
        "my manifests",
    ]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_every_script_knows_every_command_and_flag(shell):
    script = completion_script(shell, descriptions=True)
    for name in (*HELP_OF, *(flag.name for flag in FLAGS)):
        assert name in script
    assert script.endswith("\n")


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_descriptions_can_be_left_out(shell):
    words = "Show what the next cycle would write"
    assert words in completion_script(shell, descriptions=True)
    assert words not in completion_script(shell, descriptions=False)
    assert "Author and committer" not in completion_script(shell, descriptions=False)
