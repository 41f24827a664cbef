"""Update strategies: which tags are candidates, in which order, and which one is chosen.

The running tag plays no part here. Among equals the greatest name wins, compared by code point, so
the order of the registry's list never matters (unless the registry says that it is an order).
The trace of a selection applies the same rules once more and tells which one each tag met.

Source of the rules: docs/strategies.md, tests/vectors/data/strategy_select.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from typing import TYPE_CHECKING, Literal

from argocd_image_updater.core.candidates import Candidate, dated_by_position, eligible
from argocd_image_updater.core.constraint import (
    Constraint,
    InvalidConstraint,
    parse_constraint,
)
from argocd_image_updater.core.decisions import TagVerdict
from argocd_image_updater.core.settings import Strategy
from argocd_image_updater.core.version import Version, parse_version
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.filters import AllowTags, IgnoreTags

__all__ = [
    "Candidate",
    "Selection",
    "dated_by_position",
    "eligible",
    "explain",
    "is_older",
    "newest",
    "parse_strategy",
    "ranked",
    "select",
]

_ANY_RELEASE = "*"  # the constraint where none is given
_UNREAD = "its metadata is not known"
_DROPPED = {
    "platform": "offers no wanted platform",
    "metadata": "its image could not be read",
}
_NAMES = {strategy.value: strategy for strategy in Strategy}
_OLD_NAMES = {"latest": Strategy.NEWEST_BUILD, "name": Strategy.ALPHABETICAL}

SelectionFailure = Literal[
    "", "no-tags", "not-versions", "constraint-invalid", "constraint-unmatched"
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen candidate, or why there is none, as a kind and for people."""

    chosen: Candidate | None = None
    failure: SelectionFailure = ""
    message: str = ""


@lru_cache(maxsize=256)
def parse_strategy(text: str | None) -> tuple[Strategy, str]:
    """Return the strategy of a setting (not trimmed here), and a warning or nothing."""
    if text is None:
        return Strategy.SEMVER, ""
    name = text.replace("\u0130", "i").lower()  # one character for one, as settings are compared
    if name in _NAMES:
        return _NAMES[name], ""
    if name in _OLD_NAMES:
        strategy = _OLD_NAMES[name]
        return strategy, f"strategy {name!r} has been renamed: write {strategy.value!r}"
    known = ", ".join(_NAMES)
    return (
        Strategy.SEMVER,
        f"unknown strategy {shorten(repr(text))}, using semver; known are {known}",
    )


def select(strategy: Strategy, constraint: str, candidates: Iterable[Candidate]) -> Selection:
    """Choose among candidates; the constraint counts for semver and digest only."""
    candidates = tuple(candidates)
    if not candidates:
        return Selection(failure="no-tags", message=f"no tags found{_masked(strategy, constraint)}")
    if strategy is Strategy.SEMVER:
        return _select_version(constraint, candidates)
    if strategy is Strategy.NEWEST_BUILD:
        return Selection(max(candidates, key=_build_order))
    if strategy is Strategy.DIGEST:
        candidates = tuple(item for item in candidates if item.name == constraint)
        if not candidates:
            return _unmatched(constraint)
    return Selection(max(candidates, key=_by_name))


def ranked(
    strategy: Strategy, constraint: str, candidates: Iterable[Candidate]
) -> tuple[Candidate, ...]:
    """Return the candidates that may be chosen, the best first: the first is what `select` takes.

    Raises:
        InvalidConstraint: strategy semver cannot read the constraint.
    """
    if strategy is Strategy.NEWEST_BUILD:
        return tuple(sorted(candidates, key=_build_order, reverse=True))
    if strategy is Strategy.DIGEST:
        candidates = (item for item in candidates if item.name == constraint)
    if strategy is not Strategy.SEMVER:
        return tuple(sorted(candidates, key=_by_name, reverse=True))
    parsed = parse_constraint(constraint or _ANY_RELEASE)
    versions = [
        (version.precedence, item.name, item)
        for item in candidates
        if (version := parse_version(item.name)) is not None and parsed.accepts(version)
    ]
    return tuple(item for _, _, item in sorted(versions, reverse=True))


def _select_version(constraint: str, candidates: Sequence[Candidate]) -> Selection:
    versions = [
        (version.precedence, item.name, version, item)
        for item in candidates
        if (version := parse_version(item.name)) is not None
    ]
    if not versions:
        return Selection(
            failure="not-versions",
            message=f"none of {len(candidates)} tags is a version, which strategy semver needs"
            f"{_masked(Strategy.SEMVER, constraint)}",
        )
    try:
        parsed = parse_constraint(constraint or _ANY_RELEASE)
    except InvalidConstraint as error:
        return Selection(
            failure="constraint-invalid",
            message=f"invalid constraint {shorten(repr(constraint))}: {error}",
        )
    versions.sort(reverse=True)
    for _, _, version, item in versions:
        if parsed.accepts(version):
            return Selection(item)
    return _unmatched(constraint or _ANY_RELEASE)


def _unmatched(constraint: str) -> Selection:
    return Selection(
        failure="constraint-unmatched",
        message=f"no tag matches constraint {shorten(repr(constraint))}",
    )


def _masked(strategy: Strategy, constraint: str) -> str:
    """Say that the constraint is wrong too, where an empty list would hide it."""
    if strategy is Strategy.SEMVER and constraint and _usable_constraint(constraint) is None:
        return f" (and the constraint {shorten(repr(constraint))} is invalid)"
    return ""


