"""Credentials for one repository out of a Docker configuration (``.dockerconfigjson``).

An entry is meant for a host, or for repositories below a path of it. Hosts are compared as a whole,
without scheme, letter case and default port; the names of Docker Hub are one host; ``*`` stands for
one label, as Kubernetes allows. The longest path wins, an exact host before a pattern, and an
unusable entry gives way to the next one. An identity token is traded at the token service.
Rules: ``tests/vectors/data/dockerconfig_credentials.json`` and
https://kubernetes.io/docs/concepts/containers/images/#config-json.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from argocd_image_updater.registry.credentials.values import (
    VALUE_LIMIT,
    CredentialValueError,
    decode_value,
    split_pair,
)
from argocd_image_updater.registry.endpoint import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

# A Secret holds at most 1 MiB; this bounds the comparisons.
ENTRIES_LIMIT = 10_000

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_HOSTS = frozenset(
    (
        _DOCKER_HUB,
        "index.docker.io",
        "registry-1.docker.io",
        "registry.hub.docker.com",
        "hub.docker.com",
    )
)
# The name of Docker Hub at credential helpers, and the key that `docker login` writes.
DOCKER_HUB_SERVER = "https://index.docker.io/v1/"
_DEFAULT_PORTS = {"https": "443", "http": "80"}
# Paths of the registry APIs, which tools write into keys although they name no repository.
_API_PATHS = frozenset(("v1", "v2"))


@dataclass(frozen=True, slots=True)
class _Location:
    """Host in lower case, port unless it is the default one, and the components of a path."""

    host: str
    port: str
    path: tuple[str, ...]


def credentials_from_docker_config(
    text: str,
    *,
    api_url: str,
    repository: str = "",
    source: str = "",
    identity_tokens: bool = False,
) -> Credentials:
    """Return the credentials for a registry; an empty `repository` fits every path.

    identity_tokens: whether what comes out may be an identity token in place of user and password.
    """
    entries = docker_config_section(read_docker_config(text), "auths")
    if entries is None:
        raise CredentialValueError("the value has no object 'auths'")
    keys = matching_keys(entries, api_url=api_url, repository=repository)
    if not keys:
        raise CredentialValueError("no entry of 'auths' is meant for this registry")
    return usable_entry(
        [entries[key] for key in keys], source=source, identity_tokens=identity_tokens
    )


def longest_match(text: str, *, api_url: str, repository: str) -> int:
    """Return how many path components the best entry for a repository has; -1 = none is for it."""
    entries = docker_config_section(read_docker_config(text), "auths")
    if entries is None:
        raise CredentialValueError("the value has no object 'auths'")
    keys = matching_keys(entries, api_url=api_url, repository=repository)
    return path_length(keys[0], api_url=api_url, repository=repository) if keys else -1


def path_length(key: str, *, api_url: str, repository: str) -> int:
    """Return how many path components a key has; -1 = it is not meant for this repository."""
    if not matching_keys((key,), api_url=api_url, repository=repository):
        return -1
    return len(_locate(key, scheme=_scheme(api_url)).path)


def usable_entry(entries: list[Any], *, source: str, identity_tokens: bool = False) -> Credentials:
    """Return the credentials of the first entry that has some; raise where none has."""
    problem = CredentialValueError("")
    for entry in entries:
        try:
            return _usable(entry, source=source, identity_tokens=identity_tokens)
        except CredentialValueError as error:
            problem = error
    raise problem


def matching_keys(keys: Iterable[str], *, api_url: str, repository: str = "") -> list[str]:
    """Return the keys that are meant for a repository of a registry, the best one first."""
    scheme = _scheme(api_url)
    registry = _locate(api_url, scheme=scheme)
    if not registry.host:
        raise CredentialValueError("the API URL of the registry has no host")
    ranked = []
    for key in keys:
        location = _locate(key, scheme=scheme)
        if _serves(location, registry, repository=repository):
            ranked.append((-len(location.path), "*" in location.host or "?" in location.host, key))
    return [key for _, _, key in sorted(ranked)]


def server_name(api_url: str) -> str:
    """Return the name under which Docker's tools keep the login of a registry."""
    registry = _locate(api_url, scheme=_scheme(api_url))
    if registry.host == _DOCKER_HUB:
        return DOCKER_HUB_SERVER
    return f"{registry.host}:{registry.port}" if registry.port else registry.host


def read_docker_config(text: str) -> dict[str, Any]:
    """Return the object that a Docker configuration is."""
    if len(text) > VALUE_LIMIT:
        raise CredentialValueError(f"the value is longer than {VALUE_LIMIT} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CredentialValueError("the value is not JSON") from None
    if not isinstance(document, dict):
        raise CredentialValueError("the value is no JSON object")
    return document


def docker_config_section(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a part of a Docker configuration by host; None where it is not there or no object."""
    section = document.get(name)
    if not isinstance(section, dict):
        return None
    if len(section) > ENTRIES_LIMIT:
        raise CredentialValueError(f"{name!r} has more than {ENTRIES_LIMIT} entries")
    return section


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else "https"


def _locate(text: str, *, scheme: str) -> _Location:
    """Split a key or an API URL; `scheme` is that of a text without one."""
    before, separator, rest = text.partition("://")
    if separator:
        scheme = before.lower()
    else:
        rest = text
    authority, _, path_text = rest.partition("/")
    host, port = _split_port(authority.lower())
    path = tuple(part for part in path_text.split("/") if part)
    if len(path) == 1 and path[0] in _API_PATHS:
        path = ()
    host = _DOCKER_HUB if host in _DOCKER_HUB_HOSTS and not port else host
    return _Location(host, "" if port == _DEFAULT_PORTS.get(scheme) else port, path)


def _split_port(authority: str) -> tuple[str, str]:
    """Split host and port; the colons of an IPv6 address stand in brackets."""
    host, colon, port = authority.rpartition(":")
    return (host, port) if colon and port.isdigit() else (authority, "")


def _serves(entry: _Location, registry: _Location, *, repository: str) -> bool:
    if entry.port != registry.port or not _same_host(entry.host, registry.host):
        return False
    wanted = tuple(repository.split("/"))
    return not repository or not entry.path or wanted[: len(entry.path)] == entry.path


def _same_host(pattern: str, host: str) -> bool:
    """Compare hosts label by label; a pattern never spans a dot."""
    if pattern == host:
        return True
    labels, patterns = host.split("."), pattern.split(".")
    return len(labels) == len(patterns) and all(map(fnmatchcase, labels, patterns))


def _usable(entry: object, *, source: str, identity_tokens: bool) -> Credentials:
    if not isinstance(entry, dict):
        raise CredentialValueError("the entry of this registry is no object")
    token = entry.get("identitytoken")
    if identity_tokens and isinstance(token, str) and token:
        return Credentials(source=source, identity_token=token)  # `auth` beside it has no password
    if entry.get("auth") not in (None, ""):
        return split_pair(_decoded(entry["auth"]), source=source)
    username, password = entry.get("username"), entry.get("password")
    if isinstance(username, str) and isinstance(password, str) and username:
        return Credentials(username, password, source)
    raise CredentialValueError("the entry of this registry has neither 'auth' nor 'username'")


def _decoded(auth: object) -> str:
    if not isinstance(auth, str):
        raise CredentialValueError("'auth' of this registry is no text")
    try:
        content = base64.b64decode(auth.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise CredentialValueError("'auth' of this registry is not base64") from None
    return decode_value(content)
