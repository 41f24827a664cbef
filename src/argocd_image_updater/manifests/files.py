"""Find the manifest files of folders: in a fixed order, bounded, and never outside.

A symbolic link counts only if it leads to a file inside the folder that was named. What Git and
mounted volumes keep beside the files is passed over.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# A manifest is some kilobytes; etcd takes no object above 1.5 MB.
FILE_SIZE_LIMIT_BYTES = 8 * 1024 * 1024
FILE_COUNT_LIMIT = 20_000
MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
REGISTRIES_FILE = "registries.conf"
REGISTRIES_EXTRA_FILE = "registries.extra.conf"
_REGISTRIES_FILES = frozenset((REGISTRIES_FILE, REGISTRIES_EXTRA_FILE))


@dataclass(slots=True)
class FoundFiles:
    """Manifest files and registries files in order, and what was left out."""

    manifests: list[Path] = field(default_factory=list)
    registries: list[Path] = field(default_factory=list)
    registries_extra: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_files(folders: Sequence[Path]) -> FoundFiles:
    """Return the files of all folders; a folder may also be one file."""
    found = FoundFiles()
    seen: set[Path] = set()
    for folder in folders:
        if folder.is_file():
            _list_of(found, folder).append(folder)
            continue
        if not folder.is_dir():
            raise ConfigError(
                f'manifests: there is no folder or file "{folder}"',
                hint=f"correct --manifests; it was looked for in {Path.cwd()}"
                if not folder.is_absolute()
                else "correct --manifests",
            )
        root = folder.resolve()
        for path in _walk(folder, found.warnings):
            if not _accept(path, root, seen=seen, warnings=found.warnings):
                continue
            _list_of(found, path).append(path)
            if len(found.manifests) > FILE_COUNT_LIMIT:
                raise ConfigError(f"manifests: more than {FILE_COUNT_LIMIT} files in {folder}")
    return found


def read_text(path: Path) -> str:
    """Return the text of a file, or raise ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > FILE_SIZE_LIMIT_BYTES:
        raise ConfigError(f"{path} is larger than {FILE_SIZE_LIMIT_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8") from None


def _list_of(found: FoundFiles, path: Path) -> list[Path]:
    if path.name == REGISTRIES_EXTRA_FILE:
        return found.registries_extra
    return found.registries if path.name == REGISTRIES_FILE else found.manifests


def _walk(folder: Path, warnings: list[str]) -> Iterator[Path]:
    def tell(error: OSError) -> None:
        warnings.append(f"{error.filename} cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=tell):
        if _is_git_directory(folders, names):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name != ".git" and name[:2] != "..")
        for name in sorted(names):
            if name.endswith(MANIFEST_SUFFIXES) or name in _REGISTRIES_FILES:
                yield Path(place, name)


def _is_git_directory(folders: Iterable[str], names: Iterable[str]) -> bool:
    return "HEAD" in names and {"objects", "refs"} <= set(folders)


def _accept(path: Path, root: Path, *, seen: set[Path], warnings: list[str]) -> bool:
    """Say whether a file is a plain one inside the root that was not met before."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        warnings.append(f"{path} is ignored: the link leads nowhere")
        return False
    if not real.is_relative_to(root):
        warnings.append(f"{path} is ignored: the link leads out of the folder")
        return False
    if real in seen or not real.is_file():
        return False
    seen.add(real)
    return True
