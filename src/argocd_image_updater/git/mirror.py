"""The local mirror of one repository: a bare, shallow object store that survives restarts.

Layout below ``<state>/git/<hash of the repository>``: ``repo`` (what git fetches into and pushes
from), ``reader`` (a second view of the same objects that knows no remote, so that reading a missing
object never asks the network), ``lock``. Invariants: one process owns a mirror, by a lock that its
git children hold too; a second process gets a mirror of its own. Whatever a crash leaves behind is
removed or the mirror is built anew: it holds nothing that cannot be fetched again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.connection import PRIVATE_PREFIX
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.packs import remove_half_packs

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SLOT_LIMIT = 64  # processes that may work on one repository at the same time
_NAME_LENGTH = 24

_REPO_CONFIG = """\
[core]
\trepositoryformatversion = 1
\tbare = true
[extensions]
\tobjectFormat = {object_format}
\tpartialClone = origin
[remote "origin"]
\tpromisor = true
\tpartialclonefilter = blob:none
"""
_READER_CONFIG = """\
[core]
\trepositoryformatversion = 1
\tbare = true
[extensions]
\tobjectFormat = {object_format}
"""


class Mirror:
    """The mirror of one repository, owned by this process.

    lock: held by whoever changes or reads it. object_format: ``sha1``, ``sha256``, empty when the
    mirror is not built yet. redirected: the server was seen to redirect.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.reader = folder / "reader"
        self.lock = asyncio.Lock()
        self.redirected = False
        self._descriptor = descriptor
        self.object_format = self._built_format()

    @property
    def keep_open(self) -> tuple[int, ...]:
        """The descriptor of the lock, for git's processes to hold."""
        return (self._descriptor,)

    def prepare(self, object_format: str) -> None:
        """Build the mirror unless it stands, and remove what a killed command left behind."""
        if self.object_format != object_format:
            self.discard()
            self._build(object_format)
        self.remove_stale_files()

    def discard(self) -> None:
        """Throw the objects away; the next `prepare` begins anew."""
        self.object_format = ""
        for path in (self.repo, self.reader):
            if path.is_symlink() or path.is_file():
                path.unlink()
            shutil.rmtree(path, ignore_errors=True)

    def tip(self, branch: str) -> str:
        """Return the commit of a branch that is here with its tree, empty when there is none."""
        try:
            return self._tip_file(branch).read_text("ascii").strip()
        except (OSError, ValueError):
            return ""

    def set_tip(self, branch: str, commit: str) -> None:
        """Remember that a commit is here; later fetches then only bring what differs."""
        path = self._tip_file(branch)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(commit + "\n", "ascii")
        fresh.replace(path)

    def keep_tips(self, branches: Collection[str]) -> None:
        """Forget the tips of all other branches."""
        kept = {self._tip_file(branch) for branch in branches}
        for path in self.repo.glob("refs/tips/*"):
            if path not in kept:
                path.unlink(missing_ok=True)

    def tip_ref(self, branch: str) -> str:
        """Return the name of the local ref that stands for a branch."""
        return str(self._tip_file(branch).relative_to(self.repo))

    def size_bytes(self) -> int:
        """Return the size of all packs."""
        return sum(path.stat().st_size for path in self._packs())

    def pack_count(self) -> int:
        """Return the number of packs, which grows with each fetch and push."""
        return len(self._packs())

    def draft_bytes(self) -> int:
        """Return the size of what a running fetch has written."""
        total = 0
        for path in self.repo.glob("objects/pack/tmp_pack_*"):
            with contextlib.suppress(OSError):  # just completed
                total += path.stat().st_size
        return total

    def note_use(self, unix_s: float) -> None:
        """Leave the time of this use for later processes, who look for what may go."""
        os.utime(self._descriptor, (unix_s, unix_s))

    def remove_stale_files(self) -> None:
        """Remove locks and half-written files of commands that were killed."""
        refs = list(self.repo.glob("refs/**/*.lock"))
        for path in [*self.repo.glob("*.lock"), *refs]:
            path.unlink(missing_ok=True)
        remove_half_packs(self.repo / "objects" / "pack")

    def close(self) -> None:
        """Give the mirror up for other processes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _tip_file(self, branch: str) -> Path:
        name = hashlib.sha256(branch.encode(errors="surrogateescape")).hexdigest()
        return self.repo / "refs" / "tips" / name[:_NAME_LENGTH]

    def _packs(self) -> list[Path]:
        return list(self.repo.glob("objects/pack/*.pack"))

    def _built_format(self) -> str:
        """Return the format of a mirror that stands complete, empty for any other."""
        for name in ("sha1", "sha256"):
            texts = (_REPO_CONFIG, self.repo), (_READER_CONFIG, self.reader)
            with contextlib.suppress(OSError, ValueError):
                if all(
                    (view / "config").read_text("ascii") == text.format(object_format=name)
                    and (view / "HEAD").is_file()
                    for text, view in texts
                ):
                    return name
        return ""

    def _build(self, object_format: str) -> None:
        """Write the few files that make a bare repository; the config, read as proof, last."""
        for view, text in ((self.repo, _REPO_CONFIG), (self.reader, _READER_CONFIG)):
            for name in ("refs", "objects/pack", "objects/info"):
                (view / name).mkdir(mode=0o700, parents=True)
            (view / "HEAD").write_text("ref: refs/heads/none\n", "ascii")
            (view / "config").write_text(text.format(object_format=object_format), "ascii")
        self.object_format = object_format


def open_mirror(root: Path, identity: str) -> Mirror:
    """Return a mirror of the repository that no other process uses."""
    name = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:_NAME_LENGTH]
    for slot in range(SLOT_LIMIT):
        folder = root / (name if slot == 0 else f"{name}.{slot}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = take_lock(folder)
        if descriptor is None:
            continue
        _remove_private_files(folder)
        return Mirror(folder, descriptor)
    raise GitError(
        FailureKind.TRANSIENT,
        f"{SLOT_LIMIT} processes use the mirror {root / name} already: end some of them",
    )


def remove_left_keys(root: Path) -> None:
    """Remove private files of commands whose process was killed, in whichever mirror; blocks."""
    for folder in {left.parent for left in root.glob(f"*/{PRIVATE_PREFIX}*")}:
        descriptor = take_lock(folder)
        if descriptor is not None:  # else somebody works with it, and removes them
            _remove_private_files(folder)
            os.close(descriptor)


def _remove_private_files(folder: Path) -> None:
    for left in folder.glob(f"{PRIVATE_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def take_lock(folder: Path) -> int | None:
    """Return the descriptor of a mirror's lock, None while another process has it.

    The file of the lock stays for ever: removed, it could be locked twice under one name.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
