"""Durations as users of Go programs write and read them: ``90s``, ``1h30m``, ``2m0s``.

A duration is a whole number of nanoseconds in the signed 64-bit range. Source: Go's
``time.ParseDuration`` and ``Duration.String``, https://pkg.go.dev/time#ParseDuration: a sequence of
decimal numbers, each with a unit; the only number without one is ``0``.
"""

from __future__ import annotations

import re

NS_PER_S = 1_000_000_000
_MAX_NS = 2**63 - 1
_TEXT_LIMIT = 64  # a longer text is no duration a person wrote

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek letter mu
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_UNITS_HINT = "units are ns, us, ms, s, m and h, as in 90s or 1h30m"


def parse_duration(text: str) -> int:
    """Return the nanoseconds that `text` names.

    Raises:
        ValueError: it is not a duration; the message says why.
    """
    sign, rest = _split_sign(text[: _TEXT_LIMIT + 1])
    if rest == "0":
        return 0
    if not rest or len(text) > _TEXT_LIMIT:
        raise ValueError(f"invalid duration {_quoted(text)}: {_UNITS_HINT}")
    total_ns, position = 0, 0
    while position < len(rest):
        match = _PART.match(rest, position)
        if match is None or not (match[1] or match[2]):
            raise ValueError(f"invalid duration {_quoted(text)}: {_UNITS_HINT}")
        total_ns += _part_ns(match, text=text)
        position = match.end()
    if total_ns > _MAX_NS + (sign < 0):
        raise ValueError(f"invalid duration {_quoted(text)}: longer than 292 years")
    return sign * total_ns


def format_duration(duration_ns: int) -> str:
    """Return the shortest Go form: ``2m0s``, ``1.5s``, ``300ms``, ``0s``."""
    sign, rest_ns = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    if rest_ns < NS_PER_S:
        return sign + _below_second(rest_ns)
    minutes, second_ns = divmod(rest_ns, 60 * NS_PER_S)
    hours, minutes = divmod(minutes, 60)
    text = _decimal(second_ns, NS_PER_S) + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else sign + text


def _split_sign(text: str) -> tuple[int, str]:
    if text[:1] in ("-", "+"):
        return (-1 if text[0] == "-" else 1), text[1:]
    return 1, text


def _part_ns(match: re.Match[str], *, text: str) -> int:
    unit = match[3]
    if not unit:
        raise ValueError(f"missing unit in duration {_quoted(text)}: {_UNITS_HINT}")
    if unit not in _UNIT_NS:
        raise ValueError(f"unknown unit {_quoted(unit)} in duration {_quoted(text)}: {_UNITS_HINT}")
    scale = _UNIT_NS[unit]
    whole, fraction = int(match[1] or "0"), str(match[2] or "")
    below_one: int = int(fraction or "0") * scale // 10 ** len(fraction)
    return whole * scale + below_one


def _below_second(duration_ns: int) -> str:
    for unit in ("ms", "µs"):
        if duration_ns >= _UNIT_NS[unit]:
            return _decimal(duration_ns, _UNIT_NS[unit]) + unit
    return f"{duration_ns}ns" if duration_ns else "0s"


def _decimal(value: int, scale: int) -> str:
    whole, fraction = divmod(value, scale)
    digits = str(fraction).zfill(len(str(scale)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _quoted(text: str) -> str:
    return '"' + (text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "…") + '"'
