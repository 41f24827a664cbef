"""The Git engine: tips, files and pushes of many branches, without a work tree.

Invariants: one question per repository, identity and cycle; a fetch only when the tip is not here;
all commits of a batch in one push with an expected old value. A rejected push leads to a new
computation on the new tip, so the result is always what the edits say of the branch as it is; a
push whose answer was lost is looked up at the remote. No commit is ever dropped but the one that a
batch names as its own, and an edit that finds its work done makes no commit, so repeating after a
crash is harmless.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind, FileFact
from argocd_image_updater.errors import ConfigError, UpdaterError
from argocd_image_updater.git.access import Access, AccessBook, resolve_branch
from argocd_image_updater.git.batch import PushBatch, PushResult
from argocd_image_updater.git.cache import MirrorCache
from argocd_image_updater.git.commit import Series, checked_identity, make_series
from argocd_image_updater.git.failures import GitError, disk_error
from argocd_image_updater.git.mirror import remove_left_keys
from argocd_image_updater.git.outcomes import (
    carried_over,
    failed_result,
    pushed_result,
    unpushed_result,
)
from argocd_image_updater.git.process import GitRunner
from argocd_image_updater.git.push import PushVerdict
from argocd_image_updater.git.refs import HEADS, branch_fault, short_branch
from argocd_image_updater.git.sending import Sender, Start
from argocd_image_updater.git.settings import GitSettings, GitStatistics
from argocd_image_updater.git.store import Checkout, ObjectStore
from argocd_image_updater.git.urls import mask_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
    from pathlib import Path

    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.git.api_push import ApiCommits
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.secrets import SecretSource
    from argocd_image_updater.git.signing import Signer
    from argocd_image_updater.git.tokens.interface import TokenExchange

# Each has a git process or two; more of them would only wait for each other.
REPOSITORIES_AT_ONCE = 32


def _anybody() -> None: ...


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest commit of a branch; branch is its full name."""

    branch: str
    commit: str


def _prepared_home(root: Path) -> Path:
    """Return the folder in which commands run; what a killed process left of keys goes."""
    home = root / "home"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_left_keys(root)
    except OSError as error:
        raise ConfigError(
            f"{home} cannot be made: {error.strerror}; make room there or name another --state-dir"
        ) from error
    return home


