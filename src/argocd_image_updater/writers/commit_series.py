"""The commits of one branch: their edits as functions, and what became of each Application.

The edit of every commit is handed to the Git engine as a function of the files at the tip, so that
a push that lost a race is computed again on what the others left, never merged blindly.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Source
from argocd_image_updater.core.batches import BranchBatch, CommitGroup, message_of
from argocd_image_updater.core.edits.diff import unified_diff
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.refreshes import Push
from argocd_image_updater.core.report import CommitRecord
from argocd_image_updater.core.targets import edit_target, pick_target, target_paths
from argocd_image_updater.core.write_parts import written_parts
from argocd_image_updater.errors import (
    BugError,
    ConfigError,
    ConflictError,
    DeniedError,
    RemoteError,
    internal_fault,
)
from argocd_image_updater.git.batch import CommitStatus, PlannedCommit, PushBatch
from argocd_image_updater.git.refs import short_branch
from argocd_image_updater.writers.result import WriteReport, WriteResult, WriteStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argocd_image_updater.core.facts import Failure, FileFact
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.targets import TargetEdit
    from argocd_image_updater.errors import UpdaterError
    from argocd_image_updater.git.batch import CommitResult, PushResult


@dataclass(frozen=True, slots=True)
class CommitSeries:
    """The commits that one batch becomes, each with the edit that remembers how it ended."""

    batch: BranchBatch
    edits: tuple[_GroupEdit, ...]
    commits: tuple[PlannedCommit, ...]

    def push_batch(self, *, replaces: str = "") -> PushBatch:
        """Return what the Git engine is to push; replaces: as in `PushBatch`."""
        return PushBatch(self.batch.base, self.commits, self.batch.push_branch, replaces)

    def report(self, outcome: PushResult, *, dry_run: bool) -> WriteReport:
        """Say for every Application how the push ended, and which commits there are."""
        branch = short_branch(outcome.branch or self.batch.push_branch or self.batch.base.branch)
        results: list[WriteResult] = []
        commits: list[CommitRecord] = []
        for edit, commit, result in zip(self.edits, self.commits, outcome.results, strict=True):
            push = self._push_of(result, outcome, branch=branch)
            ends = _results(edit, result, branch=branch, dry_run=dry_run)
            results += (replace(end, push=push) for end in ends)
            if result.status in {CommitStatus.PUSHED, CommitStatus.PLANNED}:
                commits.append(_record(self.batch, edit, commit, result=result, branch=branch))
        return WriteReport(_warned(results, outcome.warnings), tuple(commits))

    def _push_of(self, result: CommitResult, outcome: PushResult, *, branch: str) -> Push | None:
        """Return what a commit brought, None where it is not there or waits in a request."""
        if result.status is not CommitStatus.PUSHED or self.batch.request is not None:
            return None
        return Push(
            self.batch.base.repository,
            branch,
            result.commit,
            outcome.tip,
            is_default=outcome.is_default,
        )


def _warned(results: Sequence[WriteResult], warnings: tuple[str, ...]) -> tuple[WriteResult, ...]:
    """Return the results, the first that was written with what is to be told of the branch."""
    found = list(results)
    for index, result in enumerate(found):
        if warnings and result.status is WriteStatus.WRITTEN:
            found[index] = replace(result, warnings=(*warnings, *result.warnings))
            break
    return tuple(found)


def total_diff(outcome: PushResult) -> str:
    """Return one unified diff of each file, from before the first commit to after the last."""
    first: dict[str, bytes | None] = {}
    last: dict[str, bytes] = {}
    for result in outcome.results:
        for change in result.files:
            first.setdefault(change.path, change.before)
            last[change.path] = change.after
    return "".join(unified_diff(first[path], last[path], file=path) for path in sorted(last))


def commit_series(batch: BranchBatch, *, template: str) -> CommitSeries:
    """Return the commits of a batch; template: of their messages, empty = the built-in one."""
    edits = tuple(_GroupEdit(group) for group in batch.commits)
    planned = tuple(
        PlannedCommit(
            key=index,
            message=message_of(edit.group.plans, template=template),
            edit=edit,
            paths=edit.paths,
        )
        for index, edit in enumerate(edits)
    )
    return CommitSeries(batch, edits, planned)


@dataclass(frozen=True, slots=True)
class _Changed:
    """The files that one Application changed; files: by the identity of an image's settings."""

    paths: tuple[str, ...]
    files: Mapping[int, str]


