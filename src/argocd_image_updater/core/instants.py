"""Moments as texts in objects of Kubernetes: RFC 3339, here UTC in whole seconds.

Source: https://www.rfc-editor.org/rfc/rfc3339.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeGuard

NS_PER_S = 1_000_000_000
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def is_instant(value: object) -> TypeGuard[str]:
    """Tell whether a value of an object has the form of a moment."""
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


def instant_of(unix_ns: int) -> str:
    """Return the text of a moment in nanoseconds since 1970."""
    return datetime.fromtimestamp(unix_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
