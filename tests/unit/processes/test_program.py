"""Other programs: bounded in time and size, and never outlived by what they started."""

import asyncio
import time
from pathlib import Path

import pytest

from argocd_image_updater.processes import group
from argocd_image_updater.processes.group import Command, NotStarted
from argocd_image_updater.processes.program import Limits, TookTooLong, run_to_end

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GREETING": "hello"}
LIMITS = Limits(timeout_s=20, output_bytes=1000)


def shell(text, **options):
    return Command(("/bin/sh", "-c", text), ENVIRONMENT, **options)


async def until(condition):
    """Wait for something outside this process that tells nobody when it happens."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.01)


def is_alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


async def test_both_outputs_and_the_status_are_told():
    ending = await run_to_end(shell("echo out; printf 'not\\n good' >&2; exit 3"), limits=LIMITS)
    assert (ending.status, ending.output, ending.reason) == (3, b"out\n", "not good")
    assert not ending.is_cut


async def test_only_the_given_variables_are_seen(tmp_path):
    command = shell('printf "%s %s %s" "$GREETING" "$HOME" "$(pwd)"', folder=tmp_path)
    assert (await run_to_end(command, limits=LIMITS)).output == f"hello  {tmp_path}".encode()


async def test_neither_variables_nor_outputs_are_shown():
    command = shell("echo s3cret; echo s3cret >&2")
    ending = await run_to_end(command, limits=LIMITS)
    assert "hello" not in repr(command)
    assert "s3cret" not in repr(ending)


async def test_what_is_printed_is_kept_up_to_its_limit():
    command = shell("head -c 70000 /dev/zero; head -c 70000 /dev/zero >&2")
    ending = await run_to_end(command, limits=LIMITS)
    assert ending.is_cut
    assert (len(ending.output), len(ending.complaint)) == (1000, 4096)
    just = await run_to_end(shell("head -c 1000 /dev/zero"), limits=LIMITS)
    assert (len(just.output), just.is_cut) == (1000, False)


async def test_input_is_read_or_left():
    large = b"x" * 1_000_000
    assert (await run_to_end(shell("wc -c"), limits=LIMITS, text=large)).output == b"1000000\n"
    assert (await run_to_end(shell("exit 4"), limits=LIMITS, text=large)).status == 4
    assert (await run_to_end(shell("cat"), limits=LIMITS)).output == b""


@pytest.mark.parametrize("ending", ["wait", "exit 0"], ids=["it waits", "it has ended"])
async def test_children_end_with_a_program_that_takes_too_long(tmp_path, ending):
    marker = tmp_path / "child"
    body = f"sleep 60 &\necho $! > {marker}.part && mv {marker}.part {marker}\n{ending}"
    hurried = Limits(timeout_s=0.5, output_bytes=1000)
    started = time.monotonic()
    with pytest.raises(TookTooLong, match=r"within 0\.5 s"):
        await run_to_end(shell(body), limits=hurried)
    assert time.monotonic() - started < 10
    child = int(marker.read_text())
    await until(lambda: not is_alive(child))


async def test_a_program_may_clean_up_within_its_grace(tmp_path):
    trace = tmp_path / "trace"
    body = f"trap 'echo clean > {trace}; exit' TERM; while :; do sleep 0.02; done"
    hurried = Limits(timeout_s=0.3, output_bytes=1000, grace_s=10)
    with pytest.raises(TookTooLong):
        await run_to_end(shell(body), limits=hurried)
    assert trace.read_text() == "clean\n"


async def test_a_program_that_ignores_the_end_of_its_grace_is_killed(tmp_path):
    marker = tmp_path / "pid"
    body = f"trap '' TERM; echo $$ > {marker}; while :; do sleep 0.02; done"
    hurried = Limits(timeout_s=0.3, output_bytes=1000, grace_s=0.1)
    with pytest.raises(TookTooLong):
        await run_to_end(shell(body), limits=hurried)
    assert not is_alive(int(marker.read_text()))


async def test_a_child_that_left_the_group_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(group, "REAP_S", 0.1)
    marker = tmp_path / "child"
    body = f"setsid sh -c 'echo $$ > {marker}; exec sleep 60' & sleep 60"
    task = asyncio.create_task(run_to_end(shell(body), limits=LIMITS))
    await until(lambda: marker.exists() and marker.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    child = int(marker.read_text())
    assert is_alive(child)
    group.os.kill(child, group.signal.SIGKILL)
    await until(lambda: not is_alive(child))


async def test_a_caller_that_gives_up_leaves_no_process_behind(tmp_path):
    marker = tmp_path / "pid"
    body = f"echo $$ > {marker}.part && mv {marker}.part {marker}\nexec sleep 60"
    task = asyncio.create_task(run_to_end(shell(body), limits=LIMITS))
    await until(marker.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(int(marker.read_text()))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("/nowhere/to/be/found",), "No such file"),
        (("/bin/sh", "a\0b"), "cannot be handed over"),
        (("/bin/sh", "\ud800"), "cannot be handed over"),
    ],
)
async def test_what_cannot_be_started_says_why(words, why):
    with pytest.raises(NotStarted, match=why):
        await run_to_end(Command(words, ENVIRONMENT), limits=LIMITS)
