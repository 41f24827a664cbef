"""TLS contexts of registries: the system's certificate authorities plus those of the endpoint.

A context is made once per combination of settings. The minimum version and the ciphers are the
platform's. Text around PEM blocks is allowed, and a broken block beside a good one is ignored.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from functools import lru_cache

MAX_CONTEXTS = 256  # one per distinct certificate bundle of the configuration

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """insecure: no verification at all. ca_pem: further roots, PEM text."""

    insecure: bool = False
    ca_pem: str = ""


VERIFIED = TlsSettings()


@lru_cache(maxsize=MAX_CONTEXTS)
def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context for these settings.

    Raises:
        ValueError: `ca_pem` is set and holds no valid certificate.
    """
    context = ssl.create_default_context()
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_pem:
        _add_roots(context, settings.ca_pem)
    return context


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
