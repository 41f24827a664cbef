"""Scalars of a configuration file by the rules of YAML 1.1, with the exact types of its keys.

A scalar means what its key wants: a text key takes any scalar as it is written (``1.50`` stays
``1.50``), a number, a truth value or a duration accept only their own plain forms.
Rules: ``tests/vectors/data/registries_conf.json``; durations have Go's syntax.
"""

from __future__ import annotations

import re
from fractions import Fraction

import yaml

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
NS_PER_S = 1_000_000_000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset(
    form for word in ("y", "yes", "true", "on") for form in (word, word.title(), word.upper())
)
_FALSE = frozenset(
    form for word in ("n", "no", "false", "off") for form in (word, word.title(), word.upper())
)
_INTEGERS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"[-+]?0[xX]([0-9a-fA-F]+)"), 16),
    (re.compile(r"[-+]?0[oO]?([0-7]+)"), 8),
    (re.compile(r"[-+]?0[bB]([01]+)"), 2),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
# Longer numbers exceed 64 bits in every form and would only cost time.
NUMBER_TEXT_LIMIT = 64


def is_null(node: yaml.Node) -> bool:
    """Tell whether a node is an unquoted null."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULLS


def read_text(node: yaml.Node) -> str:
    """Return the source text of a scalar; null is empty."""
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("must be a single text, not a list or mapping")  # noqa: TRY004 - one kind
    return "" if is_null(node) else str(node.value)


def read_bool(node: yaml.Node) -> bool:
    """Return a truth value; null is false. Quoted words and numbers are refused."""
    text = _plain(node)
    if text in _TRUE:
        return True
    if text in _FALSE or is_null(node):
        return False
    raise ValueError("must be true or false, without quotes")


def read_int(node: yaml.Node) -> int:
    """Return a 64-bit number; null is 0, a fraction is cut off."""
    if is_null(node):
        return 0
    number = _number(_plain(node))
    if number is None:
        raise ValueError("must be a whole number of at most 64 bits, without quotes")
    return number


def read_duration(node: yaml.Node) -> tuple[float, bool]:
    """Return a duration in seconds and whether its unit is missing; null is 0.

    COMPAT: a bare number counts nanoseconds (registries_conf.json).
    """
    if is_null(node):
        return 0.0, False
    bare = _number(_plain(node))
    if bare is not None:
        return bare / NS_PER_S, bare != 0
    return parse_duration_ns(read_text(node)) / NS_PER_S, False


def parse_duration_ns(text: str) -> int:
    """Return the nanoseconds of a duration such as ``1h30m``; raise ValueError for others."""
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if digits == "0":
        return 0
    position, total = 0, Fraction(0)
    while match := _PART.match(digits, position):
        if match.end() - position > NUMBER_TEXT_LIMIT:
            break
        total += Fraction(f"0{match[1]}") * _UNITS_NS[match[2]]
        position = match.end()
    if not digits or position != len(digits):
        raise ValueError("must be a duration with units, such as 30m or 1h30m")
    if total > INT64_MAX:
        raise ValueError("is longer than about 292 years")
    return -int(total) if text.startswith("-") else int(total)


def _plain(node: yaml.Node) -> str | None:
    unquoted = isinstance(node, yaml.ScalarNode) and node.style is None
    return str(node.value) if unquoted else None


def _number(text: str | None) -> int | None:
    """Return the value of a plain number, None for everything else and for more than 64 bits."""
    compact = (text or "").replace("_", "")
    if not compact or len(compact) > NUMBER_TEXT_LIMIT or str(text).startswith("_"):
        return None
    number = next((read(compact) for read in (_integer, _float) if read(compact) is not None), None)
    return number if number is not None and INT64_MIN <= number <= INT64_MAX else None


def _integer(text: str) -> int | None:
    for pattern, base in _INTEGERS:
        if match := pattern.fullmatch(text):
            return -int(match[1], base) if text.startswith("-") else int(match[1], base)
    return None


def _float(text: str) -> int | None:
    return int(Fraction(text)) if _FLOAT.fullmatch(text) else None
