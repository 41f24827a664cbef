"""The exit codes and what they promise. docs/reference/cli.md lists them for users.

A code never changes its meaning: scripts and CI jobs branch on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.errors import BugError, RemoteError

if TYPE_CHECKING:
    from argocd_image_updater.core.report import CycleReport

OK = 0  # all well; help; a normal end after a signal
USAGE = 1  # the command line, the environment or the configuration is wrong
FAILED = 2  # some image or registry failed, or this program did
CHANGES = 3  # `plan` only: there is something to write

MEANING = {
    OK: "all well; help was asked for; a normal end after a signal",
    USAGE: "wrong command line, environment or configuration; `test` got no answer from the "
    "registry; the cycle was interrupted; the right to lead was lost; second signal",
    FAILED: "some image failed (the report names it); `doctor` found a fault at the registry or on "
    "the way to it; or an internal error",
    CHANGES: "`plan` only: nothing failed and there is something to write",
}


def of_report(report: CycleReport) -> int:
    """Return the code of a cycle that came to its end."""
    return FAILED if report.failed else OK


def of_plan(report: CycleReport) -> int:
    """Return the code of `plan`: a failure outranks work to do, so that no script misses it."""
    if report.failed:
        return FAILED
    return CHANGES if report.has_work else OK


def of_error(error: Exception) -> int:
    """Return the code for an error that ended the command."""
    return FAILED if isinstance(error, (RemoteError, BugError)) else USAGE
