"""Run the program that prints the credentials of a registry.

No shell; a session of its own, so that everything it starts ends with it when it takes too long.
What is asked goes to its standard input, never into its arguments. Its output is a secret: it is
returned and appears nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.errors import UpdaterError, shorten
from argocd_image_updater.registry.credentials.values import VALUE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

# Cloud command lines need long under CPU limits.
DEFAULT_TIMEOUT_S = 60.0
TIMEOUT_SETTING = "--credential-program-timeout"
# Enough to explain a failure; the rest is read and dropped.
ERROR_OUTPUT_LIMIT = 4_096
# How long a killed process may take to disappear before it is left to the system.
REAP_S = 5.0
_CHUNK = 65_536


class ProgramError(UpdaterError):
    """The program could not be run or failed. The message never holds its standard output."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: exit status, standard output, and why it says it failed."""

    status: int
    output: bytes = field(repr=False)
    complaint: str


async def run_program(
    path: str, *, environ: Mapping[str, str], timeout_s: float = DEFAULT_TIMEOUT_S
) -> bytes:
    """Return the standard output of the program; raise ProgramError unless it exits with 0."""
    ending = await watch_program(path, environ=environ, timeout_s=timeout_s)
    check_ending(ending)
    return ending.output


def check_ending(ending: Ending) -> None:
    """Raise ProgramError unless the program exited with 0."""
    if ending.status != 0:
        complaint = ending.complaint or "no message"
        raise ProgramError(f"failed with exit status {ending.status}: {complaint}")


async def watch_program(
    path: str,
    *,
    environ: Mapping[str, str],
    arguments: tuple[str, ...] = (),
    question: bytes = b"",
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Ending:
    """Run the program to its end, whatever its exit status. question: its standard input.

    Raises:
        ProgramError: it cannot be started, takes too long or prints too much.
    """
    _check_program(path)
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            stdin=asyncio.subprocess.PIPE if question else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_s):
            output, complaint = await _collect(process, question)
            return Ending(await process.wait(), output, complaint)
    except TimeoutError:
        raise ProgramError(
            f"did not end within {timeout_s:g} s ({TIMEOUT_SETTING}) and was killed"
        ) from None
    finally:
        if process.returncode is None:
            await _kill_group(process)


def _check_program(path: str) -> None:
    if not path.startswith("/"):
        raise ProgramError("the path must be absolute")
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path of any bytes, looked at once
    except (OSError, ValueError):
        raise ProgramError("does not exist or cannot be reached") from None
    if not stat.S_ISREG(mode):
        raise ProgramError("is not a file")


async def _collect(process: asyncio.subprocess.Process, question: bytes) -> tuple[bytes, str]:
    """Return standard output as it is, and the beginning of standard error on one line."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as tasks:
        output = tasks.create_task(_read(process.stdout, VALUE_LIMIT + 1))
        complaint = tasks.create_task(_read(process.stderr, ERROR_OUTPUT_LIMIT))
        if process.stdin is not None:
            await _tell(process.stdin, question)
    if len(output.result()) > VALUE_LIMIT:
        raise ProgramError(f"printed more than {VALUE_LIMIT} bytes")
    return output.result(), shorten(complaint.result().decode("utf-8", "replace"))


async def _tell(stream: asyncio.StreamWriter, question: bytes) -> None:
    """Write and close; a program need not read what it does not want to know."""
    stream.write(question)
    with contextlib.suppress(ConnectionError):
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    """Read to the end, keeping at most `limit` bytes."""
    kept = bytearray()
    while chunk := await stream.read(_CHUNK):
        kept += chunk[: limit - len(kept)]
    return bytes(kept)


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REAP_S):
            await process.wait()
