"""Notice that files have changed, without reading them.

A stamp is taken of the file that a path leads to, so a ConfigMap or Secret volume, which swaps one
symbolic link (``..data``) for all its files, is noticed like an edit in place.
Source: https://kubernetes.io/docs/concepts/configuration/configmap/ (mounted ConfigMaps are updated
automatically).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Which file it is, and when and how large it was last written."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int


def take_stamps(paths: Iterable[Path]) -> Mapping[Path, FileStamp | None]:
    """Return the stamp of every path, None where there is no file; blocks on the disk."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> FileStamp | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FileStamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
