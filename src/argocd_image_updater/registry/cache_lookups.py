"""What was found in a cache instead of being asked for, told for metrics.

Nothing depends on it: who is told counts, and may do nothing else. Source: docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cache(StrEnum):
    """What is kept.

    IMAGE: manifest and configuration of a tag, between runs. MIRROR: what the mirrors of a registry
    have. TOKEN: of a login.
    """

    IMAGE = "image"
    MIRROR = "mirror"
    TOKEN = "token"  # noqa: S105 - the name of a cache


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """One look into a cache for a registry. host: as in `traffic.Exchange`."""

    host: str
    cache: Cache
    is_hit: bool


def unheard(_lookup: CacheLookup) -> None:
    """Tell nobody."""
