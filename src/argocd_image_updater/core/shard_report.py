"""What one shard tells the one that writes the status: its last result per resource.

Promises: 1. the reports of all shards are disjoint, so that they join by adding up; 2. a resource
counts as worked on only as far as its slowest shard has come, and as checked only when each of them
has told of it.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from argocd_image_updater.core.counting import count_by_resource, total
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import CycleReport, ResourceResult
from argocd_image_updater.core.shards import STATUS_SHARD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem

# What is known of each resource, by shard.
Parts: TypeAlias = "Mapping[ObjectKey, Mapping[int, ResourcePart]]"


@dataclass(frozen=True, slots=True)
class ResourcePart:
    """The last result of one resource in one shard.

    cycle: names the cycle it is from. omitted: decisions and problems that found no room; they are
    counted all the same. earlier: what cycles before updated a short while ago, with their names.
    """

    result: ResourceResult
    decisions: tuple[Decision, ...] = ()
    problems: tuple[Problem, ...] = ()
    cycle: str = ""
    omitted: int = 0
    earlier: tuple[tuple[str, Decision], ...] = ()

    @property
    def updates(self) -> Iterator[tuple[str, Decision]]:
        """Yield what was written a short while ago, with the names of the cycles."""
        yield from self.earlier
        for decision in self.decisions:
            if decision.reason is Reason.UPDATED and decision.change is not None:
                yield self.cycle, decision


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What one shard last found. shards: how many there are. holder: who wrote it."""

    shard: int
    shards: int
    holder: str = ""
    parts: Mapping[ObjectKey, ResourcePart] = field(default_factory=dict)


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


def joined_report(parts: Parts, *, shards: int, dry_run: bool = False) -> CycleReport:
    """Return the report that these parts of resources came from, as far as they tell."""
    found = [(key, part) for key, by_shard in sorted(parts.items()) for part in _sorted(by_shard)]
    results: dict[ObjectKey, ResourceResult] = {}
    for key, part in found:
        results[key] = _added(results.get(key), part.result)
    decisions = (decision for _, part in found for decision in part.decisions)
    return CycleReport(
        decisions=tuple(sorted(decisions, key=lambda item: (item.resource, item.application))),
        problems=tuple(problem for _, part in found for problem in part.problems),
        counters=total(result.counters for result in results.values()),
        by_resource={key: result.counters for key, result in results.items()},
        resources=results,
        dry_run=dry_run,
        pending=dict(_pending(parts, results, shards=shards)),
        warnings=_omissions(found),
    )


def _pending(
    parts: Parts, results: Mapping[ObjectKey, ResourceResult], *, shards: int
) -> Iterator[tuple[ObjectKey, tuple[int, ...]]]:
    """Yield the resources of which some shards have not told yet, with these shards.

    One that cannot be used as a whole is told by one shard alone.
    """
    for key, by_shard in parts.items():
        missing = tuple(shard for shard in range(shards) if shard not in by_shard)
        if missing and key in results and results[key].failure is None:
            yield key, missing


def _sorted(by_shard: Mapping[int, ResourcePart]) -> Iterator[ResourcePart]:
    return (by_shard[shard] for shard in sorted(by_shard))


def _added(one: ResourceResult | None, other: ResourceResult) -> ResourceResult:
    if one is None:
        return other
    return ResourceResult(
        generation=min(one.generation, other.generation),
        applications=one.applications + other.applications,
        counters=total((one.counters, other.counters)),
        failure=one.failure or other.failure,
    )


def renewed(
    before: ResourcePart | None, part: ResourcePart, *, recent: Collection[str]
) -> ResourcePart:
    """Return a new part with what was updated before it; the one before if nothing is new.

    recent: names of cycles that are not long ago.
    """
    if before is None:
        return part
    earlier = tuple(item for item in before.updates if item[0] in recent)
    part = replace(part, earlier=earlier)
    if part.result.counters.images_updated:
        return part
    return before if replace(part, cycle=before.cycle) == before else part


def _omissions(found: Iterable[tuple[ObjectKey, ResourcePart]]) -> tuple[str, ...]:
    omitted: dict[ObjectKey, int] = defaultdict(int)
    for key, part in found:
        omitted[key] += part.omitted
    return tuple(
        f"{key}: {number} results of other shards are counted and not shown: there are too many"
        for key, number in omitted.items()
        if number
    )
