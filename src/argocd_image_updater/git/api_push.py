"""A series of commits made by the forge in place of a push, for credentials of a GitHub App.

GitHub signs such commits as the App. It makes them one after the other on the branch itself. Where
a branch is to be made anew they are made on a branch of our own, and then git moves the wanted one,
with the commit that it is expected to hold: an API knows no such condition, and a request whose
branch is for a moment the same as its base would be closed. No commit of others is lost either way.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import UpdaterError
from argocd_image_updater.git.batch import CommitStatus
from argocd_image_updater.git.failures import DamagedMirrorError, GitError
from argocd_image_updater.git.forges.clients import ForgeClients
from argocd_image_updater.git.forges.github import GITHUB
from argocd_image_updater.git.forges.github_commits import (
    ApiCommit,
    BranchMovedError,
    GitHubCommits,
)
from argocd_image_updater.git.objects import parse_commit
from argocd_image_updater.git.push import PushAnswer, PushVerdict, push_commit
from argocd_image_updater.git.refs import HEADS, short_branch
from argocd_image_updater.git.remote import CommitNotGivenError, fetch_commit
from argocd_image_updater.git.sending import Sent
from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argocd_image_updater.git.access import Access
    from argocd_image_updater.git.commit import Series
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.process import GitRunner
    from argocd_image_updater.git.sending import Start

# Branches with this beginning are ours alone.
WORK_PREFIX = "image-updater-next-"
_HASH_LENGTH = 16
_UNKNOWN = {FailureKind.TRANSIENT, FailureKind.UNUSABLE}


@dataclass(slots=True)
class _Making:
    """A series while its commits come into being. tip: the newest one that is there."""

    access: Access
    start: Start
    series: Series
    tip: str

    def note(self, index: int, commit: str) -> None:
        """Put down that a commit of the series is in its branch."""
        results = list(self.series.results)
        results[index] = replace(results[index], status=CommitStatus.PUSHED, commit=commit)
        self.series = replace(self.series, results=tuple(results), tip=commit)
        self.tip = commit


class ApiCommits:
    """Has commits made by GitHub; begin_cycle and close as for any keeper of clients."""

    def __init__(self, *, proxies: ProxyRules = DIRECT, timing: Timing = REAL_TIME) -> None:
        self._clients = ForgeClients(proxies=proxies, timing=timing, reason=Reason.PUSH_REJECTED)

    def begin_cycle(self) -> None:
        """Give up clients that the cycle before did not use."""
        self._clients.begin_cycle()

    async def close(self) -> None:
        """End all connections."""
        await self._clients.close()

    def fault(self, connection: Connection) -> str:
        """Return why git has to make the commits of a repository, empty where GitHub can."""
        if connection.url.is_http and connection.credential.app_id:
            return ""
        return (
            f"{connection.url.shown}: commits through the API need the credential of a GitHub App, "
            "so git made them"
        )

    async def send(
        self,
        runner: GitRunner,
        access: Access,
        start: Start,
        *,
        series: Series,
        messages: Sequence[str],
        check_turn: Callable[[], None],
    ) -> Sent:
        """Have the commits of a series made; what was made of it counts as pushed.

        Raises:
            DamagedMirrorError: the mirror has to be built anew.
        """
        making = _Making(access, start, series, start.commit)
        try:
            client = await self._clients.open(GITHUB, access.connection)
            forge = GitHubCommits(client, access.connection)
            if start.replaces:
                answer = await _rebuild(runner, making, forge, messages, check_turn)
            else:
                branch = short_branch(start.branch)
                if not start.expected:
                    check_turn()
                    await forge.create_branch(branch, start.commit)
                await _make(making, forge, branch, messages=messages, check_turn=check_turn)
                answer = PushAnswer(PushVerdict.ACCEPTED)
        except BranchMovedError as moved:
            answer = PushAnswer(PushVerdict.MOVED, moved.why)
        except DamagedMirrorError:
            raise
        except UpdaterError as error:  # also that this process may not go on
            unknown = isinstance(error, GitError) and error.kind in _UNKNOWN
            answer = PushAnswer(PushVerdict.UNKNOWN if unknown else PushVerdict.REFUSED, error)
        return Sent(answer, making.series)


async def _make(
    making: _Making,
    forge: GitHubCommits,
    branch: str,
    *,
    messages: Sequence[str],
    check_turn: Callable[[], None],
) -> None:
    """Have the planned commits made on a branch, in their order."""
    for index, (result, message) in enumerate(zip(making.series.results, messages, strict=True)):
        if result.status is not CommitStatus.PLANNED:
            continue
        tree = parse_commit(making.series.objects[result.commit].content).tree
        files = {change.path: change.after for change in result.files}
        check_turn()
        commit = await forge.commit(
            branch, expected=making.tip, wanted=ApiCommit(message, files, tree)
        )
        making.note(index, commit)


async def _rebuild(
    runner: GitRunner,
    making: _Making,
    forge: GitHubCommits,
    messages: Sequence[str],
    check_turn: Callable[[], None],
) -> PushAnswer:
    """Make the commits on a branch of our own, then let git move the wanted branch to them."""
    access, start = making.access, making.start
    connection, mirror = access.connection, access.mirror
    work = WORK_PREFIX + hashlib.sha256(start.branch.encode()).hexdigest()[:_HASH_LENGTH]
    left = access.known_tips().heads.get(HEADS + work, "")
    check_turn()
    if not left:
        await forge.create_branch(work, start.commit)
    elif left != start.commit:
        answer = await push_commit(
            runner, connection, mirror, commit=start.commit, branch=HEADS + work, expected=left
        )
        if answer.verdict is not PushVerdict.ACCEPTED:
            return answer
    made = _Making(access, start, making.series, start.commit)
    try:
        await _make(made, forge, work, messages=messages, check_turn=check_turn)
        await _fetch(runner, access, HEADS + work)
        check_turn()
        answer = await push_commit(
            runner, connection, mirror,
            commit=made.tip, branch=start.branch, expected=start.expected,
        )  # fmt: skip
    finally:
        await push_commit(
            runner, connection, mirror, commit="", branch=HEADS + work, expected=made.tip
        )
    arrived = answer.verdict is PushVerdict.ACCEPTED
    making.series = made.series if arrived else _unproven(made.series, making.series)
    return answer


async def _fetch(runner: GitRunner, access: Access, branch: str) -> None:
    """Bring the commits of a branch, without files, so that git can name them in a push."""
    try:
        await fetch_commit(
            runner, access.connection, access.mirror, source=branch, branch=branch, limit=0
        )
    except CommitNotGivenError:
        raise GitError(
            FailureKind.TRANSIENT, f"{access.shown}: branch {short_branch(branch)!r} vanished"
        ) from None


def _unproven(made: Series, before: Series) -> Series:
    """Return the series with the names of what was made, which may or may not be in the branch."""
    results = tuple(
        replace(now, status=then.status)
        for now, then in zip(made.results, before.results, strict=True)
    )
    return replace(made, results=results)
