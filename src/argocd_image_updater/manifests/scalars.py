"""Read YAML scalars as Kubernetes tools do before they turn a manifest into JSON.

Plain ``yes``, ``on`` and their likes are booleans, ``017`` is octal, ``1e3`` a number; a date or a
time such as ``2024-05-01`` or ``12:30`` stays text. A quoted scalar is always text.

Source of the rules: https://pkg.go.dev/sigs.k8s.io/yaml, which reads YAML 1.1.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUES = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSES = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NUMBER_HEAD = frozenset("+-.0123456789")
# More digits than any number in a manifest has; beyond, the text stays text.
_NUMBER_LIMIT = 64
_INTEGER = re.compile(r"[-+]?(0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"([-+]?)0([0-7]+)")
_TEXT_TAGS = frozenset(("!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:binary"))
_CORE_TAG = "tag:yaml.org,2002:"


def read_scalar(text: str, *, tag: str | None, is_plain: bool) -> Scalar:
    """Return the value of one scalar."""
    if tag is None:
        return read_plain(text) if is_plain else text
    if tag in _TEXT_TAGS or not tag.startswith(_CORE_TAG):
        return text
    return read_plain(text)


def read_plain(text: str) -> Scalar:
    """Return the value of a scalar without quotes and tag."""
    if text[:1] in _NUMBER_HEAD:
        return _number(text)
    if text in _TRUES:
        return True
    if text in _FALSES:
        return False
    return None if text in _NULLS else text


def _number(text: str) -> Scalar:
    if len(text) > _NUMBER_LIMIT:
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return int(_OCTAL.sub(r"\g<1>0o\2", digits) if _OCTAL.fullmatch(digits) else digits, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def key_text(value: Scalar) -> str:
    """Return a map key as JSON has it: always text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
