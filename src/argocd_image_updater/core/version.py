"""Versions as they stand in tags: lenient forms of Semantic Versioning, compared by precedence.

A tag is a version only if the whole text is one: ``v1``, ``1.2``, ``01.2.3-rc.1+build``. The text
itself is never normalised; what is chosen and written is the tag as the registry spells it.

Source of the rules: https://semver.org, widened as the Masterminds library does (a leading ``v``,
missing numbers, leading zeros); tests/vectors/data/semver_compare.json.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_NUMBER_LIMIT = 2**64 - 1  # greater numbers make a text no version, as in the reference
_NUMBER_DIGITS = len(str(_NUMBER_LIMIT))
_CACHED_VERSIONS = 32_768  # some 10 MB; a repository with more tags is parsed again, 2 µs a tag

IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    rf"(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?"
)

_Identifier = tuple[int, int, str]
# Compares after every pre-release of the same numbers.
_RELEASE: tuple[int, tuple[_Identifier, ...]] = (1, ())


class Version(NamedTuple):
    """A version; `precedence` is the only field that orders versions."""

    major: int
    minor: int
    patch: int
    prerelease: str
    precedence: tuple[int, int, int, tuple[int, tuple[_Identifier, ...]]]


@lru_cache(maxsize=_CACHED_VERSIONS)
def parse_version(text: str) -> Version | None:
    """Return the version that the whole of `text` is, or None."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    first, second, third, prerelease = match.groups()
    major = parse_number(first)
    minor = parse_number(second) if second else 0
    patch = parse_number(third) if third else 0
    if major is None or minor is None or patch is None:
        return None
    return make_version(major, minor, patch, prerelease=prerelease or "")


def make_version(major: int, minor: int, patch: int, *, prerelease: str) -> Version | None:
    """Return the version of these parts, or None where the pre-release is malformed."""
    if not prerelease:
        return Version(major, minor, patch, "", (major, minor, patch, _RELEASE))
    identifiers = []
    for text in prerelease.split("."):
        identifier = _parse_identifier(text)
        if identifier is None:
            return None
        identifiers.append(identifier)
    precedence = (major, minor, patch, (0, tuple(identifiers)))
    return Version(major, minor, patch, prerelease, precedence)


def parse_number(digits: str) -> int | None:
    """Return the value of ASCII digits, or None above 64 bits; leading zeros do not count."""
    if len(digits) >= _NUMBER_DIGITS:
        digits = digits.lstrip("0") or "0"
        if len(digits) > _NUMBER_DIGITS:  # also keeps int() away from huge texts
            return None
    value = int(digits)
    return value if value <= _NUMBER_LIMIT else None


def _parse_identifier(text: str) -> _Identifier | None:
    """Return a comparable pre-release identifier: numbers by value and before all others."""
    if not text.isdigit():  # the grammar admits ASCII only
        return (1, 0, text)
    if text[0] == "0" and len(text) > 1:
        return None
    value = parse_number(text)
    # COMPAT: tests/vectors/data/semver_compare.json - a number above 64 bits counts as text.
    return (1, 0, text) if value is None else (0, value, "")
