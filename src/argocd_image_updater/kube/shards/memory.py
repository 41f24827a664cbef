"""What a replica knows of the results of all shards: its own, and what the others wrote.

Promises: 1. what was found stays known when a shard changes its holder, until the new holder has
found something; 2. nothing is put together of a resource of which an own shard has found nothing
yet: the own cycle that does is on its way; 3. an update is news once, see `core/shard_news.py`.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.shard_news import (
    NOTHING_TOLD,
    lists,
    named_updates,
    names_in,
    news_of,
)
from argocd_image_updater.core.shard_report import joined_report, renewed, split_report
from argocd_image_updater.core.shards import STATUS_SHARD

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.shard_news import UpdateName
    from argocd_image_updater.core.shard_report import Parts, ResourcePart


class ShardMemory:
    """recent_s: so long an update is listed beside newer ones."""

    def __init__(self, shards: int, *, identity: str, recent_s: float) -> None:
        self._shards = shards
        self._identity = identity
        self._recent_s = recent_s
        self._held: frozenset[int] = frozenset()
        self._own: dict[int, dict[ObjectKey, ResourcePart]] = {}
        self._others: dict[int, dict[ObjectKey, ResourcePart]] = {}
        self._inherited: set[UpdateName] = set()
        self._told = NOTHING_TOLD
        self._cycles = 0
        self._began_s: dict[str, float] = {}

    @property
    def unknown(self) -> frozenset[int]:
        """Return the held shards whose results of before are not known; see `inherit`."""
        return self._held - {STATUS_SHARD} - self._own.keys()

    def own(self, shard: int) -> Mapping[ObjectKey, ResourcePart]:
        """Return what was found here for a shard."""
        return self._own.get(shard, {})

    def hold(self, held: frozenset[int]) -> None:
        """Note which shards are held."""
        for shard in self._others.keys() & held:
            self._own[shard] = self._others.pop(shard)
        for shard in self._own.keys() - held:
            self._others[shard] = self._own.pop(shard)
        if STATUS_SHARD not in held:
            self._others.clear()
            self._inherited.clear()
            self._told = NOTHING_TOLD
        self._others.pop(STATUS_SHARD, None)
        self._held = held

    def inherit(self, shard: int, parts: Mapping[ObjectKey, ResourcePart]) -> None:
        """Take in what the holder before found for a held shard."""
        self._own.setdefault(shard, dict(parts))
        self._inherited |= names_in(shard, parts)

    def put(
        self, shard: int, parts: Mapping[ObjectKey, ResourcePart], *, is_first: bool
    ) -> frozenset[ObjectKey]:
        """Take in what another replica wrote; return the resources about which it is new.

        is_first: it was there before anybody listened, and may be told already.
        """
        before = self._others.get(shard, {})
        self._others[shard] = dict(parts)
        if is_first:
            self._inherited |= names_in(shard, parts)
        keys = before.keys() | parts.keys()
        return frozenset(key for key in keys if before.get(key) != parts.get(key))

    def remember(self, report: CycleReport, *, known: frozenset[ObjectKey], now_s: float) -> None:
        """Take in a cycle of this replica. known: all resources there are."""
        self._cycles += 1
        cycle = f"{self._identity}/{self._cycles}"
        recent = self._recent_cycles(cycle, now_s)
        for shard, parts in split_report(report, held=self._held, cycle=cycle).items():
            before = self._own.get(shard, {})
            merged = before | {
                key: renewed(before.get(key), part, recent=recent) for key, part in parts.items()
            }
            self._own[shard] = {key: part for key, part in merged.items() if key in known}

    def _recent_cycles(self, cycle: str, now_s: float) -> frozenset[str]:
        """Return the cycles that are not long ago; those of others begin when they are known."""
        named = {
            name
            for parts in self._own.values()
            for part in parts.values()
            for name, _ in part.updates
        }
        self._began_s = {name: self._began_s.get(name, now_s) for name in {*named, cycle}}
        return frozenset(
            name for name, began_s in self._began_s.items() if now_s - began_s <= self._recent_s
        )

    def together(
        self,
        keys: Collection[ObjectKey],
        *,
        status_of: Callable[[ObjectKey], Mapping[str, Any]],
        dry_run: bool,
    ) -> CycleReport:
        """Return what all shards last found about resources.

        status_of: their status as it is, which tells what the holder before has told.
        """
        parts = self._parts(keys)
        self._skip_told(parts, status_of)
        news = news_of(parts, self._told)
        everything = named_updates(self._parts(self.own(STATUS_SHARD))).keys()
        self._told = frozenset(everything & (self._told | named_updates(parts).keys()))
        report = joined_report(parts, shards=self._shards, dry_run=dry_run)
        return replace(report, news=news)

    def _parts(self, keys: Collection[ObjectKey]) -> Parts:
        own = {key for key in keys if all(key in self.own(shard) for shard in self._held)}
        known = {**self._others, **self._own}
        return {
            key: {shard: parts[key] for shard, parts in known.items() if key in parts}
            for key in own
        }

    def _skip_told(self, found: Parts, status_of: Callable[[ObjectKey], Mapping[str, Any]]) -> None:
        """Count as told what the status lists of that which was there before."""
        for key, by_shard in found.items():
            named = named_updates({key: by_shard})
            before = named.keys() & self._inherited
            if before and lists(status_of(key), (item for at in before for item in named[at])):
                self._told |= before
        self._inherited = {name for name in self._inherited if name[1] not in found}
