"""The newest few tags of a repository and their images, without reading all of them.

Which tags are newest: 1. the first or last of the list where the registry sorts it by time; 2. else
the highest versions, filled up with the last others of the list. Of these few the images are read,
and only they are put in order by their creation. Dates are as in strategy newest-build.
Source of the rules: docs/doctor.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind, TagList, TagMetadata
from argocd_image_updater.core.version import parse_version
from argocd_image_updater.registry.manifests import ImageIndex
from argocd_image_updater.registry.metadata import PERMANENT_KINDS, Purpose, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.registry.client import RegistryClient
    from argocd_image_updater.registry.manifests import Manifest, Platform

_LATEST_FIRST = "latest-first"


@dataclass(frozen=True, slots=True)
class ImageReader:
    """One image whose manifest is at hand."""

    client: RegistryClient
    manifest: Manifest

    async def metadata(self, platform: str) -> TagMetadata | Failure:
        """Return digest and date as seen by one platform; the digest alone where it has none."""
        found = await describe(
            self.manifest, self.client, platforms=(platform,), purpose=Purpose.METADATA
        )
        if isinstance(found, Failure) and found.kind is FailureKind.NO_PLATFORM:
            return TagMetadata(self.manifest.digest)
        return found

    async def platforms(self) -> tuple[str, ...] | Failure:
        """Return the platforms that the image offers."""
        if isinstance(self.manifest, ImageIndex):
            entries = (one for one in self.manifest.manifests if not one.is_attestation)
            texts = (_text(entry.platform) for entry in entries if entry.platform)
            return tuple(text for text in texts if text)
        config = await self.client.config(self.manifest.config)
        if isinstance(config, Failure):
            return config
        text = _text(config.platform)
        return (text,) if text else ()


@dataclass(frozen=True, slots=True)
class NewestImages:
    """images: what became of each tag, newest first. readers: of the readable ones.

    fault: an answer that says nothing about a tag; nothing was asked after it.
    """

    images: tuple[tuple[str, TagMetadata | Failure], ...]
    readers: tuple[tuple[str, ImageReader], ...]
    fault: Failure | None = None


def pick_tags(listed: TagList, *, count: int) -> tuple[tuple[str, ...], str]:
    """Return at most `count` tags, likely the newest, and in which order they were picked."""
    tags = tuple(dict.fromkeys(listed.tags))
    if listed.sort:
        newest = tags[:count] if listed.sort == _LATEST_FIRST else tags[::-1][:count]
        return newest, "newest tags as the registry sorts them"
    versions = [(version.precedence, tag) for tag in tags if (version := parse_version(tag))]
    picked = tuple(tag for _, tag in sorted(versions, reverse=True)[:count])
    others = tuple(tag for tag in reversed(tags) if tag not in picked)[: count - len(picked)]
    if not others:
        return picked, "highest versions"
    return picked + others, "highest versions and last other tags" if picked else "last tags"


async def read_images(
    client: RegistryClient, tags: Sequence[str], *, platform: str, keep_order: bool
) -> NewestImages:
    """Return the images of some tags, one after the other: a doctor hurts nobody's limits.

    platform: whose dates count. keep_order: the tags are in order already.
    """
    found: list[tuple[str, TagMetadata | Failure, ImageReader | None]] = []
    fault: Failure | None = None
    for tag in tags:
        manifest = await client.manifest(tag)
        reader = None if isinstance(manifest, Failure) else ImageReader(client, manifest)
        image = await reader.metadata(platform) if reader else manifest
        assert isinstance(image, TagMetadata | Failure)
        if isinstance(image, Failure) and image.kind not in PERMANENT_KINDS:
            fault = image
            break
        found.append((tag, image, reader if isinstance(image, TagMetadata) else None))
    if not keep_order:
        found.sort(key=lambda item: _date(item[1]), reverse=True)
    return NewestImages(
        images=tuple((tag, image) for tag, image, _ in found),
        readers=tuple((tag, reader) for tag, _, reader in found if reader),
        fault=fault,
    )


def _date(image: TagMetadata | Failure) -> tuple[bool, int]:
    """Return the sort key: what has no date is the oldest."""
    created_ns = image.created_ns if isinstance(image, TagMetadata) else None
    return created_ns is not None, created_ns or 0


def _text(platform: Platform | None) -> str:
    parts = (platform.os, platform.architecture, platform.variant) if platform else ()
    return "/".join(part for part in parts if part)[:64]
