"""Paths inside a Git repository: joined, cleaned and kept inside.

Everything here is lexical; links are refused where the tree is read. A path that leaves the
repository, enters ``.git`` or holds control characters is no path.

Source of the rules: docs/write-back.md, tests/vectors/data/write_back_target.json.
"""

from __future__ import annotations

from argocd_image_updater.errors import ConfigError, shorten

_CONTROL_LIMIT = 0x20


class PathOutside(ConfigError):
    """A path leads out of the repository or into its administration."""


def join(*parts: str) -> str:
    """Join with ``/`` and clean: no ``.``, no double slash, ``..`` resolved where it can be.

    A leading slash and a leading ``..`` survive; nothing left is the empty text.
    """
    text = "/".join(part for part in parts if part)
    is_absolute = text.startswith("/")
    kept: list[str] = []
    for segment in text.split("/"):
        if segment in ("", "."):
            continue
        if segment == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif segment != ".." or not is_absolute:
            kept.append(segment)
    return ("/" if is_absolute else "") + "/".join(kept)


def inside(path: str) -> str:
    """Return `path` clean and relative to the repository root; the root itself is ``.``."""
    cleaned = join(path.lstrip("/"))
    segments = cleaned.split("/")
    if segments[0] == "..":
        raise PathOutside(f"path {shorten(path)!r} leaves the repository")
    if any(segment.lower() == ".git" for segment in segments):
        raise PathOutside(f"path {shorten(path)!r} leads into the Git administration")
    if any(ord(character) < _CONTROL_LIMIT for character in cleaned):
        raise PathOutside(f"path {shorten(path)!r} holds a control character")
    return cleaned or "."


def base_name(path: str) -> str:
    """Return what stands behind the last slash."""
    return path.rpartition("/")[2]
