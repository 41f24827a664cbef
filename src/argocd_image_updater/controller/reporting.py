"""From plans and what the writers say to the one value that every output reads.

Every image that was configured ends in one decision, those that never reached a plan too. An error
is counted once where it happened, however many images it concerns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.counting import count_by_resource, total
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.report import Counters
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
    by_resource = count_by_resource(
        [resource.key for resource in snapshot.resources], decisions, problems=problems
    )
    return CycleReport(
        decisions=tuple(sorted(decisions, key=_order)),
        problems=tuple(problems),
        counters=total(by_resource.values()),
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
    where = result.files.get(id(decision.settings), result.where)
    if result.status is WriteStatus.WRITTEN:
        return replace(decision, reason=Reason.UPDATED, written_to=where, warnings=warnings)
    if result.status is WriteStatus.WOULD_WRITE:
        return replace(decision, written_to=where, warnings=warnings)
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
