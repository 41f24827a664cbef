"""Write plans to the branches of pull requests, and keep each request true to its branch.

The order is: ask the forge, push, then tell the forge. What a killed process leaves is a branch
without a request or a request with an older text, and the next cycle finds both. A request is never
opened without a change against its base, and a branch with commits of others is only added to.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.batches import message_of
from argocd_image_updater.core.facts import Failure
from argocd_image_updater.core.pull_requests import (
    Action,
    Branches,
    Course,
    Marker,
    belongs_to,
    changes_hash,
    decide_request,
    read_marker,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CommitRecord
from argocd_image_updater.core.request_text import Row, request_text, superseded_text
from argocd_image_updater.errors import UpdaterError, internal_fault
from argocd_image_updater.git.batch import CommitStatus
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.interface import Proposal
from argocd_image_updater.git.refs import short_branch
from argocd_image_updater.writers.branches import Pusher
from argocd_image_updater.writers.commit_series import commit_series, reason_of, total_diff
from argocd_image_updater.writers.result import WriteReport, WriteResult, WriteStatus, ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from argocd_image_updater.core.batches import BranchBatch
    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.core.pull_requests import PullRequestFacts, TextForm
    from argocd_image_updater.core.settings import PullRequest
    from argocd_image_updater.git.batch import PushResult
    from argocd_image_updater.git.engine import Tip
    from argocd_image_updater.git.forges.interface import Forge, Proposed


# Of one target; more are left over by other means, and each costs a question.
BRANCHES_READ = 20
# An open request costs a question in this time: that a person closed it is told no later.
ASKED_AGAIN_S = 600.0


class PushesRequests(Pusher, Protocol):
    """The part of the Git engine that requests need."""

    async def tip(self, key: BranchKey) -> Tip | Failure: ...

    async def branches(self, key: BranchKey) -> Mapping[str, str] | Failure: ...


class OpensForges(Protocol):
    """Gives the forge of a repository; GitError where it has none that can be used."""

    async def open(self, key: BranchKey, provider: str) -> Forge: ...

    def text_form(self, provider: str) -> TextForm: ...


@dataclass(frozen=True, slots=True)
class _Left:
    """A request that was left alone, for these changes and commits."""

    course: Course
    state: object
    asked_s: float

    def is_recent(self, now_s: float) -> bool:
        return now_s - self.asked_s < ASKED_AGAIN_S

    def holds(self, state: object, now_s: float) -> bool:
        """Whether asking again would change nothing but, at most, the reason."""
        return state == self.state and self.is_recent(now_s)


@dataclass(slots=True)
class RequestWriter:
    """Writes the batches that want a request.

    check_turn: called right before a forge is told anything; raises where this process may not.
    monotonic: seconds. left: requests that said just what is due, when the forge was asked last.
    pushed: what this process pushed and has not told the forge, by repository and branch; such a
    branch may be made anew although no request says so.
    """

    git: PushesRequests
    forges: OpensForges
    check_turn: Callable[[], None]
    monotonic: Callable[[], float] = time.monotonic
    left: dict[tuple[str, str], _Left] = field(default_factory=dict)
    pushed: dict[tuple[str, str], str] = field(default_factory=dict)

    async def __call__(
        self, batches: Sequence[BranchBatch], *, template: str, dry_run: bool
    ) -> WriteReport:
        """Write all batches, different branches at the same time."""
        first, others = _one_per_branch(batches)
        reports = await asyncio.gather(
            *(self._contained(batch, template=template, dry_run=dry_run) for batch in first)
        )
        return WriteReport(
            results=tuple(result for report in reports for result in report.results) + others,
            commits=tuple(commit for report in reports for commit in report.commits),
        )

    async def _contained(self, batch: BranchBatch, *, template: str, dry_run: bool) -> WriteReport:
        """Write one request; a fault ends its Applications, not the cycle."""
        where = f"pull request from {batch.push_branch}"
        try:
            if dry_run:
                return await self._preview(batch, template=template, where=where)
            return await self._write(batch, template=template, where=where)
        except UpdaterError as error:
            return _all(batch, WriteStatus.FAILED, where, reason=reason_of(error), text=str(error))
        except Exception as error:  # noqa: BLE001 - what others were given must be reported
            text = internal_fault(error)
            return _all(batch, WriteStatus.FAILED, where, reason=Reason.INTERNAL_ERROR, text=text)

    async def _preview(self, batch: BranchBatch, *, template: str, where: str) -> WriteReport:
        """Show what a branch made anew would hold; the forge is not asked."""
        head = (await self._branches(batch)).get(batch.push_branch, "")
        series = commit_series(batch, template=template)
        outcome = await self.git.preview(series.push_batch(replaces=head))
        report = series.report(outcome, dry_run=True)
        return replace(report, results=tuple(_placed(item, where) for item in report.results))

    async def _write(self, batch: BranchBatch, *, template: str, where: str) -> WriteReport:
        assert batch.request is not None, "only batches with a request come here"
        base = await self.git.tip(batch.base)
        if isinstance(base, Failure):
            raise _error(base)
        changes = changes_hash(change for plan in batch.plans for change in plan.changes)
        known = await self._branches(batch)
        head = known.get(batch.push_branch, "")
        name = (batch.base.repository, batch.push_branch)
        state = (changes, base.commit, tuple(known.items()))
        if (left := self.left.get(name)) and left.holds(state, self.monotonic()):
            return _not_written(batch, left.course)
        forge = await self.forges.open(batch.base, batch.request.provider)
        found = await forge.find(
            heads=list(dict.fromkeys([batch.push_branch, *known])), base=short_branch(base.branch)
        )
        course = decide_request(
            found,
            target_key=batch.target_key,
            head=batch.push_branch,
            changes=changes,
            branches=Branches(base.commit, head),
            pushed=self.pushed.get(name, ""),
        )
        now_s = self.monotonic()
        self.left = {key: one for key, one in self.left.items() if one.is_recent(now_s)}
        if course.action is Action.LEAVE:
            self.left[name] = _Left(course, state, now_s)
        if course.action is not Action.PROPOSE:
            return _not_written(batch, course)
        pushing = _Pushing(batch, template, where, changes, base, head)
        return await self._propose(pushing, course, forge=forge)

    async def _propose(self, pushing: _Pushing, course: Course, *, forge: Forge) -> WriteReport:
        """Push, then open the request or make it say what the branch holds now."""
        batch = pushing.batch
        series = commit_series(batch, template=pushing.template)
        replaces = pushing.head if course.rebuild else ""
        outcome = await self.git.push(series.push_batch(replaces=replaces))
        report = series.report(outcome, dry_run=False)
        pushed = any(item.status is CommitStatus.PUSHED for item in outcome.results)
        if pushed:
            self.pushed[batch.base.repository, batch.push_branch] = outcome.tip
        if not pushed and (course.rebuild or outcome.tip in {"", pushing.base.commit}):
            return report  # nothing differs from the base, or nothing could be written
        self.check_turn()
        before = course.request
        assert batch.request is not None, "only batches with a request come here"
        form = self.forges.text_form(batch.request.provider)
        proposal = _proposal(pushing, outcome, shared=not course.rebuild, form=form)
        proposed = await _tell(forge, before, proposal)
        self.pushed.pop((batch.base.repository, batch.push_branch), None)
        ended = await _supersede(forge, course, by=proposed.request, form=form)
        warnings = (*proposed.warnings, *ended)
        marker = read_marker(before.body) if before else None
        is_new = marker is None or marker.changes != pushing.changes
        return replace(
            report,
            commits=report.commits or ((_known(pushing, outcome),) if is_new else ()),
            results=tuple(
                _ended(item, proposed.request, is_new=is_new, warnings=warnings)
                for item in report.results
            ),
        )

    async def _branches(self, batch: BranchBatch) -> dict[str, str]:
        """Return the commits of the branches that requests for this target have, by short name."""
        found = await self.git.branches(batch.base)
        if isinstance(found, Failure):
            raise _error(found)
        names = {short_branch(name): commit for name, commit in found.items()}
        ours = [name for name in names if belongs_to(name, batch.target_key)]
        ours.sort(key=lambda name: (name != batch.push_branch, name))
        return {name: names[name] for name in ours[:BRANCHES_READ]}


@dataclass(frozen=True, slots=True)
class _Pushing:
    """What is known when a request is about to be written; head: what its branch holds now."""

    batch: BranchBatch
    template: str
    where: str
    changes: str
    base: Tip
    head: str


def _one_per_branch(
    batches: Sequence[BranchBatch],
) -> tuple[list[BranchBatch], tuple[WriteResult, ...]]:
    """Return one batch for each branch, and the end of those that would push to it as well."""
    first: dict[tuple[str, str], BranchBatch] = {}
    others: list[WriteResult] = []
    for batch in batches:
        key = (batch.base.repository, batch.push_branch)
        if first.setdefault(key, batch) is not batch:
            text = (
                f"another Application proposes changes from {batch.push_branch} with other "
                "credentials: use the same for all that share this target"
            )
            where = f"pull request from {batch.push_branch}"
            others += ended(
                batch.plans, WriteStatus.FAILED, where=where, reason=Reason.CONFLICT, message=text
            )
    return list(first.values()), tuple(others)


def _not_written(batch: BranchBatch, course: Course) -> WriteReport:
    """Say why nothing is pushed: the request waits, or a person does not want it."""
    assert course.request is not None, "only an existing request is a reason not to write"
    shown = _shown(course.request)
    if course.action is Action.LEAVE:
        text = f"{shown} proposes it and waits to be merged"
        return _all(batch, WriteStatus.HELD, shown, reason=Reason.PULL_REQUEST_OPEN, text=text)
    text = (
        f"{shown} proposed exactly this and was closed: the next version is proposed again; "
        "open it again to have this one"
    )
    return _all(batch, WriteStatus.HELD, shown, reason=Reason.PULL_REQUEST_DECLINED, text=text)


def _proposal(pushing: _Pushing, outcome: PushResult, *, shared: bool, form: TextForm) -> Proposal:
    batch = pushing.batch
    settings: PullRequest | None = batch.request
    assert settings is not None, "only batches with a request come here"
    rows = [
        Row(plan.intent.application.key, change) for plan in batch.plans for change in plan.changes
    ]
    marker = Marker(pushing.changes, pushing.base.commit, outcome.tip, shared=shared)
    text = request_text(
        message_of(batch.plans, template=pushing.template),
        rows,
        default_title=f"chore: update images for {batch.plans[0].intent.application.key}",
        diff=total_diff(outcome),
        marker=marker,
        form=form,
    )
    return Proposal(
        head=batch.push_branch,
        base=short_branch(pushing.base.branch),
        text=text,
        labels=settings.labels,
        reviewers=settings.reviewers,
        assignees=settings.assignees,
        draft=settings.draft,
        auto_merge=settings.auto_merge,
    )


def _known(pushing: _Pushing, outcome: PushResult) -> CommitRecord:
    """Return the commit of a branch that was pushed before its request could be opened."""
    plans = pushing.batch.plans
    return CommitRecord(
        repository=pushing.batch.base.repository,
        branch=pushing.batch.push_branch,
        message=message_of(plans, template=pushing.template),
        applications=tuple(plan.intent.application.key for plan in plans),
        files=(),
        diff="",
        commit=outcome.tip,
    )


async def _tell(forge: Forge, before: PullRequestFacts | None, proposal: Proposal) -> Proposed:
    if before is None:
        return await forge.create(proposal)
    return await forge.update(before, proposal)


async def _supersede(
    forge: Forge, course: Course, *, by: PullRequestFacts, form: TextForm
) -> tuple[str, ...]:
    """Close the requests that another one replaces; what cannot be closed is a warning."""
    warnings: list[str] = []
    for old in course.superseded:
        try:
            await forge.update(old, Proposal(old.head, old.base, superseded_text(old, form)))
            await forge.close(old, comment=f"Superseded by {by.url}")
        except GitError as error:
            warnings.append(f"{_shown(old)} is superseded and could not be closed: {error}")
    return tuple(warnings)


def _ended(
    result: WriteResult, request: PullRequestFacts, *, is_new: bool, warnings: tuple[str, ...]
) -> WriteResult:
    """Return the end of one Application; what was only made anew on a newer base is no update."""
    if result.status is WriteStatus.FAILED:
        return result
    shown = _shown(request)
    found = (*result.warnings, *warnings)
    if is_new:
        return replace(
            result, status=WriteStatus.WRITTEN, where=shown, files={}, message="", warnings=found
        )
    return replace(
        result,
        status=WriteStatus.HELD,
        where=shown,
        reason=Reason.PULL_REQUEST_OPEN,
        message=f"{shown} proposes it on the newest base and waits to be merged",
        warnings=found,
    )


def _placed(result: WriteResult, where: str) -> WriteResult:
    if result.status is not WriteStatus.WOULD_WRITE:
        return result
    return replace(result, where=where, files={})


def _all(
    batch: BranchBatch, status: WriteStatus, where: str, *, reason: Reason, text: str
) -> WriteReport:
    return WriteReport(ended(batch.plans, status, where=where, reason=reason, message=text))


def _shown(request: PullRequestFacts) -> str:
    return f"pull request {request.url}"


def _error(failure: Failure) -> GitError:
    return GitError(failure.kind, failure.message, reason=failure.reason)
