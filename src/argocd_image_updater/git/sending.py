"""How a computed series reaches its branch: signed and pushed by git, or made by the forge.

Invariant: a push without an answer is looked up at the remote before anything else is done; a tip
that was pushed is remembered, so that neither a question nor a fetch is needed for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.git.failures import DamagedMirrorError, GitError
from argocd_image_updater.git.outcomes import damaged_error
from argocd_image_updater.git.push import PushAnswer, PushVerdict, push_commit
from argocd_image_updater.git.signatures import signed_series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argocd_image_updater.git.access import Access, AccessBook
    from argocd_image_updater.git.api_push import ApiCommits
    from argocd_image_updater.git.batch import PlannedCommit
    from argocd_image_updater.git.commit import Series
    from argocd_image_updater.git.process import GitRunner
    from argocd_image_updater.git.settings import GitStatistics
    from argocd_image_updater.git.signing import Signer
    from argocd_image_updater.git.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Start:
    """Where a batch begins: the branch to push, the commit to build on, what the remote has."""

    branch: str
    commit: str
    source: str  # the branch that names `commit` at the remote
    expected: str

    @property
    def replaces(self) -> bool:
        """Whether what the branch holds now is not kept."""
        return bool(self.expected) and self.expected != self.commit


@dataclass(frozen=True, slots=True)
class Sent:
    """What was answered, and the series with the names that its commits got."""

    answer: PushAnswer
    series: Series


class Sender:
    """Sends series to the remotes. signer: None = commits are not signed. api: None = by git."""

    def __init__(
        self,
        runner: GitRunner,
        *,
        store: ObjectStore,
        book: AccessBook,
        check_turn: Callable[[], None],
        statistics: GitStatistics,
        signer: Signer | None,
        api: ApiCommits | None,
    ) -> None:
        self._runner = runner
        self._store = store
        self._book = book
        self._check_turn = check_turn
        self._statistics = statistics
        self._signer = signer
        self._api = api

    async def send(
        self, access: Access, start: Start, series: Series, *, commits: Sequence[PlannedCommit]
    ) -> Sent:
        """Bring a series to its branch; commits: what was planned, in the order of the results.

        Raises:
            GitError: a commit cannot be signed; nothing was sent.
        """
        self._statistics.pushes += 1
        try:
            sent = await self._sent(access, start, series, commits=commits)
        except DamagedMirrorError as error:
            self._store.rebuild(access.mirror)
            answer = PushAnswer(PushVerdict.MOVED, damaged_error(access.shown, error))
            sent = Sent(answer, series)
        if sent.answer.verdict is PushVerdict.ACCEPTED:
            access.note_tip(start.branch, sent.series.tip)
            self._book.forget_others(access)
        else:
            self._statistics.rejected_pushes += 1
        return sent

    async def _sent(
        self, access: Access, start: Start, series: Series, *, commits: Sequence[PlannedCommit]
    ) -> Sent:
        if self._api is None:
            return await self._send_by_git(access, start, series)
        if fault := self._api.fault(access.connection):
            return await self._send_by_git(access, start, replace(series, warnings=(fault,)))
        return await self._api.send(
            self._runner,
            access,
            start,
            series=series,
            messages=[planned.message for planned in commits],
            check_turn=self._check_turn,
        )

    async def _send_by_git(self, access: Access, start: Start, series: Series) -> Sent:
        """Store the objects and push; a push without an answer is looked up at the remote."""
        if self._signer is not None:
            series = await signed_series(series, self._signer.sign)
        await self._store.add(access, series.objects)
        self._check_turn()
        answer = await push_commit(
            self._runner,
            access.connection,
            access.mirror,
            commit=series.tip,
            branch=start.branch,
            expected=start.expected,
        )
        if answer.verdict is PushVerdict.UNKNOWN and await self._arrived(access, start, series):
            answer = PushAnswer(PushVerdict.ACCEPTED)
        if answer.verdict is PushVerdict.ACCEPTED:
            access.mirror.set_tip(start.branch, series.tip)
        return Sent(answer, series)

    async def _arrived(self, access: Access, start: Start, series: Series) -> bool:
        try:
            tips = await self._book.refresh(access)
        except GitError:
            return False
        return tips.heads.get(start.branch) == series.tip
