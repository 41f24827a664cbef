"""What a tag is: its digest, when it was built, its labels, and whether it fits a platform.

Rules: 1. the digest is that of the top-level manifest, so that the container engine picks the
platform; 2. an index stands for those of its entries whose platform is wanted: the newest of them
gives date and labels, the first of equally old ones; 3. statements about images (attestations) are
no images; 4. a date that is missing or malformed is looked for in the annotation
``org.opencontainers.image.created``, else the tag counts as oldest, with a warning; 5. a passing
fault of any part is the answer for the whole: a partial view is never returned as a full one.

Failures that say something about the tag itself are NOT_FOUND (the tag is gone), UNUSABLE (not an
image that can be read) and NO_PLATFORM; with any other kind nothing is known about the tag.

`Contents` is where a cache fits in: manifests and configs that are asked for by digest never
change. Cases: tests/vectors/data/tag_metadata.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import Failure, FailureKind, TagMetadata
from argocd_image_updater.core.platforms import matches
from argocd_image_updater.registry.manifests import (
    CREATED,
    Descriptor,
    ImageConfig,
    ImageIndex,
    ImageManifest,
    Manifest,
    Platform,
)
from argocd_image_updater.registry.media_types import IMAGE_CONFIGS
from argocd_image_updater.registry.timestamps import ZERO_TIME_NS, parse_created

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NESTING = 4  # an index of indexes is rare, a deeper tree is a trap
MAX_CHILDREN = 32  # wanted entries of one index that are looked into

PERMANENT_KINDS = frozenset({FailureKind.NOT_FOUND, FailureKind.UNUSABLE, FailureKind.NO_PLATFORM})
"""Failures that are statements about the tag; with any other nothing is known about it."""


class Purpose(StrEnum):
    """What the answer is for; a digest alone needs no dates."""

    DIGEST = "digest"
    METADATA = "metadata"


class Contents(Protocol):
    """Where manifests and configs come from: a registry, or a store in front of one."""

    async def manifest(self, reference: str, *, size_bytes: int = 0) -> Manifest | Failure:
        """Return the manifest under a tag or digest."""

    async def config(self, descriptor: Descriptor) -> ImageConfig | Failure:
        """Return the image config that a manifest names."""


@dataclass(frozen=True, slots=True)
class _Wish:
    contents: Contents
    platforms: tuple[str, ...]
    purpose: Purpose


async def read_metadata(
    contents: Contents, tag: str, *, platforms: tuple[str, ...], purpose: Purpose
) -> TagMetadata | Failure:
    """Return what `tag` (or a digest) points at. platforms: any of them will do; empty = all.

    Cost: one manifest, plus one config for a single image; for an index one manifest and one config
    for each wanted entry, or nothing more when only the digest is asked for.
    """
    manifest = await contents.manifest(tag)
    if isinstance(manifest, Failure):
        return manifest
    return await describe(manifest, contents, platforms=platforms, purpose=purpose)


async def describe(
    manifest: Manifest, contents: Contents, *, platforms: tuple[str, ...], purpose: Purpose
) -> TagMetadata | Failure:
    """Return the metadata of a manifest that is at hand."""
    return await _describe(manifest, _Wish(contents, platforms, purpose), depth=1)


async def _describe(manifest: Manifest, wish: _Wish, *, depth: int) -> TagMetadata | Failure:
    if isinstance(manifest, ImageManifest):
        return await _describe_image(manifest, wish)
    if depth > MAX_NESTING:
        return _unusable(manifest.digest, f"indexes nested deeper than {MAX_NESTING}")
    return await _describe_index(manifest, wish, depth=depth)


async def _describe_image(manifest: ImageManifest, wish: _Wish) -> TagMetadata | Failure:
    if manifest.config.media_type not in IMAGE_CONFIGS:
        kind = manifest.artifact_type or manifest.config.media_type
        return _unusable(manifest.digest, f"not an image but {kind[:128]}")
    config = await wish.contents.config(manifest.config)
    if isinstance(config, Failure):
        return _of_part(config)
    if not config.created and config.platform == Platform():
        return _unusable(manifest.digest, "its config does not describe an image")
    if wish.platforms and not _fits(wish, config.platform):
        return _no_platform(wish, (config.platform,))
    metadata = TagMetadata(manifest.digest, config.created_ns, config.labels)
    return _with_date(metadata, manifest.annotations, written=config.created)


async def _describe_index(index: ImageIndex, wish: _Wish, *, depth: int) -> TagMetadata | Failure:
    if not index.manifests:
        return _unusable(index.digest, "an index without entries")
    entries = [entry for entry in index.manifests if _is_wanted(entry, wish)]
    if not entries:
        return _no_platform(wish, tuple(entry.platform for entry in index.manifests))
    if len(entries) > MAX_CHILDREN:
        return _unusable(index.digest, f"more than {MAX_CHILDREN} entries to look into")
    if wish.purpose is Purpose.DIGEST and any(_tells_platform(entry, wish) for entry in entries):
        return TagMetadata(index.digest)
    return await _newest_of(index, entries, wish, depth=depth)


async def _newest_of(
    index: ImageIndex, entries: list[Descriptor], wish: _Wish, *, depth: int
) -> TagMetadata | Failure:
    """Return date and labels of the newest entry under the digest of the index."""
    newest: TagMetadata | None = None
    warnings: list[str] = []
    for entry in entries:
        child = await _describe_child(entry, wish, depth=depth)
        if isinstance(child, TagMetadata):
            warnings.extend(child.warnings)
            newest = child if newest is None or _is_newer(child, newest) else newest
        elif child.kind is not FailureKind.NO_PLATFORM:
            return _of_part(child)
        elif _tells_platform(entry, wish):
            warnings.append(f"{entry.digest[:19]}: the index promises another platform than it has")
    if newest is None and not any(_tells_platform(entry, wish) for entry in entries):
        return _no_platform(wish, tuple(entry.platform for entry in index.manifests))
    # COMPAT: promised platforms that are not there leave the tag in, without a date, and a child
    # dated to the zero time brings no labels (tag_metadata.json)
    if newest is None or (newest.created_ns is not None and newest.created_ns <= ZERO_TIME_NS):
        newest = TagMetadata(index.digest)
    result = replace(newest, digest=index.digest, warnings=tuple(warnings))
    return _with_date(result, index.annotations, written="") if warnings else result


async def _describe_child(entry: Descriptor, wish: _Wish, *, depth: int) -> TagMetadata | Failure:
    manifest = await wish.contents.manifest(entry.digest, size_bytes=entry.size_bytes)
    if isinstance(manifest, Failure):
        return manifest
    return await _describe(manifest, wish, depth=depth + 1)


def _is_wanted(entry: Descriptor, wish: _Wish) -> bool:
    """Tell whether an entry is looked at; one that names no platform is, its config may fit."""
    if entry.is_attestation:
        return False
    return not wish.platforms or not _names_platform(entry) or _tells_platform(entry, wish)


def _tells_platform(entry: Descriptor, wish: _Wish) -> bool:
    """Tell whether the entry itself says that it is what is wanted."""
    if not wish.platforms:
        return True
    return entry.platform is not None and _fits(wish, entry.platform)


def _names_platform(entry: Descriptor) -> bool:
    return entry.platform is not None and entry.platform != Platform()


def _fits(wish: _Wish, platform: Platform) -> bool:
    return matches(wish.platforms, platform.os, platform.architecture, platform.variant)


def _is_newer(one: TagMetadata, other: TagMetadata) -> bool:
    if one.created_ns is None:
        return False
    return other.created_ns is None or one.created_ns > other.created_ns


def _with_date(
    metadata: TagMetadata, annotations: Mapping[str, str], *, written: str
) -> TagMetadata:
    """Fill in a date that is missing, and say so when none is found."""
    if metadata.created_ns is not None:
        return metadata
    created_ns = parse_created(annotations.get(CREATED, ""))
    if created_ns is not None:
        return replace(metadata, created_ns=created_ns)
    why = f"malformed ({written[:64]!r})" if written else "missing"
    warning = f"{metadata.digest[:19]}: creation time is {why}, counts as oldest"
    return replace(metadata, warnings=(*metadata.warnings, warning))


def _of_part(failure: Failure) -> Failure:
    """Return what the failure of a part means for the tag: a part that is gone spoils it."""
    if failure.kind is FailureKind.NOT_FOUND:
        return replace(failure, kind=FailureKind.UNUSABLE)
    return failure


def _unusable(digest: str, why: str) -> Failure:
    return Failure(FailureKind.UNUSABLE, f"{digest}: {why}", of_content=True)


def _no_platform(wish: _Wish, found: tuple[Platform | None, ...]) -> Failure:
    shown = sorted({_platform_text(platform) for platform in found})[:MAX_CHILDREN]
    wanted = ", ".join(wish.platforms) or "any image"
    message = f"wanted {wanted}, found {', '.join(shown)}"
    return Failure(FailureKind.NO_PLATFORM, message, of_content=True)


def _platform_text(platform: Platform | None) -> str:
    parts = (platform.os, platform.architecture, platform.variant) if platform else ()
    return "/".join(part for part in parts if part)[:64] or "unnamed"
