"""Extra root certificates of registries, from texts and files.

Only PEM blocks ``CERTIFICATE`` count, text around them is ignored, and every block is checked
before it is kept: what leaves this module is PEM text that TLS accepts. Files named ``host`` or
``host_port`` in the certificate directories serve the registry of that name.
Rules: ``tests/vectors/data/registries_conf.json``.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.endpoints import ca_for, certificate_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CA_DIRECTORIES = (Path("/app/config/tls"), Path("/app/config/registry-tls"))
# A bundle of every public root is about 220 KiB.
CA_SIZE_LIMIT = 4 << 20
# A ConfigMap of 1 MiB holds fewer certificates.
CA_FILES_LIMIT = 1_000
# Names of the webhook server's own certificate, which deployments mount in the same directory.
_NOT_HOSTS = frozenset({"tls.crt", "tls.key", "ca.crt"})
_PEM_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----")


class CertificateError(ConfigError):
    """Root certificates that are configured for a registry cannot be used."""


@dataclass(frozen=True, slots=True)
class HostCertificates:
    """Root certificates by host or ``host_port``; broken: why a file of that name is of no use."""

    pem: Mapping[str, str]
    broken: Mapping[str, str]

    def roots_of(self, api_url: str) -> str:
        """Return the roots for an API URL; raise where its file cannot be used."""
        for name in certificate_names(api_url):
            if name in self.broken:
                raise CertificateError(self.broken[name])
        return ca_for(api_url, self.pem)


def certificates(text: str, *, source: str) -> str:
    """Return the valid certificates of a PEM text; text around them is ignored."""
    valid = [block for match in _PEM_BLOCK.finditer(text) if (block := _checked(match[0]))]
    if not valid:
        raise CertificateError(
            f"{source} holds no valid certificate", hint="put a PEM block 'CERTIFICATE' there"
        )
    return "".join(valid)


def _checked(block: str) -> str:
    """Return a PEM block in canonical form if it is a certificate, else empty text."""
    try:
        der = ssl.PEM_cert_to_DER_cert(block.strip())
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        return ""
    return ssl.DER_cert_to_PEM_cert(der)


def read_certificates(path: Path) -> str:
    """Return the valid certificates of a file; raise where it cannot be read or has none."""
    try:
        with path.open("rb") as stream:
            content = stream.read(CA_SIZE_LIMIT + 1)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise CertificateError("the path of the certificates holds a null byte") from None
    if len(content) > CA_SIZE_LIMIT:
        raise CertificateError(f"{path} is larger than {CA_SIZE_LIMIT} bytes")
    return certificates(content.decode("utf-8", "replace"), source=str(path))


def read_ca_directories(directories: Iterable[Path]) -> HostCertificates:
    """Return what the files named ``host`` or ``host_port`` hold; the first of a name counts."""
    pem: dict[str, str] = {}
    broken: dict[str, str] = {}
    for path in (path for directory in directories for path in certificate_files(directory)):
        name = path.name.lower()
        if name in pem or name in broken:
            continue
        try:
            pem[name] = read_certificates(path)
        except CertificateError as error:
            broken[name] = str(error)
    return HostCertificates(pem, broken)


def certificate_files(directory: Path) -> list[Path]:
    """Return the files of a directory that are named like a host; none where it is not there."""
    try:
        names = sorted(directory.iterdir())
    except OSError:
        return []
    hosts = (path for path in names if path.name not in _NOT_HOSTS and path.name[:1] != ".")
    return [path for path in hosts if path.is_file()][:CA_FILES_LIMIT]
