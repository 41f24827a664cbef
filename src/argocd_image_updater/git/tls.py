"""Whom to trust: certificate authorities per host and the SSH known hosts, as Argo CD keeps them.

A file named like the host below `tls_folder` (Argo CD's ConfigMap ``argocd-tls-certs-cm``), or else
below a folder that is mounted, replaces the system's authorities for that host; a bundle for all
hosts comes next; else the system decides. Everything is looked at when it is used, so what changes
in a file or a mounted volume holds from the next command on.
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
    """Folders and files of certificates and host keys; None = not configured.

    mounted_tls_folders, mounted_known_hosts: looked at besides. ssh_config: for ssh in place of the
    user's and the system's, where the file exists; what is set here comes before what it says.
    """

    tls_folder: Path | None = None
    bundle: Path | None = None
    known_hosts: Path | None = None
    mounted_tls_folders: tuple[Path, ...] = ()
    mounted_known_hosts: tuple[Path, ...] = ()
    ssh_config: Path | None = None

    @property
    def known_hosts_files(self) -> tuple[Path, ...]:
        """All files with host keys."""
        own: tuple[Path, ...] = () if self.known_hosts is None else (self.known_hosts,)
        return (*own, *self.mounted_known_hosts)


def authority_file(trust: Trust, host: str) -> Path | None:
    """Return the file with the authorities for a host, None for those of the system."""
    own: tuple[Path, ...] = () if trust.tls_folder is None else (trust.tls_folder,)
    if host and "/" not in host and not host.startswith("."):
        for folder in (*own, *trust.mounted_tls_folders):
            if _has_certificate(folder / host):
                return folder / host
    return trust.bundle


def _has_certificate(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _PEM_BEGIN in file.read(CERTIFICATE_LIMIT_BYTES)
    except OSError:
        return False
