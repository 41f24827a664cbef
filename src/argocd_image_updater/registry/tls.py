"""TLS contexts of registries: the system's certificate authorities plus those of the endpoint.

A context is made once per combination of settings. The minimum version and the ciphers are the
platform's. Text around PEM blocks is allowed, and a broken block beside a good one is ignored. A
client certificate is kept as text.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from functools import lru_cache

from argocd_image_updater.net.certificate_pair import load_pair

MAX_CONTEXTS = 256  # one per distinct certificate bundle of the configuration

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Certificate with its chain, and private key, as PEM text."""

    certificate_pem: str = field(repr=False)
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """insecure: no verification at all. ca_pem: further roots, PEM text. client: who we are."""

    insecure: bool = False
    ca_pem: str = ""
    client: ClientCertificate | None = None


VERIFIED = TlsSettings()


@lru_cache(maxsize=MAX_CONTEXTS)
def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context for these settings.

    Raises:
        ValueError: `ca_pem` holds no valid certificate, or the client certificate is of no use.
    """
    context = ssl.create_default_context()
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_pem:
        _add_roots(context, settings.ca_pem)
    if settings.client:
        _add_client(context, settings.client)
    return context


def check_client(certificate: ClientCertificate) -> None:
    """Raise ValueError where certificate and key are no pair that TLS takes."""
    _add_client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)


def _add_client(context: ssl.SSLContext, client: ClientCertificate) -> None:
    load_pair(context, f"{client.certificate_pem}\n{client.key_pem}\n".encode())


def _add_roots(context: ssl.SSLContext, pem: str) -> None:
    added = 0
    for block in _CERTIFICATE.findall(pem):
        try:
            context.load_verify_locations(cadata=block)
        except (ssl.SSLError, ValueError):
            continue
        added += 1
    if not added:
        raise ValueError("no valid certificate in the CA bundle")
