"""Read ``WWW-Authenticate`` headers (RFC 9110, section 11.6.1) as registries write them.

One challenge a line; a line is read up to its first malformed or empty value and what was read
until then counts. Of two challenges in one line only the first is seen, because commas separate
both parameters and challenges. Cases: tests/vectors/data/auth_challenge.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_LINES = 16  # a registry offers two or three; more only costs time

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: scheme and parameter names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all header lines in order; unreadable lines are left out."""
    found = (_parse_line(line) for line, _ in zip(lines, range(MAX_LINES), strict=False))
    return tuple(challenge for challenge in found if challenge)


def _parse_line(line: str) -> Challenge | None:
    scheme = _TOKEN.match(line)
    if not scheme:
        return None
    return Challenge(scheme[0].lower(), _parse_parameters(line[scheme.end() :]))


def _parse_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    rest = text.lstrip(_BLANKS)
    while True:
        key = _TOKEN.match(rest)
        if not key or not rest.startswith("=", key.end()):
            return parameters
        value, end = _parse_value(rest, key.end() + 1)
        if not value:
            return parameters
        parameters[key[0].lower()] = value
        rest = rest[end:].lstrip(_BLANKS)
        if not rest.startswith(","):
            return parameters
        rest = rest[1:].lstrip(_BLANKS)


def _parse_value(text: str, start: int) -> tuple[str, int]:
    """Return the token or quoted text at `start` and where it ends; empty when there is none."""
    if quoted := _QUOTED.match(text, start):
        return _ESCAPE.sub(r"\1", quoted[1]), quoted.end()
    if token := _TOKEN.match(text, start):
        return token[0], token.end()
    return "", start
