"""The root of trust of keyless signatures: certificate authorities, logs and time stampers.

A document in Sigstore's format says whose certificates, log entries and time stamps count. Without
one, that of the public instance counts which the library brings along, so it is as old as the
library. Nothing is ever fetched. Importing this module needs the extra ``keyless``.
Source: https://github.com/sigstore/protobuf-specs (TrustedRoot), docs/verification.md.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from sigstore._internal.trust import KeyringPurpose
from sigstore._utils import read_embedded
from sigstore.models import TrustedRoot
from sigstore.verify.verifier import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as Document

from argocd_image_updater.errors import shorten

# What is wrong with a signature is told of its image; warnings of the library would repeat it.
logging.getLogger("sigstore").setLevel(logging.ERROR)

PUBLIC_INSTANCE = "https://tuf-repo-cdn.sigstore.dev"


class TrustError(ValueError):
    """The document cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What verifies. fingerprint: SHA-256 of the document, which decides along with the policy."""

    verifier: Verifier
    fingerprint: str


def built_in() -> bytes:
    """Return the document of the public instance that the library brings along."""
    return bytes(read_embedded("trusted_root.json", PUBLIC_INSTANCE))


def read_trust(content: bytes) -> Trust:
    """Return the trust in a document.

    Raises:
        TrustError: the document cannot be used, or lacks what every signature needs.
    """
    try:
        root = TrustedRoot(Document.from_json(content))
        root.rekor_keyring(KeyringPurpose.VERIFY)
        root.ct_keyring(KeyringPurpose.VERIFY)
        root.get_timestamp_authorities()
        verifier = Verifier(trusted_root=root)
    except Exception as error:
        words = shorten(str(error) or type(error).__name__)
        raise TrustError(f"is no root of trust of Sigstore: {words}") from error
    return Trust(verifier, hashlib.sha256(content).hexdigest())
