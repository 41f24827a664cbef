"""The numbers of a cycle, from what became of its images.

An error is counted once where it happened, however many images it concerns: the write of an
Application that failed is one. Source of the rules: docs/status.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.core.report import Counters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem

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


def count_by_resource(
    resources: Iterable[ObjectKey], decisions: Iterable[Decision], *, problems: Iterable[Problem]
) -> dict[ObjectKey, Counters]:
    """Count per resource; a failed write of an Application is one error, however many images."""
    applications: dict[ObjectKey, set[ObjectKey]] = defaultdict(set)
    failed_writes: set[tuple[ObjectKey, ObjectKey]] = set()
    numbers: dict[ObjectKey, Counter[str]] = {key: Counter() for key in resources}
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


def total(counters: Iterable[Counters]) -> Counters:
    """Return the sums of counters."""
    found = list(counters)
    return Counters(
        applications=sum(item.applications for item in found),
        images_considered=sum(item.images_considered for item in found),
        images_skipped=sum(item.images_skipped for item in found),
        images_updated=sum(item.images_updated for item in found),
        errors=sum(item.errors for item in found),
    )
