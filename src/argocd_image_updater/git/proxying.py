"""Which proxy a Secret names for a repository, and for which hosts it does not count. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.net.proxies import is_excepted, parse_exceptions

if TYPE_CHECKING:
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.urls import RepositoryUrl

_PROXY_PORTS = {"https": 443}
_PROXY_PORT = 1080  # what curl takes for all other kinds
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}


def proxy_of(credential: GitCredential, host: str, port: int) -> str:
    """Return the URL of the Secret's proxy for a host; empty = none, or not for this one."""
    exceptions = parse_exceptions(credential.no_proxy)
    if not credential.proxy or is_excepted(exceptions, host, port):
        return ""
    return credential.proxy if "://" in credential.proxy else f"http://{credential.proxy}"


def proxy_place(credential: GitCredential, proxy: str) -> tuple[str, int]:
    """Return host and port of a proxy; GitError where its URL is none."""
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host:
        raise GitError(
            FailureKind.CREDENTIALS,
            f"the proxy in {credential.origin} is no URL: write http://HOST:PORT",
        )
    return host, port or _PROXY_PORTS.get(parts.scheme, _PROXY_PORT)


def port_of(url: RepositoryUrl) -> int:
    """Return the port of a repository's host."""
    if "://" not in url.text:  # user@host:path
        return _DEFAULT_PORTS["ssh"]
    return urlsplit(url.text).port or _DEFAULT_PORTS.get(url.scheme, 0)
