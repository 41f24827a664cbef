"""What one shard tells the one that writes the status: its last result per resource.

Promises: 1. the reports of all shards are disjoint, so that they merge by adding up; 2. an update
is told once: where it was told already, the merged report says that the target has it; 3. a
resource counts as worked on only as far as its slowest shard has come.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.counting import count_by_resource, total
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters, CycleReport, ResourceResult
from argocd_image_updater.core.shards import STATUS_SHARD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem


@dataclass(frozen=True, slots=True)
class ResourcePart:
    """The last result of one resource in one shard.

    cycle: names the cycle it is from. omitted: decisions and problems that found no room; they are
    counted all the same.
    """

    result: ResourceResult
    decisions: tuple[Decision, ...] = ()
    problems: tuple[Problem, ...] = ()
    cycle: str = ""
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What one shard last found. shards: how many there are. holder: who wrote it."""

    shard: int
    shards: int
    holder: str = ""
    parts: Mapping[ObjectKey, ResourcePart] = field(default_factory=dict)


# What was told before: shard, resource and cycle.
Told = frozenset[tuple[int, "ObjectKey", str]]
NOTHING_TOLD: Told = frozenset()


def split_report(
    report: CycleReport, *, held: Collection[int], cycle: str
) -> dict[int, dict[ObjectKey, ResourcePart]]:
    """Return what a cycle found, by shard and resource; a shard without work has empty parts."""
    shard_of = report.ownership.of
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in report.decisions:
        decisions[shard_of(decision.resource, decision.application)].append(_kept(decision))
    problems: dict[int, list[Problem]] = defaultdict(list)
    for problem in report.problems:
        problems[shard_of(problem.resource, problem.application)].append(problem)
    applications: dict[tuple[int, ObjectKey], int] = defaultdict(int)
    for (resource, _), shard in report.ownership.intents.items():
        applications[shard, resource] += 1
    return {
        shard: _parts(
            report,
            decisions[shard],
            problems[shard],
            shard=shard,
            applications=applications,
            cycle=cycle,
        )
        for shard in held
    }


def _kept(decision: Decision) -> Decision:
    """Return a decision without what only the cycle itself needs, for it may be large."""
    return replace(decision, settings=None, trace=None)


def _parts(
    report: CycleReport,
    decisions: Sequence[Decision],
    problems: Sequence[Problem],
    *,
    shard: int,
    applications: Mapping[tuple[int, ObjectKey], int],
    cycle: str,
) -> dict[ObjectKey, ResourcePart]:
    counters = count_by_resource(report.resources, decisions, problems=problems)
    of_decisions: dict[ObjectKey, list[Decision]] = defaultdict(list)
    for decision in decisions:
        of_decisions[decision.resource].append(decision)
    of_problems: dict[ObjectKey, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.resource is not None:
            of_problems[problem.resource].append(problem)
    return {
        key: ResourcePart(
            ResourceResult(
                generation=result.generation,
                applications=applications.get((shard, key), 0),
                counters=counters[key],
                failure=result.failure if shard == STATUS_SHARD else None,
            ),
            tuple(of_decisions[key]),
            tuple(of_problems[key]),
            cycle,
        )
        for key, result in report.resources.items()
    }


def joined_report(
    parts: Mapping[ObjectKey, Sequence[ResourcePart]], *, dry_run: bool = False
) -> CycleReport:
    """Return the report that these parts of resources came from, as far as they tell."""
    found = [(key, part) for key, parts_ in sorted(parts.items()) for part in parts_]
    results: dict[ObjectKey, ResourceResult] = {}
    for key, part in found:
        results[key] = _added(results.get(key), part.result)
    return CycleReport(
        decisions=_sorted(decision for _, part in found for decision in part.decisions),
        problems=tuple(problem for _, part in found for problem in part.problems),
        counters=total(result.counters for result in results.values()),
        by_resource={key: result.counters for key, result in results.items()},
        resources=results,
        dry_run=dry_run,
        warnings=_omissions(found),
    )


def merge_reports(
    own: CycleReport, others: Sequence[ShardReport], *, told: Told = NOTHING_TOLD
) -> CycleReport:
    """Return the own report with what the other shards found about the same resources.

    told: parts whose updates an earlier merge has told.
    """
    found = [
        (key, told_before(part) if (report.shard, key, part.cycle) in told else part)
        for report in sorted(others, key=lambda item: item.shard)
        for key, part in sorted(report.parts.items())
        if key in own.resources
    ]
    if not found:
        return own
    results = dict(own.resources)
    for key, part in found:
        results[key] = _added(results[key], part.result)
    problems = (*own.problems, *(item for _, part in found for item in part.problems))
    by_resource = {**own.by_resource, **{key: item.counters for key, item in results.items()}}
    return replace(
        own,
        decisions=_sorted(
            (*own.decisions, *(item for _, part in found for item in part.decisions))
        ),
        problems=problems,
        counters=total(by_resource.values()),
        by_resource=by_resource,
        resources=results,
        warnings=tuple(dict.fromkeys((*own.warnings, *_omissions(found)))),
    )


def told_by(others: Iterable[ShardReport], resources: Collection[ObjectKey]) -> Told:
    """Return what a merged report about these resources has told."""
    return frozenset(
        (report.shard, key, part.cycle)
        for report in others
        for key, part in report.parts.items()
        if key in resources
    )


def _added(one: ResourceResult | None, other: ResourceResult) -> ResourceResult:
    if one is None:
        return other
    return ResourceResult(
        generation=min(one.generation, other.generation),
        applications=one.applications + other.applications,
        counters=total((one.counters, other.counters)),
        failure=one.failure or other.failure,
    )


def told_before(part: ResourcePart) -> ResourcePart:
    """Return a part whose updates are news no longer."""
    counters: Counters = replace(part.result.counters, images_updated=0)
    return replace(
        part,
        result=replace(part.result, counters=counters),
        decisions=tuple(_no_news(decision) for decision in part.decisions),
    )


def renewed(before: ResourcePart | None, part: ResourcePart) -> ResourcePart:
    """Return a new part under the name of the cycle before where it says nothing new."""
    if before is None or part.result.counters.images_updated:
        return part
    same = replace(part, cycle=before.cycle)
    return same if same == before else part


def _no_news(decision: Decision) -> Decision:
    if decision.reason is not Reason.UPDATED:
        return decision
    return replace(
        decision,
        reason=Reason.ALREADY_SET,
        message=f"{decision.written_to} asks for it since an earlier cycle",
        change=None,
        written_to="",
    )


def _sorted(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    return tuple(sorted(decisions, key=lambda item: (item.resource, item.application)))


def _omissions(found: Iterable[tuple[ObjectKey, ResourcePart]]) -> tuple[str, ...]:
    omitted: dict[ObjectKey, int] = defaultdict(int)
    for key, part in found:
        omitted[key] += part.omitted
    return tuple(
        f"{key}: {number} results of other shards are counted and not shown: there are too many"
        for key, number in omitted.items()
        if number
    )
