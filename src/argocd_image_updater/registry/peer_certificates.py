"""The certificates that a server shows, as people need them: whose, by whom, until when.

Read from what was sent, trusted or not, so nothing here is proven. ``issuer`` of a chain is the
authority that must be trusted: that of the last certificate which was sent.
Source: RFC 5280 for the fields.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from cryptography import x509

MAX_CHAIN = 16  # a server sends two or three
MAX_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a server showed. names: of hosts. issuer: of the certificate. authority: of the chain.

    starts_at_s, ends_at_s: seconds since 1970.
    """

    subject: str
    issuer: str
    authority: str
    names: tuple[str, ...]
    starts_at_s: float
    ends_at_s: float


def read_shown(connection: ssl.SSLObject | None) -> PeerCertificate | None:
    """Return what the other side of a connection showed; None where it cannot be read."""
    if connection is None:
        return None
    leaf = connection.getpeercert(binary_form=True)
    return read_chain([leaf, *_sent(connection)]) if leaf else None


def read_chain(chain: Sequence[bytes]) -> PeerCertificate | None:
    """Return what certificates say, in DER form, that of the server first."""
    from cryptography import x509  # noqa: PLC0415 - costs 40 ms, paid only by who looks at one

    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain[:MAX_CHAIN]]
        leaf = certificates[0]
        return PeerCertificate(
            subject=_name(leaf.subject) or "no name",
            issuer=_name(leaf.issuer),
            authority=_name(_last(certificates).issuer),
            names=_hosts(leaf),
            starts_at_s=leaf.not_valid_before_utc.timestamp(),
            ends_at_s=leaf.not_valid_after_utc.timestamp(),
        )
    except ValueError:  # bytes of a stranger
        return None


def _sent(connection: ssl.SSLObject) -> list[bytes]:
    """Return the chain as it was sent; empty where the interpreter does not tell it."""
    # Public since Python 3.13; before, only the object inside has it.
    for owner in (connection, getattr(connection, "_sslobj", None)):
        tell = getattr(owner, "get_unverified_chain", None)
        if tell is not None:
            return [_der(certificate) for certificate in tell() or ()]
    return []


def _der(certificate: Any) -> bytes:
    if isinstance(certificate, bytes):
        return certificate
    import _ssl  # noqa: PLC0415 - only there are the encodings of Python 3.11 and 3.12

    encoded: bytes = certificate.public_bytes(_ssl.ENCODING_DER)
    return encoded


def _last(certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return where the chain of issuers ends; servers may send it in any order."""
    by_subject = {certificate.subject: certificate for certificate in certificates[1:]}
    last = certificates[0]
    for _ in certificates:
        above = by_subject.get(last.issuer)
        if above is None or above.issuer == last.issuer:
            break
        last = above
    return last


def _name(name: x509.Name) -> str:
    return shorten(name.rfc4514_string())


def _hosts(leaf: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415 - see read_chain

    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    names: list[str] = list(found.get_values_for_type(x509.DNSName))
    addresses = found.get_values_for_type(x509.IPAddress)
    names += [
        str(one)
        for one in addresses
        if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return tuple(shorten(name) for name in names)
