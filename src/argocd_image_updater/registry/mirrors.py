"""Where else the contents of a registry can be read: its mirrors, and how each of them is asked.

A mirror is given by a URL. A path in it is put before the repository, as pull-through caches want
it; what stands before a component ``v2`` belongs to the address of the API. TLS, proxy and limits
are those of the entry for the mirror's own host, if there is one. So are the credentials, unless
the mirror is given its own: those of the registry or of an image never go there.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.registry.api import is_repository
from argocd_image_updater.registry.endpoint import Endpoint, MirrorSettings
from argocd_image_updater.registry.endpoints import ca_for, normalise_prefix
from argocd_image_updater.registry.redirects import origin

if TYPE_CHECKING:
    from argocd_image_updater.registry.endpoints import EndpointTable

_API = "v2"


@dataclass(frozen=True, slots=True)
class MirrorPlace:
    """One repository at one mirror. tags: what its tags are may be asked there too."""

    endpoint: Endpoint
    repository: str
    tags: bool

    @property
    def host(self) -> str:
        """Host and port as they stand in its URL: its name for people."""
        return urlsplit(self.endpoint.api_url).netloc


def parse_mirror_url(text: str) -> MirrorSettings:
    """Return where a mirror is.

    Raises:
        ValueError: it cannot be one; the message follows the name of the key.
    """
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or any(map(str.isspace, text)):
        raise ValueError("must be a URL with http:// or https://")
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError("must have no user, query or fragment; use 'credentials'")
    parts = [part for part in url.path.split("/") if part]
    before = parts.index(_API) if _API in parts else 0
    base = "/".join([f"{url.scheme}://{url.netloc.lower()}", *parts[:before]])
    prefix = "/".join(parts[before + 1 :] if _API in parts else parts)
    if prefix and not is_repository(prefix):
        raise ValueError(f"has the path {prefix!r}, which cannot be the beginning of a repository")
    return MirrorSettings(base, prefix)


def mirrors_of(
    table: EndpointTable, endpoint: Endpoint, repository: str
) -> tuple[MirrorPlace, ...]:
    """Return the mirrors that can have a repository of an endpoint, in the owner's order."""
    found = []
    for mirror in endpoint.extras.mirrors:
        name = f"{mirror.prefix}/{repository}" if mirror.prefix else repository
        if is_repository(name):  # with its prefix it may be too long
            place = MirrorPlace(_asked(table, mirror, name), name, tags=mirror.tags)
            found.append(place)
    return tuple(found)


def _asked(table: EndpointTable, mirror: MirrorSettings, repository: str) -> Endpoint:
    """Return the endpoint by which a mirror is asked."""
    host = urlsplit(mirror.base).netloc
    name = f"mirror {host}"
    entry = _entry_of(table, mirror, repository)
    if entry is None:
        entry = Endpoint(
            name=name,
            prefix=name,
            api_url=mirror.base,
            ca_pem=ca_for(mirror.base, table.ca_by_host),
            extras=table.inferred_extras,
        )
    extras = replace(entry.extras, mirrors=())
    if mirror.credentials:
        # what is kept of these credentials is kept by this name, apart from those of the entry
        name = f"{name} ({mirror.credentials})"
        extras = replace(extras, identities=())
        entry = replace(entry, prefix=name, credentials=mirror.credentials, credentials_expire_s=0)
    return replace(
        entry, name=name, api_url=mirror.base, default_namespace="", tag_sort="", extras=extras
    )


def _entry_of(table: EndpointTable, mirror: MirrorSettings, repository: str) -> Endpoint | None:
    """Return the entry whose API is on the mirror's host; of several that for the repository.

    Where none is for the repository, the one for most of the host.
    """
    home = origin(mirror.base)
    path = tuple(repository.split("/"))
    best: tuple[bool, int, str] | None = None
    found = None
    for endpoint in table.endpoints.values():
        if _origin(endpoint) != home:
            continue
        _, components = normalise_prefix(endpoint.prefix)
        fits = path[: len(components)] == components
        rank = (fits, len(components) if fits else -len(components), endpoint.prefix)
        if best is None or rank > best:
            best, found = rank, endpoint
    return found


def _origin(endpoint: Endpoint) -> tuple[str, str, int | None] | None:
    try:
        return origin(endpoint.api_url)
    except ValueError:
        return None
