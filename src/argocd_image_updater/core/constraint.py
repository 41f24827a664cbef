"""Version constraints: ``^1.2``, ``>=1 <2 || 3.x``, ``1.2 - 1.4``.

A constraint is OR groups of AND items. Pre-releases are accepted only by a group in which an item
names one. Parsing either gives a constraint or raises InvalidConstraint; evaluation never fails.

Source of the rules: the constraint language of the Masterminds library as the reference uses it;
tests/vectors/data/semver_constraint.json, docs/strategies.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.version import (
    IDENTIFIERS,
    Version,
    make_version,
    parse_number,
)
from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

_LENGTH_LIMIT = 2048  # the search for hyphen ranges is quadratic in the worst case
_CACHED_CONSTRAINTS = 4096

_SPACE = r"[\t\n\f\r ]"
_PART = r"[0-9xX*|]+"  # a lone | is read here and refused below, as in the reference
_PATTERN = (
    rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?"
    rf"(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?"
)
_ANY_PATTERN = re.sub(r"\((?!\?)", "(?:", _PATTERN)
# The first pattern is atomic: what follows it is a space, which no pattern can hold.
_RANGE = re.compile(
    rf"{_SPACE}*+((?>{_ANY_PATTERN})){_SPACE}++-{_SPACE}++({_ANY_PATTERN}){_SPACE}*+"
)
_ITEM = re.compile(rf"(!=|>=|=>|<=|=<|~>|[=<>~^])?{_SPACE}*+{_PATTERN}")
_SEPARATOR = re.compile(rf"{_SPACE}*+,{_SPACE}*+|{_SPACE}++")
_BLANK = re.compile(rf"{_SPACE}*+")
_WILDCARDS = frozenset(("x", "X", "*", None))


class InvalidConstraint(ConfigError):
    """The text is no version constraint."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The version of an item, and which of its numbers were left open (at most one flag)."""

    version: Version
    any_major: bool = False
    open_minor: bool = False
    open_patch: bool = False

    @property
    def is_open(self) -> bool:
        return self.any_major or self.open_minor or self.open_patch


_Check = tuple["Callable[[Version, _Bound], bool]", _Bound]


@dataclass(frozen=True, slots=True)
class _Group:
    """Items that must all hold."""

    checks: tuple[_Check, ...]
    allows_prereleases: bool

    def holds(self, version: Version) -> bool:
        return all(check(version, bound) for check, bound in self.checks)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A parsed constraint; `text` is what the user wrote."""

    text: str
    groups: tuple[_Group, ...]

    def accepts(self, version: Version) -> bool:
        """Say whether some group holds and admits the version's kind."""
        for group in self.groups:
            if (group.allows_prereleases or not version.prerelease) and group.holds(version):
                return True
        return False

    def only_hides_prerelease(self, version: Version) -> bool:
        """Say whether the version is refused for being a pre-release and for nothing else."""
        return not self.accepts(version) and any(group.holds(version) for group in self.groups)


@lru_cache(maxsize=_CACHED_CONSTRAINTS)
def parse_constraint(text: str) -> Constraint:
    """Parse a constraint; raise InvalidConstraint with the part that was not understood."""
    if len(text) > _LENGTH_LIMIT:
        raise InvalidConstraint(
            f"version constraint is longer than {_LENGTH_LIMIT} characters: {shorten(text, 60)}"
        )
    rewritten = _RANGE.sub(r">= \1, <= \2 ", text)
    return Constraint(text, tuple(_parse_group(group) for group in rewritten.split("||")))


