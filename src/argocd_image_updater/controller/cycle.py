"""One cycle: resolve → gather and plan → group → write → report.

Everything left of the writes can be computed twice without harm. One broken resource, Application
or image never stops another: each ends with its own reason in the report.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.controller.gather import gather
from argocd_image_updater.core.batches import CommitPer, group_by_branch, written_themselves
from argocd_image_updater.core.conflicts import resolve_conflicts
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.core.report import Counters, CycleReport
from argocd_image_updater.core.resolution import Resolution, resolve
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import internal_fault
from argocd_image_updater.writers.branches import write_branches
from argocd_image_updater.writers.result import WriteReport, WriteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from argocd_image_updater.controller.gather import AsksRegistries, AsksRepositories
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.due import Policy
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.resolution import Context
    from argocd_image_updater.core.resource import Resource
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.writers.branches import Pusher
    from argocd_image_updater.writers.result import WriteResult


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cycle is; phases: ``reading``, ``registries``, ``repositories``, ``writing``."""

    phase: str
    done: int
    total: int


class WritesApplications(Protocol):
    """Writes plans into the Applications themselves: manifest files or the cluster."""

    async def __call__(self, plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport: ...


@dataclass(frozen=True, slots=True)
class Services:
    """The edges that a cycle uses."""

    registries: AsksRegistries
    repositories: AsksRepositories
    git: Pusher
    write_applications: WritesApplications


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """What holds for every cycle of a process."""

    commit_per: CommitPer = CommitPer.APPLICATION
    commit_template: str = ""
    dry_run: bool = False


async def run_cycle(
    snapshot: Snapshot,
    *,
    context: Context,
    policy: Policy,
    services: Services,
    settings: CycleSettings,
    on_progress: Callable[[Progress], None] | None = None,
) -> CycleReport:
    """Run one cycle over all resources of the snapshot and report it."""

    def progress(phase: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(Progress(phase, done, total))

        return tell

    resolutions = _resolve_all(snapshot, context)
    intents = [intent for resolution in resolutions for intent in resolution.intents]
    plans = await gather(
        intents,
        policy=policy,
        registries=services.registries,
        repositories=services.repositories,
        on_progress=progress("registries"),
    )
    writing = progress("writing")
    work = sum(1 for plan in plans if plan.writes)
    writing(0, work)
    written = await _write(plans, services=services, settings=settings)
    writing(work, work)
    return _report(snapshot, resolutions, plans, written=written, dry_run=settings.dry_run)


def _resolve_all(snapshot: Snapshot, context: Context) -> Sequence[Resolution]:
    found = [
        _resolve(resource, snapshot, context)
        for resource in sorted(snapshot.resources, key=lambda item: item.key)
    ]
    return resolve_conflicts(found)


def _resolve(resource: Resource, snapshot: Snapshot, context: Context) -> Resolution:
    try:
        return resolve(resource, snapshot.applications, context=context)
    except Exception as error:  # noqa: BLE001 - one resource's fault must not end the others
        problem = Problem(Reason.INTERNAL_ERROR, internal_fault(error), resource=resource.key)
        return Resolution(resource, problems=(problem,), failed=True)


async def _write(
    plans: Sequence[ApplicationPlan], *, services: Services, settings: CycleSettings
) -> WriteReport:
    branches, applications = await asyncio.gather(
        write_branches(
            group_by_branch(plans, per=settings.commit_per),
            git=services.git,
            template=settings.commit_template,
            dry_run=settings.dry_run,
        ),
        services.write_applications(written_themselves(plans), dry_run=settings.dry_run),
    )
    return WriteReport(
        results=branches.results + applications.results,
        commits=branches.commits,
        patches=applications.patches,
    )


# --- the report ---------------------------------------------------------------------------------


def _report(
    snapshot: Snapshot,
    resolutions: Sequence[Resolution],
    plans: Sequence[ApplicationPlan],
    *,
    written: WriteReport,
    dry_run: bool,
) -> CycleReport:
    results = {id(result.plan): result for result in written.results}
    decisions: list[Decision] = []
    found: list[Problem] = []
    for resolution in resolutions:
        found += (item for item in resolution.problems if not item.quiet)
    for plan in plans:
        decisions += _final(plan, results.get(id(plan)))
        found += plan.intent.problems
    problems: list[Problem] = [*snapshot.problems]
    for problem in found:
        decision = _dropped(problem)
        if decision is None:
            problems.append(problem)
        else:
            decisions.append(decision)
    warnings = [*snapshot.warnings]
    for resolution in resolutions:
        warnings += resolution.warnings
    for plan in plans:
        warnings += (f"Application {plan.intent.application.key}: {text}" for text in plan.warnings)
    by_resource = _count(snapshot, decisions, problems=problems)
    return CycleReport(
        decisions=tuple(sorted(decisions, key=_order)),
        problems=tuple(problems),
        counters=_total(by_resource.values()),
        by_resource=by_resource,
        commits=written.commits,
        patches=written.patches,
        dry_run=dry_run,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _order(decision: Decision) -> tuple[ObjectKey, ObjectKey]:
    return decision.resource, decision.application


def _final(plan: ApplicationPlan, result: WriteResult | None) -> tuple[Decision, ...]:
    """Give the decisions that were due their end: what the writer says, nothing else."""
    if result is None:
        return plan.decisions
    return tuple(
        _ended(decision, result) if decision.reason is Reason.WOULD_UPDATE else decision
        for decision in plan.decisions
    )


def _ended(decision: Decision, result: WriteResult) -> Decision:
    warnings = decision.warnings + result.warnings
    if result.status is WriteStatus.WRITTEN:
        return replace(decision, reason=Reason.UPDATED, written_to=result.where, warnings=warnings)
    if result.status is WriteStatus.WOULD_WRITE:
        return replace(decision, written_to=result.where, warnings=warnings)
    if result.status is WriteStatus.UNCHANGED:
        return replace(
            decision,
            reason=Reason.ALREADY_SET,
            message=result.message,
            change=None,
            written_to="",
        )
    assert result.reason is not None
    return replace(
        decision, reason=result.reason, message=result.message, change=None, written_to=""
    )


def _dropped(problem: Problem) -> Decision | None:
    """Turn an image that never reached a plan into a decision, so that none goes missing."""
    if problem.resource is None or problem.application is None or not problem.image:
        return None
    return Decision(
        resource=problem.resource,
        application=problem.application,
        alias=problem.alias,
        image=problem.image,
        reason=problem.reason,
        message=problem.message,
    )


_COUNTED = {
    Outcome.UPDATED: "images_updated",
    Outcome.SKIPPED: "images_skipped",
    Outcome.ERROR: "errors",
}


# What ends the write of a whole Application.
_WRITE_REASONS = frozenset(
    (
        Reason.TARGET_MISSING,
        Reason.TARGET_UNREADABLE,
        Reason.TARGET_OUTSIDE,
        Reason.AMBIGUOUS,
        Reason.GIT_UNREACHABLE,
        Reason.GIT_AUTH_FAILED,
        Reason.GIT_BRANCH_MISSING,
        Reason.PUSH_REJECTED,
        Reason.WRITE_FAILED,
    )
)


def _count(
    snapshot: Snapshot, decisions: Iterable[Decision], *, problems: Iterable[Problem]
) -> dict[ObjectKey, Counters]:
    """Count per resource; a failed write of an Application is one error, however many images."""
    applications: dict[ObjectKey, set[ObjectKey]] = defaultdict(set)
    failed_writes: set[tuple[ObjectKey, ObjectKey]] = set()
    numbers: dict[ObjectKey, Counter[str]] = {
        resource.key: Counter() for resource in snapshot.resources
    }
    for decision in decisions:
        found = numbers[decision.resource]
        applications[decision.resource].add(decision.application)
        found["images_considered"] += decision.considered
        name = _COUNTED.get(decision.outcome)
        if name is None:
            continue
        if decision.reason in _WRITE_REASONS:
            write = (decision.resource, decision.application)
            if write in failed_writes:
                continue
            failed_writes.add(write)
        found[name] += 1
    for problem in problems:
        if problem.resource in numbers:
            numbers[problem.resource]["errors"] += 1
            if problem.application is not None:
                applications[problem.resource].add(problem.application)
    return {
        key: Counters(applications=len(applications[key]), **found)
        for key, found in numbers.items()
    }


def _total(counters: Iterable[Counters]) -> Counters:
    found = list(counters)
    return Counters(
        applications=sum(item.applications for item in found),
        images_considered=sum(item.images_considered for item in found),
        images_skipped=sum(item.images_skipped for item in found),
        images_updated=sum(item.images_updated for item in found),
        errors=sum(item.errors for item in found),
    )
