"""Which Lease a replica takes, asks for or leaves alone. Pure: what is seen, and a time, to a step.

Rules: 1. a replica without a shard takes a free one at once, that of its ordinal before others;
2. one that has a shard leaves free ones to the others for a grace, and then those with the fewest
take them; 3. where nothing is free, one without a shard asks a replica of several to give one back;
what was asked for is left to who asked, for a grace; 4. while anybody alive counts with another
number of shards, nobody takes anything.
Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.shards import shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.kube.shards.lease_record import LeaseTimes, Observation

# After so many graces it no longer counts who has the fewest: they do not do it.
GRACES_OF_ANYBODY = 2
LONGEST_REST_S = 60.0
_ORDINAL = re.compile(r".+-([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Take:
    """Take the Lease of a shard."""

    shard: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the holder of a shard to give it back."""

    shard: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done until something changes, or for so long."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class View:
    """What one replica sees.

    seen: by shard; one without a Lease is missing. held: its own.
    open_since_s: since when it looks and nobody counts with another number.
    """

    identity: str
    shards: int
    held: frozenset[int]
    seen: Mapping[int, Observation]
    open_since_s: float
    ordinal: int | None = None

    def is_alive(self, shard: int, now_s: float) -> bool:
        """Tell whether somebody else holds a shard."""
        found = self.seen.get(shard)
        if shard in self.held or found is None:
            return False
        return found.record.holder != self.identity and found.is_held(now_s)

    def free_from_s(self, shard: int) -> float:
        found = self.seen.get(shard)
        since_s = self.open_since_s
        return since_s if found is None else max(found.free_from_s, since_s)


def ordinal_of(identity: str, shards: int) -> int | None:
    """Return the number at the end of a host's name, as a StatefulSet gives it."""
    match = _ORDINAL.fullmatch(identity.partition("_")[0])
    number = int(match[1]) if match else shards
    return number if number < shards else None


def next_step(view: View, *, now_s: float, times: LeaseTimes) -> Take | Ask | Rest:
    """Return what a replica should do now."""
    free = [
        shard
        for shard in range(view.shards)
        if shard not in view.held and not view.is_alive(shard, now_s)
    ]
    open_ = [shard for shard in free if not _is_reserved(view, shard, now_s=now_s, times=times)]
    if view.held:
        wanted = [s for s in open_ if _may_have_more(view, s, now_s=now_s, times=times)]
    else:
        wanted = open_
    if wanted:
        return Take(min(wanted, key=lambda shard: _rank(view, shard)))
    if not view.held and not free:
        shard = _to_ask(view, now_s)
        if shard is not None:
            return Ask(shard)
    return Rest(_rest_s(view, free, now_s=now_s, times=times))


def stranger(seen: Iterable[Observation], *, identity: str, shards: int, now_s: float) -> str:
    """Say who alive counts with another number of shards, empty where nobody does."""
    for found in seen:
        record = found.record
        if record.holder == identity or not found.is_held(now_s):
            continue
        if record.shards != shards:
            return (
                f"Lease {record.name} is held by {record.holder}, which works with "
                f"{record.shards} shards and this replica with {shards}: it waits until all "
                "replicas with another number have ended"
            )
    return ""


def to_give_back(
    held: frozenset[int], seen: Mapping[int, Observation], *, identity: str
) -> frozenset[int]:
    """Return the shards that others have asked for; one always stays."""
    asked = sorted(
        shard
        for shard in held
        if shard in seen and seen[shard].record.wanted_by not in {"", identity}
    )
    return frozenset(asked[: max(0, len(held) - 1)])


def _is_reserved(view: View, shard: int, *, now_s: float, times: LeaseTimes) -> bool:
    """Tell whether a free shard is left to somebody who asked for it."""
    found = view.seen.get(shard)
    if found is None or found.record.wanted_by in {"", view.identity}:
        return False
    return not found.record.holder and now_s < view.free_from_s(shard) + times.grace_s


def _may_have_more(view: View, shard: int, *, now_s: float, times: LeaseTimes) -> bool:
    found = view.seen.get(shard)
    if found is not None and found.record.holder == view.identity:
        return True  # taken in our name and not known to be held
    free_s = now_s - view.free_from_s(shard)
    if free_s < times.grace_s:
        return False
    fewest = min(_counts(view, now_s).values(), default=len(view.held))
    return len(view.held) <= fewest or free_s >= GRACES_OF_ANYBODY * times.grace_s


def _counts(view: View, now_s: float) -> Counter[str]:
    """Count the shards of each other replica that is alive."""
    return Counter(
        view.seen[shard].record.holder
        for shard in range(view.shards)
        if view.is_alive(shard, now_s)
    )


def _rank(view: View, shard: int) -> tuple[bool, bool, int]:
    """Order shards: what was asked for, that of the ordinal, then a rotation.

    It differs between replicas without a shard, so that those that start together seldom collide;
    the others begin with shard 0, which writes the status.
    """
    found = view.seen.get(shard)
    is_asked = found is not None and found.record.wanted_by == view.identity
    first = 0 if view.held else shard_of(view.identity, view.shards)
    turn = (shard - first) % view.shards
    return not is_asked, shard != view.ordinal, turn


def _to_ask(view: View, now_s: float) -> int | None:
    """Return a shard of a replica that has several; None where there is none, or one was asked."""
    counts = _counts(view, now_s)
    rich = [shard for shard in range(view.shards) if counts[view.seen[shard].record.holder] > 1]
    wishes = {shard: view.seen[shard].record.wanted_by for shard in rich}
    if view.identity in wishes.values():
        return None
    unasked = [shard for shard in rich if not wishes[shard]]
    if not unasked:
        return None
    if view.ordinal in unasked:
        return view.ordinal

    def newest_of_the_richest(shard: int) -> tuple[int, str, int]:
        record = view.seen[shard].record
        return counts[record.holder], record.acquired, shard

    return max(unasked, key=newest_of_the_richest)


def _rest_s(view: View, free: list[int], *, now_s: float, times: LeaseTimes) -> float:
    """Return the time until the passing of time alone changes something."""
    moments = [
        view.free_from_s(shard)
        for shard in range(view.shards)
        if shard not in view.held and shard not in free
    ]
    for shard in free:
        since_s = view.free_from_s(shard)
        moments += [since_s + times.grace_s, since_s + GRACES_OF_ANYBODY * times.grace_s]
    later = [moment - now_s for moment in moments if moment > now_s]
    return min(later, default=LONGEST_REST_S)
