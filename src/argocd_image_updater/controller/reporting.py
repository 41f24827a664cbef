"""From plans and what the writers say to the one value that every output reads.

Every image that was configured ends in one decision, those that never reached a plan too. An error
is counted once where it happened, however many images it concerns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.resolution import Resolution
    from argocd_image_updater.core.settings import Problem
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.writers.result import WriteReport, WriteResult


def report_cycle(
    snapshot: Snapshot,
    resolutions: Sequence[Resolution],
    plans: Sequence[ApplicationPlan],
    *,
    written: WriteReport,
    dry_run: bool,
) -> CycleReport:
    """Return what a cycle did; resolutions: of the resources that it was about."""
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
        resources=_results(resolutions, by_resource),
        commits=written.commits,
        patches=written.patches,
        dry_run=dry_run,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _results(
    resolutions: Sequence[Resolution], counters: Mapping[ObjectKey, Counters]
) -> dict[ObjectKey, ResourceResult]:
    return {
        item.resource.key: ResourceResult(
            generation=item.resource.generation,
            applications=len(item.intents),
            counters=counters[item.resource.key],
            failure=item.problems[0] if item.failed and item.problems else None,
        )
        for item in resolutions
    }


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
