"""One program with pipes, the leader of a process group of its own.

Promises: 1. no shell, and no variable but those that are given; 2. whatever is left of the group is
killed when the caller is through with it or fails, also children that outlive their leader; 3. a
process that does not go even then is left to the system after a while, and nobody hangs on it.
Secrets belong into variables or the standard input: arguments are seen by everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

REAP_S = 5.0  # how long a killed process may take to disappear, with all that holds its pipes
_CHUNK_BYTES = 1 << 16


class NotStarted(UpdaterError):
    """The program cannot be started; the message is why."""


@dataclass(frozen=True, slots=True)
class Command:
    """words: program and arguments. environment: complete. folder: None = that of this process.

    keep_open: descriptors that the process and its children hold.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path | None = None
    keep_open: tuple[int, ...] = ()


@contextlib.asynccontextmanager
async def started(
    command: Command, *, takes_input: bool
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a program; without input its standard input is at the end from the beginning.

    Raises:
        NotStarted: the system refuses.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command.words,
            stdin=asyncio.subprocess.PIPE if takes_input else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=command.folder,
            env=dict(command.environment),
            start_new_session=True,
            pass_fds=command.keep_open,
            limit=_CHUNK_BYTES,
        )
    except OSError as error:
        raise NotStarted(error.strerror or type(error).__name__) from None
    except ValueError:  # a null byte, or a character that the system's encoding has not
        raise NotStarted("its words cannot be handed over") from None
    try:
        yield process
    except BaseException:
        _signal_group(process, signal.SIGKILL)  # children may outlive their leader
        raise
    finally:
        await _close(process)


async def feed(process: asyncio.subprocess.Process, text: bytes) -> None:
    """Write all input and close it; a program need not read what it does not want to know."""
    assert process.stdin
    with contextlib.suppress(ConnectionError):
        if text:
            process.stdin.write(text)
            await process.stdin.drain()
    process.stdin.close()


async def read_head(stream: asyncio.StreamReader, limit_bytes: int) -> bytes:
    """Return the beginning of a stream and read the rest away, so that nobody waits."""
    head = bytearray()
    while chunk := await stream.read(_CHUNK_BYTES):
        head += chunk[: limit_bytes - len(head)]
    return bytes(head)


async def ask_to_end(process: asyncio.subprocess.Process, *, grace_s: float) -> None:
    """Ask the group to end and give it a while."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await process.wait()


async def _close(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group, and wait until the pipes are closed."""
    if process.returncode is None:
        _signal_group(process, signal.SIGKILL)
    if process.stdin:
        process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REAP_S):
            await process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    await read_head(stream, 0)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
