"""Platforms that an image must offer: keys ``os/architecture[/variant]`` and their comparison.

Wanted platforms are alternatives: one match is enough. Letter case does not matter, and usual other
names of an architecture are known. A wanted platform without variant accepts every variant.

Source of the rules: the platform object of the OCI image index
(https://github.com/opencontainers/image-spec/blob/main/image-index.md),
tests/vectors/data/platform_match.json, docs/platforms.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

EVERY_PLATFORM = "*"  # an entry that lifts the restriction; not a word, words are names of systems
_PARTS = 3
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# The variant that these architectures have when none is named.
_BASE_VARIANTS = {"amd64": "v1", "arm64": "v8"}


@dataclass(frozen=True, slots=True)
class PlatformSet:
    """The wanted platforms of an image.

    wanted: sorted keys, empty = every platform. warnings: one for each entry that is no platform.
    """

    wanted: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def parse_platforms(entries: Iterable[str], *, default: str) -> PlatformSet:
    """Parse the configured list.

    An empty list means `default` (the platform of this process), and an empty `default` every one.
    """
    texts = [piece for entry in entries for piece in _split(entry)]
    if not texts and default:
        texts = [default]
    if EVERY_PLATFORM in texts:
        return PlatformSet(())
    warnings = tuple(
        f"platform {shorten(repr(text))} is not of the form os/architecture[/variant] and matches "
        f"no image; {EVERY_PLATFORM!r} stands for every platform"
        for text in texts
        if "/" not in text or EVERY_PLATFORM in text
    )
    return PlatformSet(tuple(sorted({_parse_key(text) for text in texts})), warnings)


def platform_key(os: str, architecture: str, variant: str = "") -> str:
    """Return the key of a platform; parts that are not known are empty."""
    architecture = architecture.lower()
    key = f"{os.lower()}/{_ARCHITECTURES.get(architecture, architecture)}"
    return f"{key}/{variant.lower()}" if variant else key


def matches(wanted: Collection[str], os: str, architecture: str, variant: str = "") -> bool:
    """Say whether a manifest's platform is among the wanted ones; no wanted ones accept all."""
    if not wanted:
        return True
    key = platform_key(os, architecture)
    if key in wanted:
        return True
    variant = variant or _BASE_VARIANTS.get(key.rpartition("/")[2], "")
    return bool(variant) and f"{key}/{variant.lower()}" in wanted


def _split(entry: str) -> list[str]:
    """Split an entry at commas; a lone empty entry stays: it stands for an unknown platform."""
    pieces = [trim(piece) for piece in entry.split(",")]
    return pieces if len(pieces) == 1 else [piece for piece in pieces if piece]


def _parse_key(text: str) -> str:
    parts = [trim(part) for part in text.split("/", _PARTS - 1)]
    return platform_key(*parts) if len(parts) > 1 else platform_key(text, "")
