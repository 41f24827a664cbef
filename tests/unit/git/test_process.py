"""One git process: closed surroundings, a time limit, bounded output."""

import os

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git import process
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.process import GitRunner, Surroundings


@pytest.fixture
def runner(tmp_path):
    return GitRunner(tmp_path, {"PATH": os.environ["PATH"], "SECRET_OF_THE_HOST": "x"})


def test_the_environment_is_small_and_closed(runner):
    around = Surroundings({"GIT_ALLOW_PROTOCOL": "https"}, {"http.extraHeader": "H"})
    environment = runner.environment(around)
    assert "SECRET_OF_THE_HOST" not in environment
    assert environment["GIT_CONFIG_NOSYSTEM"] == "1"
    assert environment["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert environment["GIT_TERMINAL_PROMPT"] == "0"
    assert environment["GIT_ALLOW_PROTOCOL"] == "https"
    assert runner.environment(Surroundings())["GIT_ALLOW_PROTOCOL"] == "none"


async def test_hooks_and_helpers_are_switched_off(runner):
    output = await runner.run(["config", "--list"], Surroundings())
    settings = output.stdout.decode().splitlines()
    assert "core.hookspath=/dev/null" in settings
    assert "credential.helper=" in settings
    assert "protocol.version=2" in settings


async def test_input_is_fed_and_output_collected(runner):
    output = await runner.run(["stripspace"], Surroundings(), stdin=b"a \n" * 100_000)
    assert output.stdout == b"a\n" * 100_000


async def test_what_git_says_is_masked(runner):
    around = Surroundings(secrets=("s3cret",))
    output = await runner.run(["ls-remote", "https://u:p@h.invalid/s3cret"], around)
    assert not output.ok
    assert "s3cret" not in output.stderr
    assert "u:p@" not in output.stderr


async def test_too_much_output_is_an_error(runner, monkeypatch):
    monkeypatch.setattr(process, "OUTPUT_LIMIT_BYTES", 1000)
    with pytest.raises(GitError) as caught:
        await runner.run(["stripspace"], Surroundings(), stdin=b"abc\n" * 1000)
    assert caught.value.kind is FailureKind.UNUSABLE


async def test_a_command_that_does_not_end_is_stopped(tmp_path):
    runner = GitRunner(tmp_path, {"PATH": os.environ["PATH"]}, timeout_s=0.2, kill_after_s=0.2)
    command = ["-c", "alias.wait=!trap '' TERM; while :; do sleep 0.05; done", "wait"]
    with pytest.raises(GitError, match=r"timeout after 0\.2s"):
        await runner.run(command, Surroundings())


async def test_a_host_without_git_is_told(tmp_path):
    runner = GitRunner(tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(GitError, match="install git"):
        await runner.run(["version"], Surroundings())
