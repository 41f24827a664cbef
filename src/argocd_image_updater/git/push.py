"""One push with an expected old value, and what the server made of it.

Invariant: the new commit descends from exactly the commit that the remote is expected to have, or
replaces one that the caller knows as its own, and the lease makes the server compare; so no push
can lose a foreign commit. A push without an answer is `UNKNOWN`: the caller asks the remote what
became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import shorten
from argocd_image_updater.git.failures import (
    DamagedMirrorError,
    GitError,
    is_damage,
    remote_error,
    sentence,
)
from argocd_image_updater.git.refs import short_branch
from argocd_image_updater.git.remote import run_remote

if TYPE_CHECKING:
    from argocd_image_updater.errors import UpdaterError
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitOutput, GitRunner

# Why a server or git itself rejects a push that may succeed on the new tip.
_MOVED = (
    "stale info",
    "fetch first",
    "non-fast-forward",
    "failed to update ref",
    "failed to lock",
    "cannot lock ref",
    "incorrect old value",
    "remote ref updated",
    "reference already exists",
)


class PushVerdict(Enum):
    """What became of a push."""

    ACCEPTED = auto()
    MOVED = auto()  # somebody else was quicker: read again and compute again
    REFUSED = auto()  # the server does not want it: trying again is useless
    UNKNOWN = auto()  # no answer: the remote knows


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """Verdict of a push, and the error to show when it is the last one."""

    verdict: PushVerdict
    error: UpdaterError | None = None


async def push_commit(
    runner: GitRunner,
    connection: Connection,
    mirror: Mirror,
    *,
    commit: str,
    branch: str,
    expected: str,
) -> PushAnswer:
    """Push a commit to a branch (full name) that is expected at `expected`, empty = not there."""
    arguments = [
        f"--git-dir={mirror.repo}",
        "push",
        "--porcelain",
        "--no-verify",
        f"--force-with-lease={branch}:{expected}",
        "origin",
        f"{commit}:{branch}",
    ]
    try:
        output = await run_remote(runner, arguments, connection=connection, mirror=mirror)
    except GitError as error:  # a time-out: the server may have taken it all the same
        verdict = (
            PushVerdict.UNKNOWN if error.kind is FailureKind.TRANSIENT else PushVerdict.REFUSED
        )
        return PushAnswer(verdict, error)
    return read_answer(output, where=connection.url.shown, branch=branch)


def read_answer(output: GitOutput, *, where: str, branch: str) -> PushAnswer:
    """Read git's report of a push."""
    if output.ok:
        return PushAnswer(PushVerdict.ACCEPTED)
    why = _rejection(output.stdout.decode("utf-8", "replace"))
    if why in {"", "unpacker error"} and is_damage(output.stderr):
        raise DamagedMirrorError(sentence(output.stderr))
    if not why:
        error = remote_error(output.stderr, where=where)
        temporary = error.kind in {FailureKind.TRANSIENT, FailureKind.RATE_LIMITED}
        return PushAnswer(PushVerdict.UNKNOWN if temporary else PushVerdict.REFUSED, error)
    if any(words in why for words in _MOVED):
        return PushAnswer(
            PushVerdict.MOVED,
            GitError(
                FailureKind.TRANSIENT,
                f"{where}: branch {short_branch(branch)!r} keeps moving, the push was rejected "
                f"({shorten(why)}): it is tried again in the next cycle",
                reason=Reason.PUSH_REJECTED,
            ),
        )
    text = shorten(f"{sentence(output.stderr)} ({why})" if "remote:" in output.stderr else why)
    return PushAnswer(
        PushVerdict.REFUSED,
        GitError(
            FailureKind.REFUSED,
            f"{where}: could not push {short_branch(branch)!r}, the server refused: {text}",
            reason=Reason.PUSH_REJECTED,
        ),
    )


def _rejection(report: str) -> str:
    """Return why the ref was rejected, from a line ``!<tab>from:to<tab>[rejected] (why)``."""
    for line in report.splitlines():
        flag, _, rest = line.partition("\t")
        if flag == "!":
            summary = rest.partition("\t")[2]
            inside = summary.partition("(")[2].rpartition(")")[0]
            return inside or summary
    return ""
