"""Which updates the status of a resource lists as recent, when several shards make them.

Promises: 1. an update is news once, whoever found it and however often its report is read; 2. what
any shard updated a short while ago stands beside it, so that one new tag that reaches the shards
one after the other makes one list; 3. who takes shard 0 over does not tell again what the status
lists, and tells what was written while nobody held it.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.shard_report import Parts, ResourcePart

# What an update is told under: shard, resource and cycle.
UpdateName: TypeAlias = "tuple[int, ObjectKey, str]"
NOTHING_TOLD: frozenset[UpdateName] = frozenset()


def named_updates(found: Parts) -> dict[UpdateName, list[Decision]]:
    """Return the recent updates of resources by their names."""
    named: dict[UpdateName, list[Decision]] = defaultdict(list)
    for key, parts in found.items():
        for shard, part in sorted(parts.items()):
            for cycle, item in part.updates:
                named[shard, key, cycle].append(item)
    return named


def news_of(found: Parts, told: Collection[UpdateName]) -> dict[ObjectKey, tuple[Decision, ...]]:
    """Return the recent updates of each resource; none where all of them were told before."""
    news: dict[ObjectKey, tuple[Decision, ...]] = dict.fromkeys(found, ())
    for key, parts in found.items():
        named = named_updates({key: parts})
        if named.keys() - told:
            updates = (item for items in named.values() for item in items)
            news[key] = tuple(sorted(updates, key=lambda item: item.application))
    return news


def lists(status: Mapping[str, Any], updates: Iterable[Decision]) -> bool:
    """Tell whether a status lists updates: each version for at least so many Applications."""
    entries = status.get("recentUpdates")
    listed = {
        (entry.get("alias"), entry.get("newVersion")): entry.get("applicationsUpdated")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    }
    found: dict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
    for item in updates:
        assert item.change is not None
        at = item.change.alias or item.change.name, item.change.new.text
        found[at].add(item.application)
    return all(_count(listed.get(at)) >= len(names) for at, names in found.items())


def names_in(shard: int, parts: Mapping[ObjectKey, ResourcePart]) -> frozenset[UpdateName]:
    """Return the names of the updates in a report."""
    return frozenset(named_updates({key: {shard: part} for key, part in parts.items()}))


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
