"""Read manifests and image configs: bytes in, checked values out.

Rules: 1. the reader is chosen by the content type; only where that says nothing is the document
asked, by its ``mediaType``, then by its shape; 2. ``mediaType`` and content type agree, and Docker
documents must have it; 3. an OCI manifest has no ``manifests``, an OCI index no ``config`` or
``layers``: a document that can be read both ways is refused; 4. the digest is that of the bytes.
What breaks a rule is a `ManifestError`: the tag cannot be used, now or later.
Source: OCI image specification 1.1, Docker image manifest version 2 schema 2; cases:
tests/vectors/data/tag_metadata.json.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.registry import media_types
from argocd_image_updater.registry.timestamps import parse_created

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INDEX_ENTRIES = 1_000  # the largest official images have a few dozen
MAX_LABELS = 4_096

CREATED = "org.opencontainers.image.created"
_ATTESTATION_KEY = "vnd.docker.reference.type"
_UNKNOWN = "unknown"


class ManifestError(ValueError):
    """The document is not a manifest or config that we can read; it will not become one."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on; empty texts where the document does not tell."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content by its digest; size 0 = not told, platform None = not told."""

    media_type: str
    digest: str
    size_bytes: int = 0
    platform: Platform | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_attestation(self) -> bool:
        """Whether it names a statement about an image in place of an image."""
        if _ATTESTATION_KEY in self.annotations:
            return True
        platform = self.platform
        return platform is not None and platform.os == platform.architecture == _UNKNOWN


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """One image for one platform, or another artifact in the same form."""

    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """Several manifests under one digest, usually one for each platform."""

    digest: str
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


Manifest = ImageManifest | ImageIndex


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What the updater needs of an image config.

    created: as written, empty when absent. created_ns: None when absent or malformed.
    """

    platform: Platform
    created: str = ""
    created_ns: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


class _RawPlatform(msgspec.Struct):
    os: str | None = None
    architecture: str | None = None
    variant: str | None = None


class _RawDescriptor(msgspec.Struct, rename="camel"):
    media_type: str | None = None
    digest: str = ""
    size: int | None = None
    platform: _RawPlatform | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None


class _RawManifest(msgspec.Struct, rename="camel"):
    media_type: str | None = None
    artifact_type: str | None = None
    config: msgspec.Raw = msgspec.Raw()
    layers: msgspec.Raw = msgspec.Raw()
    manifests: msgspec.Raw = msgspec.Raw()
    annotations: dict[str, str] | None = None