class GitEngine:
    """Reads from and writes to Git repositories; safe for many tasks of one event loop.

    signer: signs every commit that git makes. api: has commits made by a forge that can.
    check_turn: called right before each push; an UpdaterError from it is why nothing is pushed.
    """

    def __init__(
        self,
        settings: GitSettings,
        *,
        secrets: SecretSource,
        random: Callable[[], float],
        controller_namespace: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        exchange: TokenExchange | None = None,
        signer: Signer | None = None,
        api: ApiCommits | None = None,
        check_turn: Callable[[], None] = _anybody,
    ) -> None:
        self._settings = settings
        self._identity = checked_identity(
            settings.user_name, settings.user_email, sign_off=settings.sign_off
        )
        self._random = random
        self._sleep = sleep
        self._now = now
        self.statistics = GitStatistics()
        self._turns = asyncio.Semaphore(REPOSITORIES_AT_ONCE)
        root = settings.state_dir / "git"
        runner = GitRunner(
            _prepared_home(root),
            settings.variables,
            timeout_s=settings.timeout_s,
            kill_after_s=settings.kill_after_s,
        )
        self._cache = MirrorCache(root, settings.cache_bytes, statistics=self.statistics)
        self._book = AccessBook(
            settings,
            runner=runner,
            secrets=secrets,
            controller_namespace=controller_namespace,
            statistics=self.statistics,
            exchange=exchange,
            cache=self._cache,
        )
        self._store = ObjectStore(
            runner, settings=settings, cache=self._cache, statistics=self.statistics
        )
        self._sender = Sender(
            runner,
            store=self._store,
            book=self._book,
            check_turn=check_turn,
            statistics=self.statistics,
            signer=signer,
            api=api,
        )

    def begin_cycle(self) -> None:
        """Forget tips and credentials: the next question asks the remotes again."""
        self._book.begin_cycle()

    def close(self) -> None:
        """Give the mirrors up for other processes."""
        self._book.close()

    def take_trouble(self) -> str:
        """Return once what a user should know about the mirrors."""
        return self._cache.take_trouble()

    async def connection(self, key: BranchKey) -> Connection:
        """Return how a repository is reached; GitError when it is not."""
        async with self._turn(key):
            access = await self._book.open(key)
        return access.connection

    async def tip(self, key: BranchKey) -> Tip | Failure:
        """Return the newest commit of a branch."""
        try:
            async with self._turn(key):
                access = await self._book.open(key)
                branch = resolve_branch(access, key.branch)
        except GitError as error:
            return error.failure
        return Tip(branch, access.known_tips().heads[branch])

    async def branches(self, key: BranchKey) -> Mapping[str, str] | Failure:
        """Return the commits of all branches of a repository, by full name."""
        try:
            async with self._turn(key):
                access = await self._book.open(key)
        except GitError as error:
            return error.failure
        return access.known_tips().heads

    async def read(
        self, key: BranchKey, paths: Collection[str]
    ) -> Mapping[str, FileFact | Failure]:
        """Return what stands at the paths at the tip of a branch."""
        try:
            async with self._turn(key):
                access = await self._book.open(key)
                async with access.mirror.lock:
                    _, checkout = await self._load(access, PushBatch(key, ()), paths=paths)
        except GitError as error:
            return dict.fromkeys(paths, error.failure)
        return {path: checkout.tree.fact(path) for path in paths}

    async def preview(self, batch: PushBatch) -> PushResult:
        """Compute what `push` would write, without writing anything anywhere."""
        try:
            async with self._turn(batch.base):
                access = await self._book.open(batch.base)
                async with access.mirror.lock:
                    start, checkout = await self._load(access, batch)
                    series = await self._compute(checkout, batch)
        except UpdaterError as error:
            return failed_result(batch, error)
        return PushResult(series.results, start.branch, series.tip or start.commit)

    async def push(self, batch: PushBatch) -> PushResult:
        """Write all commits of a batch with one push; every outcome is in the result."""
        try:
            async with self._turn(batch.base):
                access = await self._book.open(batch.base)
                async with access.mirror.lock:
                    return await self._push(access, batch)
        except UpdaterError as error:
            return failed_result(batch, error)

    @asynccontextmanager
    async def _turn(self, key: BranchKey) -> AsyncIterator[None]:
        """Work on one repository beside a bounded number of others; a full disk is a GitError."""
        async with self._turns:
            try:
                yield
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise disk_error(why, where=mask_url(key.repository)) from error

    async def _push(self, access: Access, batch: PushBatch) -> PushResult:
        earlier: Series | None = None
        attempt = 1
        while True:
            start, checkout = await self._load(access, batch)
            default = access.known_tips().default
            series = await self._compute(checkout, batch)
            if earlier is not None:
                arrived = earlier.tip in {*checkout.parents, checkout.commit}
                series = carried_over(earlier, series, has_tip=arrived)
            if not series.tip:
                return PushResult(series.results, start.branch, start.commit, attempt - 1)
            sent = await self._sender.send(access, start, series, commits=batch.commits)
            series, answer = sent.series, sent.answer
            if answer.verdict is PushVerdict.ACCEPTED:
                pushed = pushed_result(series, branch=start.branch, attempts=attempt)
                return replace(pushed, is_default=start.branch == default)
            if answer.verdict is PushVerdict.REFUSED or attempt >= self._settings.push_attempts:
                assert answer.error is not None, "only an accepted push has no error"
                return unpushed_result(
                    series, branch=start.branch, error=answer.error, attempts=attempt
                )
            earlier = series
            attempt = await self._wait_for_tips(access, attempt)

    async def _load(
        self, access: Access, batch: PushBatch, *, paths: Collection[str] | None = None
    ) -> tuple[Start, Checkout]:
        """Find where the batch begins and load what stands at its paths there."""
        wanted = {path for planned in batch.commits for path in planned.paths}
        await self._book.ensure_tips(access)  # a push by another identity may have voided them
        start = _start(access, batch)
        checkout = await self._store.load(
            access,
            branch=start.source,
            commit=start.commit,
            paths=wanted if paths is None else paths,
        )
        if checkout.commit != start.commit:
            access.note_tip(start.source, checkout.commit)
            start = _start(access, batch)
        return start, checkout

    async def _compute(self, checkout: Checkout, batch: PushBatch) -> Series:
        """Run the edits beside the event loop: they are pure, and may be long together."""
        return await asyncio.to_thread(
            make_series,
            checkout.tree,
            checkout.commit,
            commits=batch.commits,
            identity=self._identity,
            time_s=int(self._now()),
        )

    async def _wait_for_tips(self, access: Access, attempt: int) -> int:
        """Pause and ask for the tips again; return the number of the next attempt.

        The pauses are random and grow, so that rivals do not keep step; a server that is away for
        a moment uses up attempts like a rejected push.
        """
        while True:
            pause_s = self._settings.pause_s * 2 ** (attempt - 1) * (0.5 + self._random())
            await self._sleep(pause_s)
            attempt += 1
            try:
                await self._book.refresh(access)
            except GitError as error:
                if (
                    error.kind is not FailureKind.TRANSIENT
                    or attempt >= self._settings.push_attempts
                ):
                    raise
            else:
                return attempt


def _start(access: Access, batch: PushBatch) -> Start:
    """Return where a batch begins: the push branch if it is there to be kept, else the base."""
    base = resolve_branch(access, batch.base.branch)
    heads = access.known_tips().heads
    if not batch.push_branch:
        return Start(base, heads[base], base, heads[base])
    short = short_branch(batch.push_branch)
    if fault := branch_fault(short):
        raise GitError(
            FailureKind.CONFIG,
            f"push branch {short!r} for {access.shown} is not a branch name: {fault}",
        )
    branch = HEADS + short
    expected = heads.get(branch, "")
    source = branch if expected and expected != batch.replaces else base
    return Start(branch, heads[source], source, expected)
