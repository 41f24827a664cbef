"""The part of a commit's tree that matters, in memory: read once, written by many commits.

Invariants: a path is walked entry by entry, so a link or a submodule anywhere on it is seen and
refused, as is a file kept in LFS; a written file keeps its mode; only the folders on the way to it
get new trees. Nothing is stored here: `new_objects` collects what a push has to bring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind, FileFact, PathKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.objects import (
    MODE_DIRECTORY,
    MODE_FILE,
    MODE_LINK,
    Entry,
    StoredObject,
    encode_tree,
    hash_object,
    object_format,
)
from argocd_image_updater.git.paths import Parts, join_parts, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.git.reader import ObjectReader

FILE_LIMIT_BYTES = 10 << 20  # a YAML file beyond this is no YAML file that people edit
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: how a pointer begins, and its limit
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_LIMIT_BYTES = 1024
_MISSING = FileFact(PathKind.MISSING)
_DIRECTORY = FileFact(PathKind.DIRECTORY)


@dataclass(slots=True)
class Tree:
    """The loaded part of one tree.

    directories: entries of every folder on a wanted path. contents: file contents by object id.
    oversized: files that are too large to be read.
    """

    root: str
    directories: dict[Parts, dict[bytes, Entry]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    oversized: set[str] = field(default_factory=set)
    new_objects: dict[str, StoredObject] = field(default_factory=dict)

    def fact(self, path: str) -> FileFact | Failure:
        """Return what stands at a path; a path that must not be touched is a Failure."""
        try:
            parts = split_path(path)
            entry = self.entry(parts)
        except GitError as error:
            return error.failure
        if entry is None:
            return _DIRECTORY if not parts else _MISSING
        if entry.is_directory:
            return _DIRECTORY
        if entry.object_id in self.oversized:
            size = FILE_LIMIT_BYTES >> 20
            return Failure(FailureKind.UNUSABLE, f"file {path!r} is larger than {size} MiB")
        content = self.contents[entry.object_id]
        if len(content) < _POINTER_LIMIT_BYTES and content.startswith(_POINTER):
            return Failure(
                FailureKind.UNUSABLE,
                f"file {path!r} is kept in Git LFS, only a pointer stands in the repository: take "
                "it out of LFS, or name another target",
            )
        return FileFact(PathKind.FILE, content)

    def entry(self, parts: Parts) -> Entry | None:
        """Return the entry at a path, None where nothing stands (and for the root)."""
        found: Entry | None = None
        for depth, name in enumerate(parts):
            if found is not None and not found.is_directory:
                raise _refused(parts[:depth], "is a file, so nothing can stand below it")
            found = self.directories.get(parts[:depth], {}).get(name)
            if found is None:
                return None
            if not found.is_directory and not found.is_file:
                what = "a symbolic link" if found.mode == MODE_LINK else "a submodule"
                raise _refused(parts[: depth + 1], f"is {what}, which is not followed")
        return found

    def write(self, path: str, content: bytes) -> None:
        """Put a file's new content in place; `commit_tree` then makes the trees."""
        parts = split_path(path)
        old = self.entry(parts)
        if not parts or (old is not None and old.is_directory):
            raise _refused(parts, "is a directory, not a file")
        blob = StoredObject("blob", content)
        object_id = hash_object(blob, self.algorithm)
        self.new_objects[object_id] = blob
        self.contents[object_id] = content
        for depth in range(len(parts)):
            self.directories.setdefault(parts[:depth], {})
        self.directories[parts[:-1]][parts[-1]] = Entry(old.mode if old else MODE_FILE, object_id)

    def commit_tree(self, paths: Iterable[str]) -> str:
        """Make new trees for all folders on the way to the written paths; return the root's id."""
        folders = {parts[:depth] for parts in map(split_path, paths) for depth in range(len(parts))}
        for folder in sorted(folders, key=len, reverse=True):
            tree = StoredObject("tree", encode_tree(self.directories[folder]))
            object_id = hash_object(tree, self.algorithm)
            self.new_objects[object_id] = tree
            if folder:
                parent = self.directories[folder[:-1]]
                parent[folder[-1]] = Entry(MODE_DIRECTORY, object_id)
            else:
                self.root = object_id
        return self.root

    @property
    def algorithm(self) -> str:
        return object_format(self.root)


async def load_tree(reader: ObjectReader, root: str, paths: Iterable[str]) -> tuple[Tree, set[str]]:
    """Load what stands at the paths; return also the ids of files that are not here yet.

    Paths that are not allowed are left out: `Tree.fact` says why.
    """
    wanted = _allowed(paths)
    tree = Tree(root)
    level: dict[Parts, str] = {(): root}
    while level:
        entries = await reader.read_trees(level.values())
        for folder, object_id in level.items():
            tree.directories[folder] = dict(entries[object_id])
        level = _next_level(tree, level, wanted=wanted)
    return tree, await load_files(reader, tree, wanted)


async def load_files(reader: ObjectReader, tree: Tree, wanted: Iterable[Parts]) -> set[str]:
    """Read the contents of all wanted files that are here; return the ids of the others."""
    ids = {entry.object_id for parts in wanted if (entry := _file_at(tree, parts)) is not None}
    infos = await reader.read_infos(sorted(ids))
    tree.oversized = {name for name in infos if infos[name].size_bytes > FILE_LIMIT_BYTES}
    contents = await reader.read_contents(sorted(set(infos) - tree.oversized))
    tree.contents.update({name: content for name, (_, content) in contents.items()})
    return ids - set(infos)


def _next_level(tree: Tree, level: dict[Parts, str], *, wanted: set[Parts]) -> dict[Parts, str]:
    """Return the folders one level deeper that lie on a wanted path."""
    deeper: dict[Parts, str] = {}
    for parts in wanted:
        for folder in level:
            if len(parts) > len(folder) + 1 and parts[: len(folder)] == folder:
                child = parts[: len(folder) + 1]
                entry = tree.directories[folder].get(child[-1])
                if entry is not None and entry.is_directory:
                    deeper[child] = entry.object_id
    return deeper


def _allowed(paths: Iterable[str]) -> set[Parts]:
    wanted = set()
    for path in paths:
        try:
            wanted.add(split_path(path))
        except GitError:
            continue
    return wanted


def _file_at(tree: Tree, parts: Parts) -> Entry | None:
    try:
        entry = tree.entry(parts)
    except GitError:
        return None
    return entry if entry is not None and entry.is_file else None


def _refused(parts: Parts, why: str) -> GitError:
    return GitError(
        FailureKind.REFUSED,
        f"path {join_parts(parts)!r} {why}: choose an ordinary file inside the repository",
    )
