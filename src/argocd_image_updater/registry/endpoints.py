"""The table of registry endpoints: which one serves an image, and under which repository name.

The longest configured prefix wins, compared by whole host (with port) and whole path components;
an endpoint inferred from an image's host comes last and never hides a configured one, so the answer
does not depend on what was asked before. The table is immutable: a changed configuration is a new
table.
Rules: ``tests/vectors/data/registry_endpoint.json`` and ``registries_conf.json``; repository names
follow the OCI distribution specification.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.errors import ConfigError, shorten
from argocd_image_updater.registry.api import is_repository
from argocd_image_updater.registry.endpoint import NO_EXTRAS, Endpoint, EndpointExtras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from argocd_image_updater.core.reference import ImageReference

DOCKER_HUB = Endpoint(
    name="Docker Hub",
    prefix="docker.io",
    api_url="https://registry-1.docker.io",
    default_namespace="library",
    limit_per_s=10,
    is_default=True,
)
DOCKER_HUB_API_HOST = "registry-1.docker.io"
INFERRED_LIMIT_PER_S = 20


class RepositoryNameError(ConfigError):
    """An image has a name that no registry can serve."""


@dataclass(frozen=True, slots=True)
class EndpointTable:
    """Configured endpoints by prefix, the default endpoint and extra roots of other hosts.

    ca_by_host: PEM text by host or ``host_port`` for endpoints that configure none themselves.
    warnings: what is suspicious in the configuration, for the log and the ``validate`` command.
    remarks: those of the warnings that tell of a consequence and of no mistake.
    inferred_limit_per_s, inferred_extras: of endpoints that are not configured. extra_files: what
    ``registries.extra.conf`` names, to be looked at for changes.
    """

    endpoints: Mapping[str, Endpoint]
    default: Endpoint
    ca_by_host: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    inferred_limit_per_s: int = INFERRED_LIMIT_PER_S
    inferred_extras: EndpointExtras = NO_EXTRAS
    extra_files: tuple[Path, ...] = ()
    remarks: frozenset[str] = frozenset()
    _by_host: Mapping[str, tuple[tuple[tuple[str, ...], Endpoint], ...]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_host", _index(self.endpoints.values()))

    def lookup(self, image: ImageReference) -> Endpoint:
        """Return the endpoint that serves `image`: configured, catch-all or inferred."""
        if not image.registry:
            return self.default
        path = tuple(image.name.split("/"))
        for prefix_path, endpoint in self._by_host.get(image.registry.lower(), ()):
            if path[: len(prefix_path)] == prefix_path:
                return endpoint
        # COMPAT: an entry without prefix serves every other host (registry_endpoint.json).
        return self.endpoints.get("") or self._inferred(image.registry)

    def by_prefix(self, prefix: str) -> Endpoint:
        """Return the endpoint with this key; a key without entry is an inferred host."""
        if prefix == self.default.prefix:
            return self.default
        return self.endpoints.get(prefix) or self._inferred(prefix)

    def with_endpoint(self, endpoint: Endpoint) -> EndpointTable:
        """Return a table in which this endpoint stands in for the one with its prefix."""
        default = endpoint if endpoint.prefix == self.default.prefix else self.default
        return replace(
            self, endpoints={**self.endpoints, endpoint.prefix: endpoint}, default=default
        )

    def repository_of(self, endpoint: Endpoint, image: ImageReference) -> str:
        """Return the repository of `image` for API paths; raise where no registry could have it."""
        name = repository_name(endpoint, image)
        if not is_repository(name):
            raise RepositoryNameError(
                f"{shorten(name)!r} is not a repository name: lower-case letters, digits and single"
                " separators are allowed, up to 255 characters",
                hint="correct imageName",
            )
        return name

    def _inferred(self, registry: str) -> Endpoint:
        return Endpoint(
            name=registry,
            prefix=registry,
            api_url=f"https://{registry}",
            limit_per_s=self.inferred_limit_per_s,
            ca_pem=ca_for(f"https://{registry}", self.ca_by_host),
            inferred=True,
            extras=self.inferred_extras,
        )


def repository_name(endpoint: Endpoint, image: ImageReference) -> str:
    """Return the image's name with the default namespace put before a single component.

    Docker Hub keeps its official images under ``library``, whether or not the entry says so.
    """
    namespace = endpoint.default_namespace
    if not namespace and api_host(endpoint.api_url) == DOCKER_HUB_API_HOST:
        namespace = DOCKER_HUB.default_namespace
    return f"{namespace}/{image.name}" if namespace and "/" not in image.name else image.name


def api_host(api_url: str) -> str:
    """Return the host of an API URL in lower case, without port; empty where it has none."""
    try:
        return urlsplit(api_url).hostname or ""
    except ValueError:
        return ""


def certificate_names(api_url: str) -> tuple[str, ...]:
    """Return the names that root certificates of a host may have, the more exact one first."""
    host = api_host(api_url)
    try:
        port = urlsplit(api_url).port
    except ValueError:
        port = None
    exact = (f"{host}_{port}",) if port else ()
    return (*exact, host) if host else ()


def ca_for(api_url: str, ca_by_host: Mapping[str, str]) -> str:
    """Return the extra roots for a host: those for host and port, else those for the host."""
    names = certificate_names(api_url)
    return next((ca_by_host[name] for name in names if name in ca_by_host), "")


def normalise_prefix(prefix: str) -> tuple[str, tuple[str, ...]]:
    """Split a prefix into its host, in lower case, and its path components."""
    host, *path = prefix.rstrip("/").split("/")
    return host.lower(), tuple(path)


def _index(
    endpoints: Iterable[Endpoint],
) -> dict[str, tuple[tuple[tuple[str, ...], Endpoint], ...]]:
    """Group endpoints by host, longest path first; of equal prefixes the later entry wins."""
    by_host: dict[str, dict[tuple[str, ...], Endpoint]] = {}
    for endpoint in endpoints:
        host, path = normalise_prefix(endpoint.prefix)
        if host:
            by_host.setdefault(host, {})[path] = endpoint
    return {
        host: tuple(sorted(paths.items(), key=lambda item: -len(item[0])))
        for host, paths in by_host.items()
    }
