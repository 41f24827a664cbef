"""Which updates the status of a resource lists as recent, when several shards make them.

Promises: 1. an update is news once, whoever found it and however often its report is read; 2. what
was told a short while ago stays beside it, so that one new tag that reaches the shards one after
the other makes one list; 3. an Application counts once in it; 4. who takes shard 0 over does not
tell again what the status lists.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Any

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.shard_report import Parts

# Shard, resource and cycle.
PartName: TypeAlias = "tuple[int, ObjectKey, str]"
_Update: TypeAlias = "tuple[ObjectKey, str, str, str]"


@dataclass(frozen=True, slots=True)
class Told:
    """What was told: parts by their names, and the updates of each resource with their times."""

    parts: frozenset[PartName] = frozenset()
    updates: Mapping[ObjectKey, Mapping[_Update, tuple[float, Decision]]] = field(
        default_factory=dict
    )


NOTHING_TOLD = Told()


def tell(
    told: Told,
    found: Parts,
    *,
    now_s: float,
    recent_s: float,
) -> tuple[Told, dict[ObjectKey, tuple[Decision, ...]]]:
    """Return what is told after these parts of resources, and the recent updates of each.

    Without a part that is news there are none: the status keeps what it has.
    """
    recent = dict(told.updates)
    news: dict[ObjectKey, tuple[Decision, ...]] = {}
    for key, parts in found.items():
        fresh = [
            item
            for shard, part in sorted(parts.items())
            if (shard, key, part.cycle) not in told.parts
            for item in updates_of(part.decisions)
        ]
        news[key] = ()
        if fresh:
            kept = {
                name: seen
                for name, seen in recent.get(key, {}).items()
                if now_s - seen[0] <= recent_s
            }
            recent[key] = kept | {_name(item): (now_s, item) for item in fresh}
            news[key] = tuple(item for _, (_, item) in sorted(recent[key].items()))
    return Told(told.parts | names_of(found), recent), news


def names_of(found: Parts) -> frozenset[PartName]:
    """Return the names of parts."""
    return frozenset(
        (shard, key, part.cycle) for key, parts in found.items() for shard, part in parts.items()
    )


def forget(told: Told, *, parts: Collection[PartName], known: Collection[ObjectKey]) -> Told:
    """Return what was told without parts that no report has any more, and resources that are gone.

    parts: those that there are.
    """
    return Told(
        told.parts.intersection(parts),
        {key: updates for key, updates in told.updates.items() if key in known},
    )


def lists(status: Mapping[str, Any], decisions: Iterable[Decision]) -> bool:
    """Tell whether a status lists all updates among some decisions."""
    entries = status.get("recentUpdates")
    listed = {
        (entry.get("alias"), entry.get("newVersion"))
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    }
    return all(
        (item.change.alias or item.change.name, item.change.new.text) in listed
        for item in updates_of(decisions)
        if item.change is not None
    )


def updates_of(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Yield what was really written."""
    return (item for item in decisions if item.reason is Reason.UPDATED and item.change is not None)


def _name(item: Decision) -> _Update:
    change = item.change
    return item.application, item.alias, item.image, "" if change is None else change.new.text