def _usable_constraint(constraint: str) -> Constraint | None:
    """Return the constraint of strategy semver, or None where it is invalid."""
    try:
        return parse_constraint(constraint or _ANY_RELEASE)
    except InvalidConstraint:
        return None


def _build_order(candidate: Candidate) -> tuple[bool, int, str]:
    """Return the sort key of strategy newest-build, oldest first."""
    created_ns = candidate.created_ns
    return (created_ns is not None, created_ns or 0, candidate.name)


def newest(candidates: Iterable[Candidate], count: int) -> list[Candidate]:
    """Return the candidates that strategy newest-build would choose first, in that order."""
    return nlargest(count, candidates, key=_build_order)


def _version_order(version: Version | None, name: str) -> tuple[object, ...]:
    """Return the sort key of strategy semver; names that are no versions come first."""
    return (0, name) if version is None else (1, version.precedence, name)


def _by_name(candidate: Candidate) -> str:
    return candidate.name


def is_older(strategy: Strategy, a: Candidate, b: Candidate) -> bool | None:
    """Say whether `a` is older than `b` in the strategy's order; None where it has none."""
    if strategy is Strategy.SEMVER:
        version, other = parse_version(a.name), parse_version(b.name)
        if version is None or other is None:
            return None
        return version.precedence < other.precedence
    if strategy is Strategy.NEWEST_BUILD:
        if a.created_ns is None or b.created_ns is None:
            return None
        return a.created_ns < b.created_ns
    return None


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the selection was made with."""

    allow: AllowTags
    ignore: IgnoreTags
    strategy: Strategy
    constraint: str
    parsed: Constraint | None
    candidates: Mapping[str, Candidate] | None
    dropped: Mapping[str, str]
    waiting: Mapping[str, str]
    chosen: str | None


def explain(
    tags: Sequence[str],
    *,
    allow: AllowTags,
    ignore: IgnoreTags,
    strategy: Strategy,
    constraint: str,
    candidates: Mapping[str, Candidate] | None,
    dropped: Mapping[str, str],
    waiting: Mapping[str, str] | None = None,
) -> tuple[TagVerdict, ...]:
    """Return a verdict for every tag, newest first in the order of the strategy.

    candidates: the tags with usable metadata by name, None where no metadata was needed.
    dropped: tags without usable metadata, with the rule (``platform`` or ``metadata``), which may
    be followed by ``: `` and a detail. waiting: candidates that are too young, and until when.
    """
    waiting = waiting or {}
    if candidates is None:
        names = eligible(tags, allow=allow, ignore=ignore, strategy=strategy, constraint=constraint)
        pool = [Candidate(name) for name in names]
    else:
        pool = list(candidates.values())
    pool = [item for item in pool if item.name not in waiting and item.name not in dropped]
    chosen = select(strategy, constraint, pool).chosen
    rules = _Rules(
        allow,
        ignore,
        strategy,
        constraint,
        _usable_constraint(constraint) if strategy is Strategy.SEMVER else None,
        candidates,
        dropped,
        waiting,
        chosen.name if chosen else None,
    )
    ordered = sorted(set(tags), key=lambda tag: _order(tag, rules), reverse=True)
    return tuple(_verdict(tag, rules) for tag in ordered)


def _order(tag: str, rules: _Rules) -> tuple[object, ...]:
    if rules.strategy is Strategy.SEMVER:
        return _version_order(parse_version(tag), tag)
    if rules.strategy is Strategy.NEWEST_BUILD:
        return _build_order((rules.candidates or {}).get(tag) or Candidate(tag))
    return (tag,)


def _verdict(tag: str, rules: _Rules) -> TagVerdict:
    rule, detail = _judge(tag, rules)
    candidate = (rules.candidates or {}).get(tag)
    return TagVerdict(tag, rule, detail, candidate.created_ns if candidate else None)


def _judge(tag: str, rules: _Rules) -> tuple[str, str]:
    """Return rule and detail: the first rule that drops the tag, in the order of the selection."""
    if rules.strategy is Strategy.DIGEST and tag != rules.constraint:
        return "notTheTag", f"strategy digest follows {rules.constraint!r} only"
    if not rules.allow.allows(tag):
        return "allowTags", rules.allow.error or rules.allow.text
    if rules.ignore.ignores(tag):
        return "ignoreTags", rules.ignore.pattern_for(tag)
    if tag in rules.dropped:
        rule, _, detail = rules.dropped[tag].partition(": ")
        return rule, detail or _DROPPED.get(rule, "")
    if rules.candidates is not None and tag not in rules.candidates:
        return "metadata", _UNREAD
    if rules.strategy is Strategy.SEMVER:
        refused = _judge_version(tag, rules)
        if refused is not None:
            return refused
    if tag in rules.waiting:
        return "tooYoung", rules.waiting[tag]
    return ("chosen", "") if tag == rules.chosen else ("kept", "")


def _judge_version(tag: str, rules: _Rules) -> tuple[str, str] | None:
    """Return the rule that keeps a tag out of strategy semver, if one does."""
    version = parse_version(tag)
    constraint = rules.constraint or _ANY_RELEASE
    if version is None:
        return "notAVersion", ""
    if rules.parsed is None:
        return "constraint", f"{constraint!r} is no version constraint"
    if rules.parsed.accepts(version):
        return None
    if rules.parsed.only_hides_prerelease(version):
        return "preRelease", f"{constraint!r} names no pre-release, so it admits releases only"
    return "constraint", f"outside {constraint!r}"
