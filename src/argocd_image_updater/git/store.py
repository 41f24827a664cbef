"""Brings a commit's files from the remote into the mirror when they are not here, and reads them.

Invariant: a mirror that turns out to be damaged is thrown away and built anew, once per operation;
a server is asked only for what is missing: one fetch for a new tip, one more for files that the
size limit held back. Packs do not pile up, and a mirror that grew makes others go.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.errors import shorten
from argocd_image_updater.git.failures import (
    DamagedMirrorError,
    GitError,
    disk_error,
    disk_words,
    sentence,
)
from argocd_image_updater.git.objects import build_pack, object_format
from argocd_image_updater.git.process import Surroundings
from argocd_image_updater.git.reader import open_reader
from argocd_image_updater.git.remote import (
    CommitNotGivenError,
    FetchTooLargeError,
    fetch_commit,
    fetch_objects,
)
from argocd_image_updater.git.tree import Tree, load_tree
from argocd_image_updater.git.upkeep import keep_up

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from argocd_image_updater.git.access import Access
    from argocd_image_updater.git.cache import MirrorCache
    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.objects import StoredObject
    from argocd_image_updater.git.process import GitRunner
    from argocd_image_updater.git.settings import GitSettings, GitStatistics


@dataclass(frozen=True, slots=True)
class Checkout:
    """The wanted part of a commit; commit differs from the one asked for when the branch moved."""

    commit: str
    parents: tuple[str, ...]
    tree: Tree


class ObjectStore:
    """Reads commits through mirrors and stores new objects in them."""

    def __init__(
        self,
        runner: GitRunner,
        *,
        settings: GitSettings,
        cache: MirrorCache,
        statistics: GitStatistics,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._cache = cache
        self._statistics = statistics

    async def load(
        self, access: Access, *, branch: str, commit: str, paths: Collection[str]
    ) -> Checkout:
        """Return what stands at the paths in a commit, the tip of a branch of the remote."""
        try:
            return await self._load(access, branch=branch, commit=commit, paths=paths)
        except DamagedMirrorError:
            self.rebuild(access.mirror)
        try:
            return await self._load(access, branch=branch, commit=commit, paths=paths)
        except DamagedMirrorError as error:
            raise GitError(
                FailureKind.TRANSIENT,
                f"{access.shown}: what the server sent cannot be read: {shorten(str(error))}",
            ) from error

    def rebuild(self, mirror: Mirror) -> None:
        """Throw a damaged mirror away."""
        self._statistics.rebuilt_mirrors += 1
        mirror.discard()

    async def add(self, access: Access, objects: Mapping[str, StoredObject]) -> None:
        """Store new objects as one pack."""
        mirror = access.mirror
        pack = await asyncio.to_thread(build_pack, list(objects.values()), mirror.object_format)
        output = await self._runner.run(
            [f"--git-dir={mirror.repo}", "index-pack", "--stdin"],
            Surroundings(keep_open=mirror.keep_open),
            stdin=pack,
        )
        if not output.ok:
            if why := disk_words(output.stderr):
                raise disk_error(why, where=access.shown)
            raise DamagedMirrorError(sentence(output.stderr))
        self._statistics.sent_bytes += len(pack)
        await self._cache.make_room(mirror)

    async def _load(
        self, access: Access, *, branch: str, commit: str, paths: Collection[str]
    ) -> Checkout:
        mirror = access.mirror
        mirror.prepare(object_format(commit))
        await keep_up(mirror, self._runner, branches=access.known_tips().heads)
        if mirror.tip(branch) != commit:
            commit = await self._fetch(access, branch=branch, commit=commit)
        checkout, missing = await self._read(mirror, commit, paths=paths)
        if not missing:
            return checkout
        self._statistics.fetches += 1
        before = mirror.size_bytes()
        await fetch_objects(self._runner, access.connection, mirror, object_ids=sorted(missing))
        await self._note_growth(mirror, before)
        checkout, missing = await self._read(mirror, commit, paths=paths)
        if missing:
            raise DamagedMirrorError(f"{len(missing)} files did not come")
        return checkout

    async def _read(
        self, mirror: Mirror, commit: str, *, paths: Collection[str]
    ) -> tuple[Checkout, set[str]]:
        async with open_reader(mirror, self._runner) as reader:
            fact = await reader.read_commit(commit)
            tree, missing = await load_tree(reader, fact.tree, paths)
        return Checkout(commit, fact.parents, tree), missing

    async def _fetch(self, access: Access, *, branch: str, commit: str) -> str:
        """Fetch by id; by name where the server does not give the id out or no longer has it."""
        before = access.mirror.size_bytes()
        for source in (commit, branch):
            try:
                came = await self._fetch_source(access, source=source, branch=branch)
            except CommitNotGivenError:
                continue
            await self._note_growth(access.mirror, before)
            return came
        raise GitError(
            FailureKind.NOT_FOUND,
            f"{access.shown}: branch {branch} vanished while it was read: look again next cycle",
        )

    async def _fetch_source(self, access: Access, *, source: str, branch: str) -> str:
        """Fetch a commit with its small files, or without any where those are too much together."""
        mirror, settings = access.mirror, self._settings
        fetch = functools.partial(
            fetch_commit, self._runner, access.connection, mirror, source=source, branch=branch
        )
        self._statistics.fetches += 1
        try:
            return await fetch(
                limit=settings.blob_limit_bytes, most_bytes=settings.fetch_limit_bytes
            )
        except FetchTooLargeError:
            mirror.remove_stale_files()
        self._statistics.fetches += 1
        return await fetch(limit=0, most_bytes=0)

    async def _note_growth(self, mirror: Mirror, before_bytes: int) -> None:
        self._statistics.received_bytes += mirror.size_bytes() - before_bytes
        await self._cache.make_room(mirror)