def _parse_group(text: str) -> _Group:
    end = _end_of(_BLANK, text, 0)
    checks: list[_Check] = []
    while True:
        item = _ITEM.match(text, end)
        if item is None:
            raise InvalidConstraint(
                f"improper constraint: {shorten(text) or 'an alternative is empty'}",
                hint="write for example ^1.2, ~1.4 or >=1.0 <2.0",
            )
        checks.append(_parse_item(item))
        end = item.end()
        if _end_of(_BLANK, text, end) == len(text):
            break
        separator = _SEPARATOR.match(text, end)
        if separator is None:
            raise InvalidConstraint(
                f"improper constraint: {shorten(text)}",
                hint="separate the conditions with a space or a comma, alternatives with ||",
            )
        end = separator.end()
    return _Group(tuple(checks), any(bound.version.prerelease for _, bound in checks))


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _parse_item(item: re.Match[str]) -> _Check:
    operator, major, minor, patch, prerelease = item.groups()
    # COMPAT: tests/vectors/data/semver_constraint.json - what follows a wildcard is not looked at.
    any_major = major in _WILDCARDS
    open_minor = not any_major and minor in _WILDCARDS
    open_patch = not any_major and not open_minor and patch in _WILDCARDS
    known = 0 if any_major else 1 if open_minor else 2 if open_patch else 3
    numbers = [_parse_part(part, item) for part in (major, minor, patch)[:known]]
    numbers += [0] * (3 - known)
    version = make_version(*numbers, prerelease=prerelease or "")
    if version is None:
        raise InvalidConstraint(
            f"constraint parser error: pre-release {shorten(prerelease)} has a number with a "
            "leading zero"
        )
    return _CHECKS[operator or "="], _Bound(version, any_major, open_minor, open_patch)


def _parse_part(text: str, item: re.Match[str]) -> int:
    number = parse_number(text) if text.isdigit() else None
    if number is None:
        raise InvalidConstraint(
            f"constraint parser error: {shorten(text)} in {shorten(item[0])} is neither a number "
            "up to 64 bits nor a wildcard"
        )
    return number


def _equal(version: Version, bound: _Bound) -> bool:
    if bound.is_open:
        return _tilde(version, bound)
    return version.precedence == bound.version.precedence


def _not_equal(version: Version, bound: _Bound) -> bool:
    base = bound.version
    if bound.is_open:
        if version.major != base.major:
            return True
        if bound.open_minor:
            return False
        if version.minor != base.minor:
            return True
        # COMPAT: tests/vectors/data/semver_constraint.json - the open patch compares pre-releases.
        if bound.open_patch:
            return version.prerelease != base.prerelease
        if version.patch != base.patch:
            return True
    return version.precedence != base.precedence


def _greater(version: Version, bound: _Bound) -> bool:
    base = bound.version
    if not bound.is_open or bound.any_major:
        return version.precedence > base.precedence
    if version.major != base.major:
        return version.major > base.major
    return bound.open_patch and version.minor > base.minor


def _less(version: Version, bound: _Bound) -> bool:
    return version.precedence < bound.version.precedence


def _greater_or_equal(version: Version, bound: _Bound) -> bool:
    return version.precedence >= bound.version.precedence


def _less_or_equal(version: Version, bound: _Bound) -> bool:
    base = bound.version
    if not bound.is_open:
        return version.precedence <= base.precedence
    if version.major != base.major:
        return version.major < base.major
    return bound.open_minor or version.minor <= base.minor


def _tilde(version: Version, bound: _Bound) -> bool:
    base = bound.version
    if version.precedence < base.precedence:
        return False
    # COMPAT: tests/vectors/data/semver_constraint.json - ~0.0.0 accepts everything above it.
    if not (base.major or base.minor or base.patch or bound.open_minor or bound.open_patch):
        return True
    if version.major != base.major:
        return False
    return bound.open_minor or version.minor == base.minor


def _caret(version: Version, bound: _Bound) -> bool:
    base = bound.version
    if version.precedence < base.precedence or version.major != base.major:
        return False
    if base.major or bound.open_minor:
        return True
    if base.minor or bound.open_patch:
        return version.minor == base.minor
    return version.minor == 0 and version.patch == base.patch


_CHECKS: dict[str, Callable[[Version, _Bound], bool]] = {
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _greater_or_equal,
    "=>": _greater_or_equal,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
