"""Signatures by an identity: a short-lived certificate names it, and a log says when it signed.

Rules: 1. what Sigstore demands is proven by its own library, without network: the certificate by a
trusted authority and in a trusted log of certificates, the entry of this very signature in a
trusted log of signatures, and a signed time within the life of the certificate; 2. then name and
issuer in the certificate must be wanted (`core/identities.py`); 3. what was proven is compared with
what was read, so that two readers of one text can never disagree; 4. whatever the library stumbles
over is a signature that does not count.

Source: https://docs.sigstore.dev/cosign/verifying/verify/ and
https://docs.sigstore.dev/certificate_authority/oid-info/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.asn1 import decode_der
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    ObjectIdentifier,
    OtherName,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
)
from sigstore.errors import VerificationError
from sigstore.models import Bundle

from argocd_image_updater.core.signatures import is_bundle
from argocd_image_updater.errors import shorten
from argocd_image_updater.verify.bundles import UnreadableBundle, bundle_of_annotations
from argocd_image_updater.verify.statements import StatementError, encode_envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.core.identities import KeylessIdentity
    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.verify.statements import Statement
    from argocd_image_updater.verify.trust import Trust

_USER_NAME = ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_FORMER_ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # not in DER; both mean the same
_SHOWN_LENGTH = 160  # of a name or an error in a message


class IdentitySigners:
    """The identities, one of which must have signed, or every one; named by their texts."""

    plural = "identities"

    def __init__(self, identities: Iterable[KeylessIdentity], trust: Trust) -> None:
        self._identities = {one.text: one for one in identities}
        self._verifier = trust.verifier
        self.names = frozenset(self._identities)

    def made(self, layer: SignatureLayer, statement: Statement) -> frozenset[str]:
        """Return the identities that the certificate of a signature stands for.

        Raises:
            StatementError: the signature is not proven, or is by nobody who is wanted.
        """
        wanted = _WantedIdentities(self._identities)
        try:
            proven = self._prove(layer, statement, wanted=wanted)
        except (UnreadableBundle, _NotWanted) as error:
            raise StatementError(str(error)) from error
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise  # what ends the program; the parsers' own crashes are no reason to
            raise StatementError(f"not proven: {_readable(error)}") from error
        if proven != statement.signed:
            raise StatementError("what is proven is not what is read")
        if not wanted.found:
            raise StatementError("nobody's certificate was looked at")
        return wanted.found

    def _prove(
        self, layer: SignatureLayer, statement: Statement, *, wanted: _WantedIdentities
    ) -> bytes:
        """Return the signed bytes once everything about them is proven."""
        if is_bundle(layer.media_type):
            kind, payload = self._verifier.verify_dsse(Bundle.from_json(layer.content), wanted)
            return encode_envelope(kind, payload)
        bundle = bundle_of_annotations(layer, statement.signatures[0])
        self._verifier.verify_artifact(layer.content, bundle, wanted)
        return layer.content


class _NotWanted(VerificationError):
    """The certificate is good, but nobody asked for it."""


class _WantedIdentities:
    """The library's policy: shown a certificate whose authority is proven. found: who it is."""

    def __init__(self, identities: dict[str, KeylessIdentity]) -> None:
        self._identities = identities
        self.found: frozenset[str] = frozenset()

    def verify(self, cert: Certificate) -> None:
        """Raise if this is nobody who is wanted."""
        names, issuer = _names(cert), _issuer(cert)
        self.found = frozenset(
            text for text, one in self._identities.items() if one.fits(names, issuer)
        )
        if not self.found:
            name = shorten(", ".join(names), _SHOWN_LENGTH)
            by = shorten(issuer, _SHOWN_LENGTH)
            raise _NotWanted(f"signed by {name!r} of {by!r}, who is not wanted")


def _names(certificate: Certificate) -> list[str]:
    """Return the names in a certificate: e-mail addresses, URIs, user names."""
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    return [
        *names.get_values_for_type(RFC822Name),
        *names.get_values_for_type(UniformResourceIdentifier),
        *(
            decode_der(str, other.value)
            for other in names.get_values_for_type(OtherName)
            if other.type_id == _USER_NAME
        ),
    ]


def _issuer(certificate: Certificate) -> str:
    """Return who vouched for the names."""
    try:
        return decode_der(str, _extension(certificate, _ISSUER))
    except ExtensionNotFound:
        return _extension(certificate, _FORMER_ISSUER).decode()


def _extension(certificate: Certificate, which: ObjectIdentifier) -> bytes:
    return certificate.extensions.get_extension_for_oid(which).value.public_bytes()


def _readable(error: BaseException) -> str:
    """Return the words of a foreign error, which may hold foreign text."""
    words = str(error) if isinstance(error, Exception) else ""
    clean = "".join(letter if letter.isprintable() else " " for letter in words)
    return shorten(clean, _SHOWN_LENGTH) or type(error).__name__
