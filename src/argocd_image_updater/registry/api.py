"""The API of one registry endpoint: its address, checked once, and the URLs under it.

Paths are appended to the whole API URL, also to one that has a path of its own. Source of the
paths: the OCI distribution specification 1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.endpoint import DEFAULT_PULL_RESERVE
from argocd_image_updater.registry.tls import VERIFIED, TlsSettings
from argocd_image_updater.registry.transport import ORDINARY, Route

if TYPE_CHECKING:
    from argocd_image_updater.registry.endpoint import Endpoint

MAX_REPOSITORY_LENGTH = 255  # of the distribution specification
DEFAULT_PORTS = {"http": 80, "https": 443}

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

# Azure Container Registry: tokens that are bound to a repository need more than "pull" to list tags
_ACR_SUFFIXES = (".azurecr.io", ".azurecr.us", ".azurecr.cn")
_ACR_ACTIONS = "pull,metadata_read,content_read"
# Docker Hub, by all names that serve its registry: the only one that is known to limit pulls.
_PULL_LIMITED = frozenset(
    {"registry-1.docker.io", "index.docker.io", "registry.hub.docker.com", "docker.io"}
)


@dataclass(frozen=True, slots=True)
class Api:
    """Where one endpoint is asked.

    base: API URL without trailing slash. host: ``host:port`` in lower case, the key of all state
    that is kept per host. token_hosts: that may get its credentials as its token service.
    pull_reserve: None = pulls are not limited, else how many of them are left to others.
    is_azure: it is an Azure Container Registry, which has further lists.
    """

    base: str
    scheme: str
    hostname: str
    host: str
    actions: str = "pull"
    tls: TlsSettings = VERIFIED
    limit_per_s: int = 0
    max_concurrency: int = 0
    route: Route = ORDINARY
    token_hosts: frozenset[str] = frozenset()
    pull_reserve: int | None = None
    is_azure: bool = False

    def url(self, path: str) -> str:
        """Return the full URL of a path below ``/v2/``."""
        return f"{self.base}/v2/{path}"

    def scope(self, repository: str) -> str:
        """Return the token scope that reading `repository` needs."""
        return f"repository:{repository}:{self.actions}"


def parse_api(endpoint: Endpoint) -> Api | Failure:
    """Return the API of an endpoint, or why its URL is of no use."""
    try:
        url = urlsplit(endpoint.api_url)
        port = url.port or DEFAULT_PORTS.get(url.scheme)
    except ValueError:
        return _bad_url(endpoint, "is not a URL")
    if port is None:
        return _bad_url(endpoint, "must start with https:// or http://")
    if not url.hostname:
        return _bad_url(endpoint, "names no host")
    if url.username is not None or url.query or url.fragment:
        return _bad_url(endpoint, "must have no user, query or fragment; use `credentials`")
    hostname = url.hostname.lower()
    is_acr = hostname.endswith(_ACR_SUFFIXES) or _ACR_SUFFIXES[0] in endpoint.api_url
    extras = endpoint.extras
    usual_reserve = DEFAULT_PULL_RESERVE if hostname in _PULL_LIMITED else None
    return Api(
        base=f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}",
        scheme=url.scheme,
        hostname=hostname,
        host=f"{hostname}:{port}",
        actions=_ACR_ACTIONS if is_acr else "pull",
        is_azure=is_acr,
        tls=TlsSettings(
            insecure=endpoint.insecure, ca_pem=endpoint.ca_pem, client=extras.client_certificate
        ),
        limit_per_s=max(0, endpoint.limit_per_s),
        max_concurrency=extras.max_concurrency,
        route=Route(extras.proxy, extras.timeout_s, extras.allow_link_local),
        token_hosts=extras.token_hosts,
        pull_reserve=usual_reserve if extras.pull_reserve is None else extras.pull_reserve,
    )


def is_repository(name: str) -> bool:
    """Tell whether `name` is a repository name of the distribution specification."""
    return len(name) <= MAX_REPOSITORY_LENGTH and _REPOSITORY.fullmatch(name) is not None


def is_tag(name: str) -> bool:
    """Tell whether `name` can be a tag."""
    return _TAG.fullmatch(name) is not None


def is_digest(text: str) -> bool:
    """Tell whether `text` is a digest that we can verify."""
    return _DIGEST.fullmatch(text) is not None


def _bad_url(endpoint: Endpoint, why: str) -> Failure:
    shown = shorten(endpoint.api_url.rpartition("@")[2])
    return Failure(
        FailureKind.CONFIG,
        f"api_url of registry {shorten(endpoint.name)!r} {why}: {shown!r}; correct registries.conf",
    )
