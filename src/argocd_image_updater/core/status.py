"""The status that a resource should have after a cycle, and at the start of a long one.

It says what was done: an update that failed, or that a dry run only found, is not one. Members of
others are kept. Only what differs is written, and ``lastCheckedAt``; a member that the server does
not keep, because an older definition of the resource is installed, is not sent again and again: see
`as_meant`. Source of the rules: docs/status.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.bounded_text import plain
from argocd_image_updater.core.conditions import (
    done,
    failed,
    idle,
    running,
    waiting,
    with_conditions,
)
from argocd_image_updater.core.image_states import image_states
from argocd_image_updater.core.merge_patch import merge_patch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import ResourceResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.conditions import Condition
    from argocd_image_updater.core.decisions import Change, Decision
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.settings import Problem

RECENT_UPDATES_LIMIT = 100
_NAME_LIMIT = 512
_CHECKED = "lastCheckedAt"
_OMITTED = "imagesOmitted"


@dataclass(frozen=True, slots=True)
class ResourceOutcome:
    """What a cycle made of one resource; result: None where it never got to be worked on.

    news: the recent updates where they are not those of `decisions`. pending: shards that have not
    told of this resource yet.
    """

    result: ResourceResult | None = None
    decisions: tuple[Decision, ...] = ()
    problems: tuple[Problem, ...] = ()
    dry_run: bool = False
    news: tuple[Decision, ...] | None = None
    pending: tuple[int, ...] = ()

    @property
    def failure(self) -> Problem | None:
        """Why the resource as a whole could not be used."""
        if self.result is not None:
            return self.result.failure
        return self.problems[0] if self.problems else None


def outcomes_of(report: CycleReport) -> dict[ObjectKey, ResourceOutcome]:
    """Return the part of each resource that a cycle was about, sorted by name."""
    decisions: dict[ObjectKey, list[Decision]] = defaultdict(list)
    for decision in report.decisions:
        decisions[decision.resource].append(decision)
    problems: dict[ObjectKey, list[Problem]] = defaultdict(list)
    for problem in report.problems:
        if problem.resource is not None:
            problems[problem.resource].append(problem)
    return {
        key: ResourceOutcome(
            report.resources.get(key),
            tuple(decisions.get(key, ())),
            tuple(problems.get(key, ())),
            dry_run=report.dry_run,
            news=None if report.news is None else report.news.get(key, ()),
            pending=report.pending.get(key, ()),
        )
        for key in sorted({*report.resources, *problems})
    }


def desired_status(
    previous: Mapping[str, Any], outcome: ResourceOutcome, *, now: str, generation: int = 0
) -> dict[str, Any]:
    """Return the status after a cycle.

    previous: the status before, whatever it holds. now: RFC 3339, UTC, whole seconds. generation:
    for a resource of which the cycle does not say it.
    """
    result = outcome.result or ResourceResult()
    generation = result.generation or generation
    if outcome.pending:
        wanted = _with(previous, waiting(outcome.pending), generation=generation, now=now)
    else:
        wanted = _checked(previous, outcome, result=result, generation=generation, now=now)
    wanted[_CHECKED] = now
    updates = () if outcome.dry_run else recent_updates(_news(outcome), now=now)
    if updates:
        wanted |= {"lastUpdatedAt": now, "recentUpdates": list(updates)}
    return wanted


def _checked(
    previous: Mapping[str, Any],
    outcome: ResourceOutcome,
    *,
    result: ResourceResult,
    generation: int,
    now: str,
) -> dict[str, Any]:
    """Return the status with what was found in the place of what was found before."""
    failure = outcome.failure
    decisions = () if failure else outcome.decisions
    problems = () if failure else outcome.problems
    wanted = {
        **{name: value for name, value in previous.items() if name != _OMITTED},
        "applicationsMatched": 0 if failure else result.applications,
        "imagesManaged": 0 if failure else result.counters.images_considered,
        "conditions": with_conditions(
            previous.get("conditions"), _ends(outcome, result), generation=generation, now=now
        ),
        **image_states(decisions, problems, previous=previous.get("images"), now=now),
    }
    if generation > 0:
        wanted["observedGeneration"] = generation
    return wanted


def _ends(outcome: ResourceOutcome, result: ResourceResult) -> tuple[Condition, ...]:
    if outcome.failure is not None:
        return idle(), *failed(outcome.failure)
    return idle(), *done(
        applications=result.applications,
        errors=result.counters.errors,
        decisions=outcome.decisions,
        problems=outcome.problems,
        dry_run=outcome.dry_run,
    )


def _news(outcome: ResourceOutcome) -> tuple[Decision, ...]:
    if outcome.failure is not None:
        return ()
    return outcome.decisions if outcome.news is None else outcome.news


def begun_status(previous: Mapping[str, Any], *, now: str, generation: int) -> dict[str, Any]:
    """Return the status while a cycle runs: Error and Ready stay those of the last one."""
    return _with(previous, running(), generation=generation, now=now)


def _with(
    previous: Mapping[str, Any], condition: Condition, *, generation: int, now: str
) -> dict[str, Any]:
    conditions = with_conditions(
        previous.get("conditions"), (condition,), generation=generation, now=now
    )
    return {**previous, "conditions": conditions}


def status_patch(previous: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch after a cycle: what differs, and always the time of the check."""
    return {**merge_patch(previous, desired), _CHECKED: desired[_CHECKED]}


