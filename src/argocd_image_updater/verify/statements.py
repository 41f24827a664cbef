"""What a signature layer says: the signed bytes, the signatures, and what is claimed in them.

A claim is worth nothing until one of the signatures beside it is proven. Rules: 1. the claim names
the digest of the image, in full, and says that it is a signature: Cosign's simple signing, or an
in-toto statement with Cosign's predicate. Another statement by the same key, as a build record or a
list of parts, is no signature; 2. any subject of a statement may be the image; 3. annotations are
those that were signed: ``optional``, or those of the subject.

Source: Cosign's signature specification, DSSE 1.0, in-toto Statement 1; cases:
tests/vectors/data/cosign_verify.json.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.core.signatures import SIGNATURE_ANNOTATION, SIMPLE_SIGNING, is_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.signatures import SignatureLayer

MAX_SIGNATURES = 16  # of one envelope; there is one for each signer

_STATEMENT_PREFIX = "https://in-toto.io/Statement"
_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_SIMPLE_SIGNING_TYPE = "cosign container image signature"
_DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError)


class StatementError(ValueError):
    """The layer is no signature of the image, whoever signed it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """signed: what every one of the signatures must be over. annotations: signed along."""

    signed: bytes
    signatures: tuple[bytes, ...]
    annotations: Mapping[str, str]


def read_statement(layer: SignatureLayer, digest: str) -> Statement:
    """Return what a layer says about the image with a digest.

    Raises:
        StatementError: it is not readable, not a signature, or about another image.
    """
    if layer.media_type == SIMPLE_SIGNING:
        text = layer.annotations.get(SIGNATURE_ANNOTATION, "")
        if not text:
            raise StatementError("the layer has no signature in its annotations")
        payload = layer.content
        return Statement(payload, _decode_all((text,)), _read_claim(payload, digest))
    if is_bundle(layer.media_type):
        payload, signed, texts = _open_bundle(layer.content)
        return Statement(signed, _decode_all(texts), _read_claim(payload, digest))
    raise StatementError(f"{layer.media_type[:128]!r} is no kind of signature")


def encode_envelope(payload_type: str, payload: bytes) -> bytes:
    """Return what the signatures of a DSSE envelope are over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _open_bundle(content: bytes) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Return payload, signed bytes and signatures of the envelope in a bundle."""
    envelope = _object(_object(_decode(content, "the bundle")).get("dsseEnvelope"))
    payload_text, payload_type = envelope.get("payload"), envelope.get("payloadType")
    entries = envelope.get("signatures")
    if not isinstance(payload_text, str) or not isinstance(payload_type, str):
        raise StatementError("the bundle holds no DSSE envelope with a payload")
    if not isinstance(entries, list) or len(entries) > MAX_SIGNATURES:
        raise StatementError(f"the envelope has not between 1 and {MAX_SIGNATURES} signatures")
    texts = (_object(entry).get("sig") for entry in entries)
    payload = _from_base64(payload_text)
    if payload is None:
        raise StatementError("the payload of the envelope is not base64")
    signed = encode_envelope(payload_type, payload)
    return payload, signed, tuple(text for text in texts if isinstance(text, str) and text)


def _read_claim(payload: bytes, digest: str) -> dict[str, str]:
    """Return the annotations of a claim about the digest."""
    claim = _object(_decode(payload, "the signed text"))
    kind = claim.get("_type")
    if isinstance(kind, str) and kind.startswith(_STATEMENT_PREFIX):
        return _read_subject(claim, digest)
    critical = _object(claim.get("critical"))
    if critical.get("type") != _SIMPLE_SIGNING_TYPE:
        raise StatementError("the signed text is no signature of a container image")
    if _object(critical.get("image")).get("docker-manifest-digest") != digest:
        raise StatementError("what is signed is another image")
    return _texts(claim.get("optional"))


def _read_subject(statement: Mapping[str, Any], digest: str) -> dict[str, str]:
    if statement.get("predicateType") != _SIGN_PREDICATE:
        raise StatementError("what is signed is a statement about an image, but not a signature")
    algorithm, _, encoded = digest.partition(":")
    subjects = statement.get("subject")
    for subject in map(_object, subjects if isinstance(subjects, list) else ()):
        if _object(subject.get("digest")).get(algorithm) == encoded:
            return _texts(subject.get("annotations"))
    raise StatementError("what is signed is another image")


def _decode_all(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    found = tuple(signature for text in texts if (signature := _from_base64(text)))
    if not found:
        raise StatementError("there is no signature in base64")
    return found


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decode(content: bytes, subject: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except _DECODE_ERRORS as error:
        raise StatementError(f"{subject} is not JSON") from error


def _object(value: Any) -> dict[str, Any]:
    """Return an object; anything else counts as one that says nothing."""
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    return {name: text for name, text in _object(value).items() if isinstance(text, str)}
