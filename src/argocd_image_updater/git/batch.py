"""What is to be written to one branch, and what became of it, as values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FileFact

if TYPE_CHECKING:
    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.errors import UpdaterError

Edit = Callable[[Mapping[str, FileFact | Failure]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """One commit that is wanted.

    edit: pure; gets what stands at `paths` right now (with what earlier commits of the batch
    wrote) and returns the new contents of files among `paths`; empty = nothing to do. It is called
    again whenever the branch moved. An UpdaterError from it refuses this commit; others go on.
    """

    key: Hashable
    message: str
    edit: Edit
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PushBatch:
    """All commits for one branch, which reach it with one push.

    push_branch: empty = the base branch; otherwise it is created from base when it is not there,
    and continued when it is. replaces: the commit of the push branch that may be lost; while the
    branch is exactly there, it is made anew from base.
    """

    base: BranchKey
    commits: tuple[PlannedCommit, ...]
    push_branch: str = ""
    replaces: str = ""


class CommitStatus(StrEnum):
    """What became of one planned commit."""

    PUSHED = "pushed"
    PLANNED = "planned"  # of a preview: it would be pushed
    UNCHANGED = "unchanged"  # every file has the wanted content
    REFUSED = "refused"  # its edit or one of its paths was refused; others went on
    FAILED = "failed"  # the repository could not be read or written


@dataclass(frozen=True, slots=True)
class FileChange:
    """The content of one file before and after a commit; before is None for a new file."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The outcome of one planned commit; error is set when it was refused or failed."""

    key: Hashable
    status: CommitStatus
    commit: str = ""
    files: tuple[FileChange, ...] = ()
    error: UpdaterError | None = None


@dataclass(frozen=True, slots=True)
class PushResult:
    """The outcome of a batch: one result per planned commit, in their order.

    branch: full name of the branch that was pushed, is_default: of the repository. tip: its commit
    afterwards. attempts: pushes. warnings: things a user should look at.
    """

    results: tuple[CommitResult, ...]
    branch: str = ""
    tip: str = ""
    attempts: int = 0
    warnings: tuple[str, ...] = field(default=())
    is_default: bool = False
