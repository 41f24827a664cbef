"""Signatures with certificates, in the two forms in which Cosign puts them into a registry.

A Sigstore bundle holds everything and is read by the library. Simple signing keeps certificate and
log entry in annotations of the layer: the log's signed promise to take the entry in, without a
proof that it did. The library knows no bundle without that proof, so its classes are widened here
by the one difference: the promise must be signed by the log. Everything else (time, certificate,
its own log, identity, that the entry is about this very signature) stays the library's.

Source: Cosign's signature specification and https://docs.sigstore.dev/about/bundle/.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.x509 import Certificate, load_pem_x509_certificate
from sigstore.models import Bundle, TransparencyLogEntry
from sigstore_models.bundle.v1 import Bundle as BundleDocument
from sigstore_models.bundle.v1 import VerificationMaterial as MaterialDocument
from sigstore_models.common.v1 import LogId, MessageSignature
from sigstore_models.rekor.v1 import InclusionPromise, KindVersion
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.signatures import SignatureLayer

CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
LOG_ENTRY_ANNOTATION = "dev.sigstore.cosign/bundle"
MAX_ANNOTATION_BYTES = 65_536  # a certificate has two thousand, an entry four thousand


class UnreadableBundle(ValueError):
    """There is no certificate or no log entry that could be read."""


class _Payload(msgspec.Struct, frozen=True):
    body: str
    integrated_time: int = msgspec.field(name="integratedTime")
    log_index: int = msgspec.field(name="logIndex")
    log_id: str = msgspec.field(name="logID")


class _LogEntry(msgspec.Struct, frozen=True):
    promise: str = msgspec.field(name="SignedEntryTimestamp")
    payload: _Payload = msgspec.field(name="Payload")


class _PromisedEntry(TransparencyLogEntry):
    """A log entry with the signed promise of the log in place of a proof of inclusion."""

    def _validate(self) -> None:
        """Ask for no proof; the promise is asked for where it is verified."""

    def _verify(self, keyring: Any) -> None:
        self._verify_set(keyring)


class _AnnotatedBundle(Bundle):
    """What annotations of a layer say, in the shape in which the library verifies."""

    def __init__(
        self, certificate: Certificate, signature: bytes, *, entry: _PromisedEntry
    ) -> None:
        material = MaterialDocument.model_construct(tlog_entries=[entry._inner])  # noqa: SLF001 - nothing else gives it
        self._signing_certificate = certificate
        self._log_entry = entry
        self._inner = BundleDocument.model_construct(
            verification_material=material,
            message_signature=MessageSignature(signature=base64.b64encode(signature)),
        )


def bundle_of_annotations(layer: SignatureLayer, signature: bytes) -> Bundle:
    """Return the bundle that the annotations of a layer make.

    Raises:
        UnreadableBundle: a part is missing, or is not readable.
    """
    certificate = _annotation(layer.annotations, CERTIFICATE_ANNOTATION, what="certificate")
    log_entry = _annotation(layer.annotations, LOG_ENTRY_ANNOTATION, what="log entry")
    try:
        return _AnnotatedBundle(
            load_pem_x509_certificate(certificate), signature, entry=_promised(log_entry)
        )
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise UnreadableBundle("its certificate or its log entry cannot be read") from error


def _annotation(annotations: Mapping[str, str], name: str, *, what: str) -> bytes:
    text = annotations.get(name, "")
    if not text:
        raise UnreadableBundle(f"it carries no {what}, so it was made with a key")
    if len(text) > MAX_ANNOTATION_BYTES:
        raise UnreadableBundle(f"its {what} has more than {MAX_ANNOTATION_BYTES} bytes")
    return text.encode()


def _promised(text: bytes) -> _PromisedEntry:
    """Return the log entry of an annotation."""
    found = msgspec.json.decode(text, type=_LogEntry)
    payload = found.payload
    key_id = base64.b64encode(bytes.fromhex(payload.log_id))
    return _PromisedEntry(
        EntryDocument.model_construct(
            log_index=payload.log_index,
            log_id=LogId(key_id=key_id),
            # Another kind of entry could not be about the text of simple signing.
            kind_version=KindVersion(kind="hashedrekord", version="0.0.1"),
            integrated_time=payload.integrated_time,
            inclusion_promise=InclusionPromise(signed_entry_timestamp=found.promise.encode()),
            canonicalized_body=base64.b64decode(payload.body, validate=True),
        )
    )