def recent_updates(decisions: Iterable[Decision], *, now: str) -> tuple[dict[str, Any], ...]:
    """Return what was really written, one entry for each alias and new version."""
    found: dict[tuple[str, str], list[tuple[Change, ObjectKey]]] = defaultdict(list)
    for decision in decisions:
        change = decision.change
        if decision.reason is Reason.UPDATED and change is not None:
            # COMPAT: another image under the same alias and version hides behind the first.
            at = change.alias or change.name, change.new.text
            found[at].append((change, decision.application))
    entries = sorted(found.items())[:RECENT_UPDATES_LIMIT]
    return tuple(
        _update(alias, version, changes=changes, now=now) for (alias, version), changes in entries
    )


def _update(
    alias: str, version: str, *, changes: list[tuple[Change, ObjectKey]], now: str
) -> dict[str, Any]:
    first, _ = changes[0]
    return {
        "alias": plain(alias, _NAME_LIMIT),
        "image": plain(first.image, _NAME_LIMIT),
        "newVersion": plain(version, _NAME_LIMIT),
        "applicationsUpdated": len({application for _, application in changes}),
        "updatedAt": now,
        "message": plain(f"{first.old.text} → {version}", 2 * _NAME_LIMIT),
    }


@dataclass(frozen=True, slots=True)
class Kept:
    """A member of a status as it was sent, and as the server kept it: None = not at all."""

    sent: Any
    stored: Any


def as_meant(status: Mapping[str, Any], kept: Mapping[str, Kept]) -> dict[str, Any]:
    """Return a status with the members that the server changed as they were sent.

    Only where they are still what the server made of them: then nobody else has touched them.
    """
    meant = {name: item.sent for name, item in kept.items() if status.get(name) == item.stored}
    return {**status, **meant}


def kept_after(
    kept: Mapping[str, Kept],
    *,
    patch: Mapping[str, Any],
    desired: Mapping[str, Any],
    answer: Mapping[str, Any],
) -> dict[str, Kept]:
    """Return which members the server has not kept as they were sent.

    kept: what was known before the patch. answer: the status that the server answered with.
    """
    found = {
        name: item
        for name, item in kept.items()
        if name not in patch and answer.get(name) == item.stored
    }
    for name in patch:
        if name in desired and answer.get(name) != desired[name]:
            found[name] = Kept(desired[name], answer.get(name))
    return found
