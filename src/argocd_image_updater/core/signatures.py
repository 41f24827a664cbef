"""Signatures of images as they lie in a registry: their media types, and one as it was fetched.

Two forms are known. Simple signing: the layer is the signed text, its signature an annotation of
the layer. Bundle: the layer is a Sigstore bundle with a DSSE envelope, which holds text and
signatures. Source: docs/verification.md; cases: tests/vectors/data/cosign_verify.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"

_SIMPLE_SIGNING_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
# Where an artifact names no type, the type of its config is listed, and some registries list that
# always; these tell nothing.
_UNTOLD = frozenset(
    {
        "",
        "application/vnd.oci.empty.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
# Both spellings that were in use: the version in the type, or as its parameter.
_BUNDLE = re.compile(
    r"application/vnd\.dev\.sigstore\.bundle(?:\.v0\.[0-9]+\+json|\+json;\s*version=0\.[0-9]+)"
)


@dataclass(frozen=True, slots=True)
class SignatureLayer:
    """One layer of a signature artifact; the content was checked against its digest."""

    media_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)


def is_bundle(media_type: str) -> bool:
    """Tell whether this is the media type of a Sigstore bundle, of whatever version."""
    return _BUNDLE.fullmatch(media_type) is not None


def holds_signature(media_type: str) -> bool:
    """Tell whether a layer of this media type is a signature."""
    return media_type == SIMPLE_SIGNING or is_bundle(media_type)


def may_be_signature(artifact_type: str) -> bool:
    """Tell whether an artifact is worth a look; one that does not tell its type may be one."""
    if artifact_type in _UNTOLD or artifact_type == _SIMPLE_SIGNING_ARTIFACT:
        return True
    return holds_signature(artifact_type)
