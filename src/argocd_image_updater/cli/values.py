"""Texts of flags and environment variables → values.

Pure. Two grammars meet here on purpose: a flag takes every spelling Go's flag packages take
(``--x=T``, ``0x1F``), an environment variable only ``true``/``false`` and decimal numbers.
Sources: Go's ``strconv.ParseBool`` and ``strconv.ParseInt`` (base 0), and docs/reference/cli.md.
"""

from __future__ import annotations

import re

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INT64 = range(-(2**63), 2**63)
_BASES = ((re.compile(r"0[xX](_?[0-9a-fA-F])+"), 16), (re.compile(r"0[bB](_?[01])+"), 2))
_OCTAL = re.compile(r"0[oO]?(_?[0-7])+")
_DECIMAL = re.compile(r"0|[1-9](_?[0-9])*")
_PLAIN_DECIMAL = re.compile(r"[+-]?[0-9]+")
_DIGITS_LIMIT = 70  # 64 binary digits with prefix: more is out of range anyway


def parse_bool(text: str) -> bool:
    """Return the boolean a flag's value names.

    Raises:
        ValueError: the word is none of the accepted ones.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("write true or false (also 1, t, T, TRUE, True, 0, f, F, FALSE, False)")


def parse_int(text: str) -> int:
    """Return the whole number a flag's value names: ``10``, ``0x1F``, ``0o17``, ``017``, ``0b101``.

    Raises:
        ValueError: it is not a number or does not fit 64 bits.
    """
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    number = _unsigned(digits) if len(digits) <= _DIGITS_LIMIT else None
    if number is None or sign * number not in _INT64:
        raise ValueError("write a whole number such as 10, 0x1f, 0o17 or 0b101")
    return sign * number


def parse_environment_bool(text: str) -> bool:
    """Return the boolean of an environment variable: ``true`` or ``false`` in any case.

    Raises:
        ValueError: any other word.
    """
    word = text.lower()
    if word in ("true", "false"):
        return word == "true"
    raise ValueError("write true or false")


def parse_environment_int(text: str, allowed: range) -> int:
    """Return the decimal number of an environment variable within `allowed`.

    Raises:
        ValueError: not decimal, or outside the range.
    """
    if _PLAIN_DECIMAL.fullmatch(text) and len(text) <= _DIGITS_LIMIT:
        number = int(text)
        if number in allowed:
            return number
    raise ValueError(f"write a whole number from {allowed.start} to {allowed.stop - 1}")


def _unsigned(digits: str) -> int | None:
    for pattern, base in _BASES:
        if pattern.fullmatch(digits):
            return int(digits[2:].replace("_", ""), base)
    if _DECIMAL.fullmatch(digits):
        return int(digits.replace("_", ""))
    if _OCTAL.fullmatch(digits):
        return int(digits.replace("_", "").lower().removeprefix("0o"), 8)
    return None