_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_DECODER = msgspec.json.Decoder(_RawManifest)
_DESCRIPTOR = msgspec.json.Decoder(_RawDescriptor)
_DESCRIPTORS = msgspec.json.Decoder(list[_RawDescriptor])
_DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError)


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of content, as the distribution specification writes it."""
    return f"{algorithm}:{_HASHES[algorithm](body).hexdigest()}"


def parse_manifest(body: bytes, content_type: str, *, digest: str) -> Manifest:
    """Return the manifest in `body`, whose digest is known.

    Raises:
        ManifestError: it breaks a rule of this module.
    """
    try:
        raw = _DECODER.decode(body)
    except _DECODE_ERRORS as error:
        raise ManifestError(f"the manifest is not readable JSON: {error}") from error
    media_type = _media_type(raw, content_type)
    if media_type in media_types.INDEXES:
        return _parse_index(raw, media_type, digest)
    return _parse_image(raw, media_type, digest)


def parse_descriptors(body: bytes) -> tuple[Descriptor, ...]:
    """Return the entries of an index whatever its media type; none where it lists nothing.

    Raises:
        ManifestError: it is not an index.
    """
    try:
        raw = _DECODER.decode(body)
    except _DECODE_ERRORS as error:
        raise ManifestError(f"the index is not readable JSON: {error}") from error
    return _descriptors(raw.manifests)


def parse_config(body: bytes) -> ImageConfig:
    """Return the parts of an image config that matter; keys are matched without regard to case.

    Raises:
        ManifestError: it is not JSON, or one of the parts is of a wrong type.
    """
    document = _fold(_first_value(body))
    settings = document.get("config")
    labels = _fold({} if settings is None else settings).get("labels")
    labels = {} if labels is None else labels
    if not isinstance(labels, dict) or len(labels) > MAX_LABELS:
        raise ManifestError("the labels of the image config are not a small object")
    created = _text(document, "created")
    return ImageConfig(
        platform=Platform(
            _text(document, "os"), _text(document, "architecture"), _text(document, "variant")
        ),
        created=created,
        created_ns=parse_created(created),
        labels={name: _text(labels, name) for name in labels},
    )


def _media_type(raw: _RawManifest, content_type: str) -> str:
    sent = media_types.essence(content_type)
    if sent not in media_types.GENERIC:
        told = sent
    elif raw.media_type:
        told = raw.media_type
    else:
        told = media_types.OCI_INDEX if _is_set(raw.manifests) else media_types.OCI_MANIFEST
    if told not in media_types.MANIFESTS:
        raise ManifestError(f"media type {told[:128]!r} is not that of an image")
    written = raw.media_type or ""
    may_lack = told in {media_types.OCI_MANIFEST, media_types.OCI_INDEX}
    if written != told and not (may_lack and not written):
        raise ManifestError(f"sent as {told}, but the document says {written[:128]!r}")
    return told


def _parse_index(raw: _RawManifest, media_type: str, digest: str) -> ImageIndex:
    is_oci = media_type == media_types.OCI_INDEX
    if is_oci and (_is_set(raw.config) or _is_set(raw.layers)):
        raise ManifestError("an index with a config or layers can be read in two ways")
    manifests = _descriptors(raw.manifests)
    return ImageIndex(digest, media_type, manifests, raw.annotations or {})


def _parse_image(raw: _RawManifest, media_type: str, digest: str) -> ImageManifest:
    if media_type == media_types.OCI_MANIFEST and _is_set(raw.manifests):
        raise ManifestError("a manifest with a list of manifests can be read in two ways")
    if not _is_set(raw.config):
        raise ManifestError("the manifest has no config")
    try:
        config = _descriptor(_DESCRIPTOR.decode(raw.config))
    except _DECODE_ERRORS as error:
        raise ManifestError(f"the config descriptor is not readable: {error}") from error
    return ImageManifest(
        digest=digest,
        media_type=media_type,
        config=config,
        layers=_descriptors(raw.layers),
        annotations=raw.annotations or {},
        artifact_type=raw.artifact_type or "",
    )


def _is_set(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in {b"null", b""}


def _descriptors(raw: msgspec.Raw) -> tuple[Descriptor, ...]:
    if not _is_set(raw):
        return ()
    try:
        entries = _DESCRIPTORS.decode(raw)
    except _DECODE_ERRORS as error:
        raise ManifestError(f"a list of descriptors is not readable: {error}") from error
    if len(entries) > MAX_INDEX_ENTRIES:
        raise ManifestError(f"more than {MAX_INDEX_ENTRIES} descriptors in one list")
    return tuple(_descriptor(entry) for entry in entries)


def _descriptor(raw: _RawDescriptor) -> Descriptor:
    platform = None
    if told := raw.platform:
        platform = Platform(told.os or "", told.architecture or "", told.variant or "")
    return Descriptor(
        media_type=raw.media_type or "",
        digest=raw.digest,
        size_bytes=max(0, raw.size or 0),
        platform=platform,
        artifact_type=raw.artifact_type or "",
        annotations=raw.annotations or {},
    )


def _first_value(body: bytes) -> Any:
    """Decode the first JSON value; what follows it is ignored, as Go's stream decoder does."""
    try:
        return msgspec.json.decode(body)
    except _DECODE_ERRORS:
        pass
    try:
        return json.JSONDecoder().raw_decode(body.decode().lstrip(" \t\r\n"))[0]
    except _DECODE_ERRORS as error:
        raise ManifestError("the image config is not JSON") from error


def _fold(value: Any) -> dict[str, Any]:
    """Return an object with its keys in lower case; the last of equal ones counts."""
    if not isinstance(value, dict):
        raise ManifestError("the image config, or its part `config`, is not an object")
    return {key.casefold(): part for key, part in value.items()}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestError(f"{key[:64]!r} of the image config is not a text")
    return value
