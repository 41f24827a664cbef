"""Paths inside a repository: relative, inside the tree, never into Git's own folder.

Pure. A path that leaves the tree or enters ``.git`` (in any spelling that a file system may take
for it) is refused before anything is read; links are refused where the tree is walked.
"""

from __future__ import annotations

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError

PATH_LIMIT_BYTES = 4096  # longest path that file systems take
PART_LIMIT_BYTES = 255  # longest file name that file systems take

# Characters that HFS+ ignores in names: ".g\u200cit" is ".git" there.
_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_GIT_NAMES = {".git", "git~1"}

Parts = tuple[bytes, ...]


def split_path(path: str) -> Parts:
    """Return the parts of a path; empty for the root. GitError(REFUSED) when it is not allowed."""
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part == "..":
            if not parts:
                raise _refused(path, "leads out of the repository")
            parts.pop()
            continue
        parts.append(part)
    for part in parts:
        _check_part(part, path)
    if len(path.encode(errors="surrogateescape")) > PATH_LIMIT_BYTES:
        raise _refused(path[:80] + "…", "is too long")
    return tuple(part.encode(errors="surrogateescape") for part in parts)


def join_parts(parts: Parts) -> str:
    """Return the path for people."""
    return b"/".join(parts).decode("utf-8", "surrogateescape") or "."


def _check_part(part: str, path: str) -> None:
    if "\0" in part:
        raise _refused(path.replace("\0", "?"), "has a zero byte")
    if len(part.encode(errors="surrogateescape")) > PART_LIMIT_BYTES:
        raise _refused(path[:80] + "…", "has a name that is too long")
    plain = part.split(":", 1)[0].translate(_IGNORED).lower().rstrip(". ")
    if plain in _GIT_NAMES:
        raise _refused(path, "leads into Git's own folder")


def _refused(path: str, why: str) -> GitError:
    return GitError(
        FailureKind.REFUSED, f"path {path!r} {why}: choose a file inside the repository"
    )