@dataclass(slots=True)
class _GroupEdit:
    """The edit of one commit; remembers per plan how its last run ended.

    earlier: what the run before changed, if the last one found it done; a push whose answer was
    lost may have brought it.
    """

    group: CommitGroup
    refused: dict[int, tuple[Reason, str]] = field(default_factory=dict)
    changed: dict[int, _Changed] = field(default_factory=dict)
    warnings: dict[int, tuple[str, ...]] = field(default_factory=dict)
    earlier: dict[int, _Changed] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                path
                for plan in self.group.plans
                for part in written_parts(plan)
                for path in target_paths(part.intent)
            )
        )

    def changed_by(self, result: CommitResult) -> Mapping[int, _Changed]:
        """Return what the commit changed, by plan."""
        if result.status is CommitStatus.PUSHED and not self.changed:
            return self.earlier
        return self.changed

    def __call__(self, files: Mapping[str, FileFact | Failure]) -> Mapping[str, bytes]:
        self.refused.clear()
        self.earlier = self.changed or self.earlier
        self.changed = {}
        self.warnings.clear()
        written: dict[str, bytes] = {}
        for index, plan in enumerate(self.group.plans):
            try:
                self._edit(index, plan, files, written)
            except (EditRefused, TargetMismatch) as refusal:
                self.refused[index] = (refusal.reason, str(refusal))
            except Exception as error:  # noqa: BLE001 - the other Applications are written
                self.refused[index] = (Reason.INTERNAL_ERROR, internal_fault(error))
        return written

    def _edit(
        self,
        index: int,
        plan: ApplicationPlan,
        files: Mapping[str, FileFact | Failure],
        written: dict[str, bytes],
    ) -> None:
        """Edit all files of one Application, or none."""
        new: dict[str, bytes] = {}
        changed: dict[int, str] = {}
        paths: list[str] = []
        warnings: list[str] = []
        for part in written_parts(plan):
            path, content = pick_target(part.intent, files)
            edit = edit_target(
                part.intent,
                part.writes,
                part.pins,
                source=part.intent.application.source_at(part.intent.write_source) or Source(),
                files={path: new.get(path, written.get(path, content))},
            )
            if not edit.changed:
                continue
            new[path] = edit.content
            paths.append(path)
            changed |= {id(write.settings): path for write in part.writes}
            warnings += _remarks(edit)
        if not new:
            return
        written |= new
        self.changed[index] = _Changed(tuple(dict.fromkeys(paths)), changed)
        self.warnings[index] = tuple(warnings)


def _remarks(edit: TargetEdit) -> Iterator[str]:
    if edit.also_changed:
        paths = ", ".join(edit.also_changed)
        yield f"{edit.file}: through an anchor these change too: {paths}"
    if edit.ignored:
        paths = ", ".join(edit.ignored)
        yield f"{edit.file}: left alone, for they hold no single value: {paths}"


def _results(
    edit: _GroupEdit, result: CommitResult, *, branch: str, dry_run: bool
) -> list[WriteResult]:
    """Say for every plan of a commit how it ended."""
    found: list[WriteResult] = []
    changed = edit.changed_by(result)
    for index, plan in enumerate(edit.group.plans):
        done = changed.get(index)
        where = f"{', '.join(done.paths if done else _targets(plan))} on {branch}"
        if index in edit.refused:
            reason, message = edit.refused[index]
            found.append(WriteResult(plan, WriteStatus.FAILED, where, message, reason))
        elif result.error is not None:
            reason = reason_of(result.error)
            found.append(WriteResult(plan, WriteStatus.FAILED, where, str(result.error), reason))
        elif done is None:
            message = f"{where} already asks for it"
            found.append(WriteResult(plan, WriteStatus.UNCHANGED, where, message))
        else:
            status = WriteStatus.WOULD_WRITE if dry_run else WriteStatus.WRITTEN
            files = {one: f"{path} on {branch}" for one, path in done.files.items()}
            warnings = edit.warnings.get(index, ())
            found.append(WriteResult(plan, status, where, warnings=warnings, files=files))
    return found


def _targets(plan: ApplicationPlan) -> tuple[str, ...]:
    """Return the targets that were to be written, as they are configured."""
    paths = (part.intent.write_back.target for part in written_parts(plan))
    return tuple(dict.fromkeys(paths))


def reason_of(error: UpdaterError) -> Reason:
    """Return the reason code of a write that failed."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, Reason):
        return reason
    for family, found in _REASONS.items():
        if isinstance(error, family):
            return found
    return Reason.WRITE_FAILED


_REASONS: dict[type[UpdaterError], Reason] = {
    DeniedError: Reason.GIT_AUTH_FAILED,
    ConflictError: Reason.PUSH_REJECTED,
    RemoteError: Reason.GIT_UNREACHABLE,
    ConfigError: Reason.SETTINGS_INVALID,
    BugError: Reason.INTERNAL_ERROR,
}


def _record(
    batch: BranchBatch,
    edit: _GroupEdit,
    commit: PlannedCommit,
    *,
    result: CommitResult,
    branch: str,
) -> CommitRecord:
    changed = edit.changed_by(result)
    plans = [plan for index, plan in enumerate(edit.group.plans) if index in changed]
    files = sorted(result.files, key=lambda change: change.path)
    return CommitRecord(
        repository=batch.base.repository,
        branch=branch,
        message=commit.message,
        applications=tuple(plan.intent.application.key for plan in plans),
        files=tuple(change.path for change in files),
        diff="".join(
            unified_diff(change.before, change.after, file=change.path) for change in files
        ),
        commit=result.commit if result.status is CommitStatus.PUSHED else "",
    )
