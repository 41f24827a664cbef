"""From planned commits to commit objects: pure, without a work tree, without a process.

The message is cleaned up as ``git commit`` cleans one given by ``-F``
(https://git-scm.com/docs/git-commit, ``--cleanup=whitespace``): lines that begin with ``#`` stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FileFact, PathKind
from argocd_image_updater.errors import BugError, ConfigError, UpdaterError
from argocd_image_updater.git.batch import CommitResult, CommitStatus, FileChange
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.objects import StoredObject, hash_object
from argocd_image_updater.git.paths import split_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.git.batch import PlannedCommit
    from argocd_image_updater.git.tree import Tree

DEFAULT_MESSAGE = "Update parameters"

_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S.*")
_CRUD = ".,:;<>\"\\' "  # what Git cuts off the ends of a name


@dataclass(frozen=True, slots=True)
class Identity:
    """Author and committer, and whether they sign off."""

    name: str
    email: str
    sign_off: bool = False

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Series:
    """The commits made of a batch: results, the last commit (empty when none), the objects.

    warnings: about how they reach the branch.
    """

    results: tuple[CommitResult, ...]
    tip: str
    objects: Mapping[str, StoredObject]
    warnings: tuple[str, ...] = ()


def checked_identity(name: str, email: str, *, sign_off: bool) -> Identity:
    """Return the identity as Git writes it; ConfigError when nothing of it is left."""
    clean_name, clean_email = _clean_name(name), _clean_name(email)
    if not clean_name or not clean_email:
        raise ConfigError("the Git user and e-mail are both needed: set --git-commit-user/-email")
    return Identity(clean_name, clean_email, sign_off)


def clean_message(text: str) -> str:
    """Return a message without blanks at line ends and without needless empty lines."""
    lines: list[str] = []
    for line in text.replace("\0", "").split("\n"):
        stripped = line.rstrip(" \t\r\v\f")
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n" if lines else DEFAULT_MESSAGE + "\n"


def signed_off(message: str, identity: Identity) -> str:
    """Return a clean message with the sign-off as its last trailer."""
    trailer = f"Signed-off-by: {identity}"
    paragraphs = message.rstrip("\n").split("\n\n")
    last = paragraphs[-1].split("\n")
    if len(paragraphs) > 1 and all(_TRAILER.fullmatch(line) for line in last):
        return message if last[-1] == trailer else f"{message}{trailer}\n"
    return f"{message}\n{trailer}\n"


def encode_commit(tree: str, parent: str, *, identity: Identity, time_s: int, text: str) -> bytes:
    """Return the bytes of a commit; times are UTC."""
    message = clean_message(text)
    if identity.sign_off:
        message = signed_off(message, identity)
    who = f"{identity} {time_s} +0000"
    header = f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n"
    return (header + message).encode("utf-8", "replace")


def make_series(
    tree: Tree, parent: str, *, commits: Sequence[PlannedCommit], identity: Identity, time_s: int
) -> Series:
    """Apply every edit to the tree in turn; one commit each, none for an edit without effect."""
    tip = parent
    results: list[CommitResult] = []
    for planned in commits:
        try:
            files = _apply(tree, planned)
        except UpdaterError as error:
            results.append(CommitResult(planned.key, CommitStatus.REFUSED, error=error))
            continue
        if not files:
            results.append(CommitResult(planned.key, CommitStatus.UNCHANGED))
            continue
        root = tree.commit_tree(file.path for file in files)
        content = encode_commit(root, tip, identity=identity, time_s=time_s, text=planned.message)
        item = StoredObject("commit", content)
        tip = hash_object(item, tree.algorithm)
        tree.new_objects[tip] = item
        results.append(CommitResult(planned.key, CommitStatus.PLANNED, tip, files))
    return Series(tuple(results), "" if tip == parent else tip, tree.new_objects)


def _apply(tree: Tree, planned: PlannedCommit) -> tuple[FileChange, ...]:
    """Run an edit, check every path before the first is written, and return what changed."""
    facts = {path: tree.fact(path) for path in planned.paths}
    try:
        wanted = planned.edit(facts)
    except UpdaterError:
        raise
    except Exception as error:
        raise BugError(f"the edit of {planned.key} failed: {type(error).__name__}") from error
    changes = [
        change
        for path, content in sorted(wanted.items())
        if (change := _change(planned, path, fact=facts.get(path), content=content)) is not None
    ]
    _check_apart(planned, changes)
    for change in changes:
        tree.write(change.path, change.after)
    return tuple(changes)


def _change(
    planned: PlannedCommit, path: str, *, fact: FileFact | Failure | None, content: bytes
) -> FileChange | None:
    if fact is None:
        raise BugError(f"the edit of {planned.key} wrote {path!r}, which it did not name")
    if isinstance(fact, Failure):
        raise GitError(fact.kind, fact.message)
    before = fact.content if fact.kind is PathKind.FILE else None
    return None if before == content else FileChange(path, before, content)


def _check_apart(planned: PlannedCommit, changes: Sequence[FileChange]) -> None:
    """Refuse one commit that writes a file twice, or a file and something below it."""
    written = [split_path(change.path) for change in changes]
    folders = {parts[:depth] for parts in written for depth in range(len(parts))}
    if len(set(written)) < len(written) or folders.intersection(written):
        raise BugError(f"the edit of {planned.key} writes paths that exclude each other")


def _clean_name(text: str) -> str:
    """Return text without the characters that a commit header cannot hold."""
    return re.sub(r"[<>\x00-\x1f\x7f]", "", text).strip(_CRUD)
