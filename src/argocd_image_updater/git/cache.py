"""All mirrors of a state folder: opened, used, and removed when idle or when room is needed.

Invariants: who fetched last keeps its mirror, and others go in the order in which they were last
used until all together are within the limit; a mirror that is being worked on stays, and so does
one of another process. What goes can be fetched again, so an eviction costs time only. Mirrors that
an earlier process has left count too. Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from typing import TYPE_CHECKING

from argocd_image_updater.git.mirror import Mirror, open_mirror, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from argocd_image_updater.git.settings import GitStatistics

# A mirror that nobody has asked for in this time goes: another cold fetch costs less than its room.
IDLE_MIRROR_S = 24 * 60 * 60
_FOLDER = re.compile(r"[0-9a-f]{24}(\.[0-9]+)?")


class MirrorCache:
    """The mirrors of a process. monotonic: seconds; unix: seconds, for what is kept on the disk."""

    def __init__(
        self,
        root: Path,
        limit_bytes: int,
        *,
        statistics: GitStatistics,
        monotonic: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._limit_bytes = limit_bytes
        self._statistics = statistics
        self._monotonic = monotonic
        self._unix = unix
        self._mirrors: dict[str, Mirror] = {}
        self._used_s: dict[str, float] = {}
        self._left: dict[Path, float] | None = None
        self._sizes: dict[Path, int] = {}
        self._in_use: set[Path] = set()
        self._refetched = 0

    def open(self, identity: str) -> Mirror:
        """Return the mirror of a repository, and note that it is used."""
        mirror = self._mirrors.get(identity)
        if mirror is None:
            mirror = open_mirror(self._root, identity)
            self._mirrors[identity] = mirror
        self._used_s[identity] = self._monotonic()
        self._in_use.add(mirror.folder)
        mirror.note_use(self._unix())
        return mirror

    def begin_cycle(self) -> None:
        """Let go of the mirrors that nobody uses any more."""
        self._in_use = set()
        idle_since_s = self._monotonic() - IDLE_MIRROR_S
        for identity in [name for name, at_s in self._used_s.items() if at_s < idle_since_s]:
            del self._used_s[identity]
            mirror = self._mirrors.pop(identity)
            if not mirror.lock.locked():  # else left by a cycle that was cut off
                mirror.discard()
                self._sizes.pop(mirror.folder, None)
            mirror.close()

    def close(self) -> None:
        """Give all mirrors up for other processes."""
        for mirror in self._mirrors.values():
            mirror.close()
        self._mirrors = {}
        self._used_s = {}

    def take_trouble(self) -> str:
        """Say once that the room is too small for what one cycle uses."""
        count, self._refetched = self._refetched, 0
        if not count:
            return ""
        return (
            f"the Git cache of {self._limit_bytes >> 20} MiB is too small for the repositories of "
            f"one cycle: {count} of them must be fetched again; raise --git-cache-size"
        )

    async def make_room(self, mirror: Mirror) -> None:
        """Take note that a mirror grew, and remove others while all take more than the limit."""
        if self._left is None:
            self._left, self._sizes = await asyncio.to_thread(self._look_around)
        self._sizes[mirror.folder] = await asyncio.to_thread(mirror_bytes, mirror.folder)
        total = sum(self._sizes.values())
        for folder, other in self._oldest_first():
            if total <= self._limit_bytes:
                return
            if folder == mirror.folder or not self._sizes.get(folder):
                continue
            if await self._evict(folder, other):
                total -= self._sizes.pop(folder)

    def _oldest_first(self) -> list[tuple[Path, Mirror | None]]:
        """Return what may go: first what earlier processes have left, then the own mirrors."""
        assert self._left is not None, "looked around before"
        own = {mirror.folder for mirror in self._mirrors.values()}
        left = sorted((at_s, folder) for folder, at_s in self._left.items() if folder not in own)
        used = sorted(self._used_s, key=self._used_s.__getitem__)
        return [
            *((folder, None) for _, folder in left),
            *((self._mirrors[name].folder, self._mirrors[name]) for name in used),
        ]

    async def _evict(self, folder: Path, mirror: Mirror | None) -> bool:
        """Remove the objects of a mirror; False when somebody works with it."""
        if mirror is None:
            gone = await asyncio.to_thread(_remove_left, folder)
        elif gone := not mirror.lock.locked():
            async with mirror.lock:
                await asyncio.to_thread(mirror.discard)
            self._refetched += folder in self._in_use
        self._statistics.evicted_mirrors += gone
        return gone

    def _look_around(self) -> tuple[dict[Path, float], dict[Path, int]]:
        """Return last use and size of the mirrors that stand here; the idle ones are removed."""
        left: dict[Path, float] = {}
        sizes: dict[Path, int] = {}
        for folder in self._root.iterdir():
            if not _FOLDER.fullmatch(folder.name):
                continue
            with contextlib.suppress(OSError):
                used_s = (folder / "lock").stat().st_mtime
                if used_s < self._unix() - IDLE_MIRROR_S and _remove_left(folder):
                    continue
                left[folder], sizes[folder] = used_s, mirror_bytes(folder)
        return left, sizes


def mirror_bytes(folder: Path) -> int:
    """Return what the packs of a mirror and their indexes take."""
    with contextlib.suppress(OSError), os.scandir(folder / "repo" / "objects" / "pack") as found:
        return sum(entry.stat().st_size for entry in found)
    return 0


def _remove_left(folder: Path) -> bool:
    """Remove the objects of a mirror of an earlier process, unless another process has it."""
    descriptor = take_lock(folder)
    if descriptor is None:
        return False
    mirror = Mirror(folder, descriptor)
    try:
        mirror.discard()
    finally:
        mirror.close()
    return True
