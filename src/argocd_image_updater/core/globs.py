r"""Globs of ignored tags and Application names.

``*`` is any run without ``/``, ``?`` one character that is not ``/``, ``[a-z]`` and ``[^a-z]`` one
character of a class, ``\x`` the character x itself. Everything else stands for itself: there are
no braces, no ``**`` and no ``[!…]``. A glob covers the whole text, case matters.

Matching is linear in practice and never exponential: between two stars every element takes exactly
one character, so the first place where such a piece fits is the only one that is tried.

Source of the rules: Go's path.Match (https://pkg.go.dev/path#Match),
tests/vectors/data/tag_glob.json, tests/vectors/data/name_pattern.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from argocd_image_updater.errors import ConfigError, shorten

_CACHED_GLOBS = 4096
_ANY_CHARACTER = r"[\x00-\U0010ffff]"
_NO_CHARACTER = r"[^\x00-\U0010ffff]"


class MalformedGlob(ConfigError):
    """The pattern cannot be read."""


class _Piece(NamedTuple):
    """A part of a pattern without stars, which always takes `length` characters."""

    expression: re.Pattern[str]
    length: int


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern: pieces with a star between each two."""

    pattern: str
    pieces: tuple[_Piece, ...]

    def matches(self, text: str) -> bool:
        """Say whether the pattern covers the whole of `text`."""
        first = self.pieces[0]
        if len(self.pieces) == 1:
            return first.expression.fullmatch(text) is not None
        if first.expression.match(text) is None:
            return False
        position = first.length
        for piece in self.pieces[1:-1]:
            found = piece.expression.search(text, position, _reach(text, position) + piece.length)
            if found is None:
                return False
            position = found.end()
        last = self.pieces[-1]
        start = len(text) - last.length
        return (
            position <= start <= _reach(text, position)
            and last.expression.match(text, start) is not None
        )


def _reach(text: str, position: int) -> int:
    """Return the last place where a star that begins at `position` can end."""
    slash = text.find("/", position)
    return len(text) if slash < 0 else slash


@lru_cache(maxsize=_CACHED_GLOBS)
def compile_glob(pattern: str) -> Glob:
    """Compile a pattern; raise MalformedGlob where it cannot be read."""
    pieces: list[_Piece] = []
    elements: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            if elements or not pieces:  # several stars in a row are one
                pieces.append(_make_piece(elements))
                elements = []
            position += 1
        elif character == "?":
            elements.append("[^/]")
            position += 1
        elif character == "[":
            element, position = _read_class(pattern, position + 1)
            elements.append(element)
        else:
            element, position = _read_character(pattern, position)
            elements.append(re.escape(element))
    pieces.append(_make_piece(elements))
    return Glob(pattern, tuple(pieces))


def _make_piece(elements: list[str]) -> _Piece:
    return _Piece(re.compile("".join(elements)), len(elements))


def _read_character(pattern: str, position: int) -> tuple[str, int]:
    """Return the character at `position`, escaped or not, and where the pattern goes on."""
    if pattern[position] != "\\":
        return pattern[position], position + 1
    if position + 1 == len(pattern):
        raise _malformed(pattern, "a backslash must be followed by the character it stands for")
    return pattern[position + 1], position + 2


def _read_class(pattern: str, position: int) -> tuple[str, int]:
    """Return the class whose content begins at `position` as an expression, and its end."""
    negated = pattern.startswith("^", position)
    position += negated
    members: list[str] = []
    items = 0
    while items == 0 or not pattern.startswith("]", position):
        low, position = _read_class_bound(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _read_class_bound(pattern, position + 1)
        if low <= high:  # the other way round is well-formed and matches nothing
            members.append(f"{re.escape(low)}-{re.escape(high)}")
        items += 1
    if not members:
        return _ANY_CHARACTER if negated else _NO_CHARACTER, position + 1
    return f"[{'^' if negated else ''}{''.join(members)}]", position + 1


def _read_class_bound(pattern: str, position: int) -> tuple[str, int]:
    if position == len(pattern):
        raise _malformed(pattern, "a class that begins with [ must end with ]")
    if pattern[position] in "-]":
        raise _malformed(
            pattern, f"in a class, write \\{pattern[position]} for {pattern[position]} itself"
        )
    return _read_character(pattern, position)


def _malformed(pattern: str, hint: str) -> MalformedGlob:
    return MalformedGlob(f"malformed pattern {shorten(repr(pattern))}", hint=hint)
