"""Run the program that prints the credentials of a registry.

No shell; everything it starts ends with it when it takes too long.
What is asked goes to its standard input, never into its arguments. Its output is a secret: it is
returned and appears nowhere else.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from argocd_image_updater.errors import UpdaterError
from argocd_image_updater.processes.group import Command, NotStarted
from argocd_image_updater.processes.program import Ending, Limits, TookTooLong, run_to_end
from argocd_image_updater.registry.credentials.values import VALUE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

# Cloud command lines need long under CPU limits.
DEFAULT_TIMEOUT_S = 60.0
TIMEOUT_SETTING = "--credential-program-timeout"


class ProgramError(UpdaterError):
    """The program could not be run or failed. The message never holds its standard output."""


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
        complaint = ending.reason or "no message"
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
        ending = await run_to_end(
            Command((path, *arguments), environ),
            limits=Limits(timeout_s, VALUE_LIMIT),
            text=question,
        )
    except NotStarted as error:
        raise ProgramError(f"cannot be started: {error}") from None
    except TookTooLong as error:
        raise ProgramError(f"{error} ({TIMEOUT_SETTING}) and was killed") from None
    if ending.is_cut:
        raise ProgramError(f"printed more than {VALUE_LIMIT} bytes")
    return ending


def _check_program(path: str) -> None:
    if not path.startswith("/"):
        raise ProgramError("the path must be absolute")
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path of any bytes, looked at once
    except (OSError, ValueError):
        raise ProgramError("does not exist or cannot be reached") from None
    if not stat.S_ISREG(mode):
        raise ProgramError("is not a file")
