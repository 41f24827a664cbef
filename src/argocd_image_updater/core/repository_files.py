"""What a plan reads from Git: files at a branch, and the type of an Application that they tell.

A failure of the branch itself stops the whole Application; a path that is refused is the business
of who asked for it.

Source of the rules: docs/standalone.md, docs/write-back.md.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.choice import Facts, Pending
from argocd_image_updater.core.edits.kustomization import KUSTOMIZATION_FILES
from argocd_image_updater.core.facts import (
    BranchKey,
    Failure,
    FailureKind,
    FileFact,
    FileQuestion,
    PathKind,
)
from argocd_image_updater.core.image_places import parts_of
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resolution import with_source_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.settings import ApplicationIntent

_GIT_REASONS: dict[FailureKind, Reason] = {
    FailureKind.TRANSIENT: Reason.GIT_UNREACHABLE,
    FailureKind.RATE_LIMITED: Reason.GIT_UNREACHABLE,
    FailureKind.DENIED: Reason.GIT_AUTH_FAILED,
    FailureKind.CREDENTIALS: Reason.GIT_AUTH_FAILED,
    FailureKind.NOT_FOUND: Reason.GIT_BRANCH_MISSING,
    FailureKind.UNUSABLE: Reason.TARGET_UNREADABLE,
    FailureKind.NO_PLATFORM: Reason.TARGET_UNREADABLE,
    FailureKind.CONFIG: Reason.SETTINGS_INVALID,
    FailureKind.REFUSED: Reason.TARGET_OUTSIDE,
    FailureKind.LOCAL: Reason.WRITE_FAILED,
    FailureKind.INTERNAL: Reason.INTERNAL_ERROR,
}


@dataclass(frozen=True, slots=True)
class Stop:
    """The whole Application ends with one reason."""

    reason: Reason
    message: str


def find_type(intent: ApplicationIntent, facts: Facts) -> ApplicationIntent | Pending | Stop:
    """Find the type by the files at the source's path where nothing else tells it."""
    if not any(part.needs_type for part in parts_of(intent)):
        return intent
    source = source_of(intent)
    key = BranchKey(
        source.repo_url,
        source.target_revision,
        intent.write_back.credentials or "repocreds",
        intent.application.project,
    )
    paths = {
        name: posixpath.normpath(posixpath.join(source.path, name))
        for name in ("Chart.yaml", *KUSTOMIZATION_FILES)
    }
    found = read_files(key, tuple(paths.values()), facts)
    if isinstance(found, Pending | Stop):
        return found
    for name, path in paths.items():
        fact = found[path]
        if isinstance(fact, FileFact) and fact.kind is PathKind.FILE:
            return with_source_type(intent, "Helm" if name == "Chart.yaml" else "Kustomize")
    return Stop(
        Reason.TARGET_MISSING,
        f"neither Chart.yaml nor a kustomization stands at {source.path or '.'} of "
        f"{source.repo_url}: set writeBackTarget or a helm, kustomize or plugin block",
    )


def base_branch(intent: ApplicationIntent) -> BranchKey:
    """Return the branch that a Git write-back starts from."""
    write_back = intent.write_back
    own_secret = write_back.credentials.startswith("secret:")
    return BranchKey(
        write_back.repository,
        write_back.base_branch,
        write_back.credentials,
        intent.application.project,
        # A Secret belongs to a namespace; repository credentials of Argo CD are shared, and so is
        # the push.
        intent.application.key.namespace if own_secret else "",
    )


def read_files(
    key: BranchKey, paths: Sequence[str], facts: Facts
) -> Mapping[str, FileFact | Failure] | Pending | Stop:
    """Return what stands at the paths; a failure of the branch itself stops the Application."""
    questions = {path: FileQuestion(key, path) for path in paths}
    missing = frozenset(question for question in questions.values() if question not in facts)
    if missing:
        return Pending(missing)
    found: dict[str, FileFact | Failure] = {}
    for path, question in questions.items():
        answer = facts[question]
        if isinstance(answer, Failure) and answer.kind is not FailureKind.REFUSED:
            return Stop(answer.reason or _GIT_REASONS[answer.kind], answer.message)
        assert isinstance(answer, FileFact | Failure)
        found[path] = answer
    return found


def source_of(intent: ApplicationIntent) -> Source:
    return intent.application.source_at(intent.write_source) or Source()
