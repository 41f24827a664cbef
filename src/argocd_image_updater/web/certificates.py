"""A certificate that a server makes for itself when it starts, for clients that verify nothing.

ECDSA P-256 (RFC 5480), valid for a year, kept in memory: a new process has a new one.
"""

from __future__ import annotations

import datetime as dt
import ssl

from argocd_image_updater.net.certificate_pair import load_pair

LIFE = dt.timedelta(days=365)
_CLOCK_SKEW = dt.timedelta(hours=1)
_MAX_COMMON_NAME = 64  # RFC 5280, upper bound of a common name
_LOCALHOST = "localhost"


def self_signed_context(hostname: str) -> ssl.SSLContext:
    """Return the context of a server with a new key and certificate; blocks for milliseconds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without renegotiation nobody makes the server compute for nothing.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    load_pair(context, _make_pair(hostname))
    return context


def _make_pair(hostname: str) -> bytes:
    """Return a private key and its certificate, PEM."""
    from cryptography import x509  # noqa: PLC0415 - paid only by who serves metrics over TLS
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415 - as above

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _LOCALHOST)])
    names = [_LOCALHOST, *([hostname] if _is_host_name(hostname) else [])]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _is_host_name(text: str) -> bool:
    return text.isascii() and text != _LOCALHOST and 0 < len(text) <= _MAX_COMMON_NAME
