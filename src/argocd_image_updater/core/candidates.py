"""Candidates: the tags of a repository that may be chosen, and how the registry's order dates them.

Filters only drop; nothing here reads a version or compares two tags.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.settings import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.filters import AllowTags, IgnoreTags

_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tag that may be chosen.

    created_ns: nanoseconds since 1970, None = unknown, which counts as oldest.
    digest: set only where the strategy writes digests.
    """

    name: str
    created_ns: int | None = None
    digest: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def eligible(
    tags: Sequence[str],
    *,
    allow: AllowTags,
    ignore: IgnoreTags,
    strategy: Strategy,
    constraint: str,
) -> tuple[str, ...]:
    """Return the tags that pass the filters, in registry order, each name once.

    Of a name listed twice the later place counts.
    """
    if strategy is Strategy.DIGEST:
        tags = [tag for tag in tags if tag == constraint]
    if len(set(tags)) != len(tags):
        tags = tuple(dict.fromkeys(reversed(tags)))[::-1]
    if allow.kind == "none":
        return ()
    allows_all = allow.kind == "any"
    return tuple(
        tag for tag in tags if (allows_all or allow.allows(tag)) and not ignore.ignores(tag)
    )


def dated_by_position(tags: Sequence[str], sort: str) -> tuple[Candidate, ...]:
    """Return candidates dated by their place in a list that the registry has sorted.

    sort: ``latest-first`` or ``latest-last``; with anything else the dates stay unknown.
    """
    mode = sort.lower()
    if mode == "latest-first":
        count = len(tags)
        return tuple(
            Candidate(tag, (count - index) * _NANOSECONDS) for index, tag in enumerate(tags)
        )
    if mode == "latest-last":
        return tuple(Candidate(tag, index * _NANOSECONDS) for index, tag in enumerate(tags))
    return tuple(Candidate(tag) for tag in tags)
