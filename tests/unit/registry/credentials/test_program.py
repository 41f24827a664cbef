"""Credential programs: bounded in time and size, silent about their output."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from argocd_image_updater.registry.credentials import program
from argocd_image_updater.registry.credentials.program import (
    ProgramError,
    run_program,
    watch_program,
)

ENVIRON = {"PATH": "/usr/bin:/bin", "GREETING": "user:pass"}


@pytest.fixture
def script(tmp_path):
    def write(body: str) -> str:
        path = tmp_path / "credentials"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o700)
        return str(path)

    return write


async def test_it_sees_the_given_environment_and_nothing_else(script):
    assert await run_program(script('printf %s "$GREETING$HOME"'), environ=ENVIRON) == b"user:pass"


async def test_a_failure_tells_status_and_complaint_but_never_the_output(script):
    body = "echo user:s3cret\necho 'not\nlogged in' >&2\nexit 3"
    with pytest.raises(ProgramError, match="exit status 3: not logged in") as caught:
        await run_program(script(body), environ=ENVIRON)
    assert "s3cret" not in str(caught.value)


async def test_everything_it_started_ends_with_it_when_it_takes_too_long(script, tmp_path):
    marker = tmp_path / "child"
    body = f"sleep 60 &\necho $! > {marker}.part && mv {marker}.part {marker}\nwait"
    started = time.monotonic()
    with pytest.raises(ProgramError, match=r"did not end within 0\.5 s"):
        await run_program(script(body), environ=ENVIRON, timeout_s=0.5)
    assert time.monotonic() - started < 10
    child = int(marker.read_text())
    await until(lambda: not is_alive(child))


async def until(condition):
    """Wait for something outside this process that tells nobody when it happens."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


async def test_a_caller_that_gives_up_leaves_no_process_behind(script, tmp_path):
    marker = tmp_path / "pid"
    body = f"echo $$ > {marker}.part && mv {marker}.part {marker}\nexec sleep 60"
    task = asyncio.create_task(run_program(script(body), environ=ENVIRON))
    await until(marker.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(int(marker.read_text()))


async def test_output_without_end_is_refused(script, monkeypatch):
    monkeypatch.setattr(program, "VALUE_LIMIT", 1_000)
    with pytest.raises(ProgramError, match="printed more than 1000 bytes"):
        await run_program(script("head -c 5000 /dev/zero"), environ=ENVIRON)


async def test_a_file_that_is_no_program_says_so(tmp_path):
    path = tmp_path / "plain"
    path.write_text("user:pass")
    path.chmod(0o600 if os.geteuid() else 0o644)
    with pytest.raises(ProgramError, match="cannot be started"):
        await run_program(str(path), environ=ENVIRON)


async def test_a_question_goes_to_the_standard_input_and_arguments_are_given(script):
    path = script('printf "%s %s" "$1" "$(cat)"')
    ending = await watch_program(path, environ=ENVIRON, arguments=("get",), question=b"r.test")
    assert (ending.status, ending.output) == (0, b"get r.test")
    assert "r.test" not in repr(ending)


async def test_a_program_need_not_read_the_question(script):
    question = b"x" * 1_000_000
    ending = await watch_program(script("exit 4"), environ=ENVIRON, question=question)
    assert ending.status == 4
