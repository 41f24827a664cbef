"""The change between two JSON objects as a merge patch.

A member that is equal stays out, a member that is gone is null, a list is replaced as a whole. The
desired object holds no null of its own. Source: https://www.rfc-editor.org/rfc/rfc7386.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_patch(previous: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch that makes `desired` of `previous`; empty where nothing differs."""
    patch: dict[str, Any] = {name: None for name in previous if name not in desired}
    for name, value in desired.items():
        known = previous.get(name)
        if name in previous and known == value:
            continue
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            patch[name] = merge_patch(known, value)
        else:
            patch[name] = value
    return patch
