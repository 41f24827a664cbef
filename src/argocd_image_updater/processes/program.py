"""Run a program to its end: what it printed, within limits of time and size.

What it prints may be a secret: it is returned, and appears in no message and no log.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from argocd_image_updater.errors import UpdaterError, shorten
from argocd_image_updater.processes.group import Command, ask_to_end, feed, read_head, started

COMPLAINT_BYTES = 4096  # enough to explain a failure


class TookTooLong(UpdaterError):
    """The program did not end in time, and was killed with all that it started."""


@dataclass(frozen=True, slots=True)
class Limits:
    """timeout_s: of the whole run. output_bytes, complaint_bytes: of the two outputs.

    grace_s: how long it may clean up after the time-out, 0 = it is killed at once.
    """

    timeout_s: float
    output_bytes: int
    complaint_bytes: int = COMPLAINT_BYTES
    grace_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: status, outputs up to their limits. is_cut: it printed more."""

    status: int
    output: bytes = field(repr=False)
    complaint: bytes = field(repr=False)
    is_cut: bool = False

    @property
    def reason(self) -> str:
        """Why it says it failed, on one line."""
        return shorten(self.complaint.decode("utf-8", "replace"))


async def run_to_end(command: Command, *, limits: Limits, text: bytes = b"") -> Ending:
    """Return how the program ended, whatever its status. text: its standard input.

    Raises:
        NotStarted: the system refuses to start it.
        TookTooLong: it did not end in time.
    """
    async with started(command, takes_input=bool(text)) as process:
        try:
            async with asyncio.timeout(limits.timeout_s):
                output, complaint = await _communicate(process, text, limits=limits)
                status = await process.wait()
        except TimeoutError:
            if limits.grace_s:
                await ask_to_end(process, grace_s=limits.grace_s)
            raise TookTooLong(f"did not end within {limits.timeout_s:g} s") from None
    is_cut = len(output) > limits.output_bytes
    return Ending(status, output[: limits.output_bytes] if is_cut else output, complaint, is_cut)


async def _communicate(
    process: asyncio.subprocess.Process, text: bytes, *, limits: Limits
) -> tuple[bytes, bytes]:
    assert process.stdout
    assert process.stderr
    async with asyncio.TaskGroup() as group:
        if process.stdin:
            group.create_task(feed(process, text))
        output = group.create_task(read_head(process.stdout, limits.output_bytes + 1))
        complaint = group.create_task(read_head(process.stderr, limits.complaint_bytes))
    return output.result(), complaint.result()
