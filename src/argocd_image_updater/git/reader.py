"""Reads objects of a mirror through one ``git cat-file --batch-command`` process per read.

Invariant: reading never asks the network; an object that is not here is reported as missing. The
process sees the mirror's objects through a view without a remote, see mirror.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import DamagedMirrorError, GitError
from argocd_image_updater.git.objects import CommitFact, Entry, parse_commit, parse_tree
from argocd_image_updater.git.process import Surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitRunner

OBJECT_LIMIT_BYTES = 64 << 20  # a folder with a million files; nothing sane is larger


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """Type and size of an object."""

    kind: str
    size_bytes: int


class ObjectReader:
    """Questions to one running ``cat-file``; many are sent at once, answers come in order."""

    def __init__(self, process: asyncio.subprocess.Process, algorithm: str) -> None:
        assert process.stdin
        assert process.stdout
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._algorithm = algorithm

    async def read_infos(self, object_ids: Collection[str]) -> dict[str, ObjectInfo]:
        """Return type and size of the objects that are here."""
        self._ask("info", object_ids)
        found = {}
        for object_id in object_ids:
            if (info := await self._header()) is not None:
                found[object_id] = info
        return found

    async def read_contents(self, object_ids: Collection[str]) -> dict[str, tuple[str, bytes]]:
        """Return type and content of the objects that are here."""
        self._ask("contents", object_ids)
        found = {}
        for object_id in object_ids:
            info = await self._header()
            if info is not None:
                _check_size(object_id, info)
                content = await self._exactly(info.size_bytes + 1)
                found[object_id] = (info.kind, content[:-1])
        return found

    async def read_commit(self, commit: str) -> CommitFact:
        """Return tree and parents of a commit that must be here."""
        content = await self._read_all([commit], "commit")
        try:
            return parse_commit(content[commit])
        except ValueError as error:
            raise DamagedMirrorError(f"commit {commit} is damaged: {error}") from None

    async def read_trees(self, trees: Collection[str]) -> dict[str, dict[bytes, Entry]]:
        """Return the entries of trees that must be here."""
        contents = await self._read_all(list(dict.fromkeys(trees)), "tree")
        try:
            return {name: parse_tree(text, self._algorithm) for name, text in contents.items()}
        except ValueError as error:
            raise DamagedMirrorError(f"a tree is damaged: {error}") from None

    async def _read_all(self, object_ids: Collection[str], kind: str) -> dict[str, bytes]:
        contents = await self.read_contents(object_ids)
        for object_id in object_ids:
            if contents.get(object_id, ("",))[0] != kind:
                raise DamagedMirrorError(f"{kind} {object_id} is missing")
        return {name: content for name, (_, content) in contents.items()}

    def _ask(self, command: str, object_ids: Collection[str]) -> None:
        """Hand all questions to the event loop, which writes them while answers are read."""
        self._stdin.write("".join(f"{command} {name}\n" for name in object_ids).encode("ascii"))

    async def _header(self) -> ObjectInfo | None:
        try:
            line = await self._stdout.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise DamagedMirrorError("cat-file ended before its answer") from None
        words = line.decode("ascii", "replace").split()
        if len(words) == 2 and words[1] == "missing":  # noqa: PLR2004 - "<id> missing"
            return None
        if len(words) != 3 or not words[2].isdecimal():  # noqa: PLR2004 - "<id> <type> <size>"
            raise DamagedMirrorError("cat-file gave an answer of another form")
        return ObjectInfo(words[1], int(words[2]))

    async def _exactly(self, count: int) -> bytes:
        try:
            return await self._stdout.readexactly(count)
        except asyncio.IncompleteReadError:
            raise DamagedMirrorError("cat-file ended inside an object") from None


def _check_size(object_id: str, info: ObjectInfo) -> None:
    if info.size_bytes > OBJECT_LIMIT_BYTES:
        size = OBJECT_LIMIT_BYTES >> 20
        raise GitError(
            FailureKind.UNUSABLE, f"{info.kind} {object_id} is larger than {size} MiB: not read"
        )


@contextlib.asynccontextmanager
async def open_reader(mirror: Mirror, runner: GitRunner) -> AsyncIterator[ObjectReader]:
    """Start the one process of a read; a read has the time limit of a command."""
    around = Surroundings(
        {"GIT_OBJECT_DIRECTORY": str(mirror.repo / "objects")}, keep_open=mirror.keep_open
    )
    arguments = [f"--git-dir={mirror.reader}", "cat-file", "--batch-command"]
    try:
        async with runner.start(arguments, around) as process, asyncio.timeout(runner.timeout_s):
            yield ObjectReader(process, mirror.object_format)
    except TimeoutError:
        raise GitError(
            FailureKind.TRANSIENT, f"git cat-file: timeout after {runner.timeout_s:g}s"
        ) from None
