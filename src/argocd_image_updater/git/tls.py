"""Whom to trust: certificate authorities per host and the SSH known hosts, as Argo CD keeps them.

A file named like the host below `tls_folder` (Argo CD's ConfigMap ``argocd-tls-certs-cm``) replaces
the system's authorities for that host; a bundle for all hosts comes next; else the system decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE_LIMIT_BYTES = 1 << 20  # a bundle of all public authorities has 220 KiB
_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Trust:
    """Folders and files of certificates and host keys; None = not configured."""

    tls_folder: Path | None = None
    bundle: Path | None = None
    known_hosts: Path | None = None


def authority_file(trust: Trust, host: str) -> Path | None:
    """Return the file with the authorities for a host, None for those of the system."""
    if trust.tls_folder is not None and host and "/" not in host and not host.startswith("."):
        path = trust.tls_folder / host
        if _has_certificate(path):
            return path
    return trust.bundle


def _has_certificate(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _PEM_BEGIN in file.read(CERTIFICATE_LIMIT_BYTES)
    except OSError:
        return False
