"""Credentials for one repository out of a Docker configuration (``.dockerconfigjson``).

An entry is meant for a host, or for repositories below a path of it. Hosts are compared as a whole,
without scheme, letter case and default port; the names of Docker Hub are one host; ``*`` stands for
one label, as Kubernetes allows. The longest path wins, an exact host before a pattern, and an
unusable entry gives way to the next one.
Rules: ``tests/vectors/data/dockerconfig_credentials.json`` and
https://kubernetes.io/docs/concepts/containers/images/#config-json.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from argocd_image_updater.registry.credentials.values import (
    VALUE_LIMIT,
    CredentialValueError,
    decode_value,
    split_pair,
)
from argocd_image_updater.registry.endpoint import Credentials

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
    text: str, *, api_url: str, repository: str = "", source: str = ""
) -> Credentials:
    """Return the credentials for a registry; an empty `repository` fits every path."""
    registry = _locate(api_url, scheme=_scheme(api_url))
    if not registry.host:
        raise CredentialValueError("the API URL of the registry has no host")
    candidates = []
    for key, entry in _entries(text).items():
        location = _locate(key, scheme=_scheme(api_url))
        if _serves(location, registry, repository=repository):
            rank = (-len(location.path), "*" in location.host or "?" in location.host, key)
            candidates.append((rank, entry))
    if not candidates:
        raise CredentialValueError("no entry of 'auths' is meant for this registry")
    problem = CredentialValueError("")
    for _, entry in sorted(candidates, key=lambda candidate: candidate[0]):
        try:
            return _usable(entry, source=source)
        except CredentialValueError as error:
            problem = error
    raise problem


def _entries(text: str) -> dict[str, Any]:
    if len(text) > VALUE_LIMIT:
        raise CredentialValueError(f"the value is longer than {VALUE_LIMIT} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise CredentialValueError("the value is not JSON") from None
    auths = document.get("auths") if isinstance(document, dict) else None
    if not isinstance(auths, dict):
        raise CredentialValueError("the value has no object 'auths'")
    if len(auths) > ENTRIES_LIMIT:
        raise CredentialValueError(f"'auths' has more than {ENTRIES_LIMIT} entries")
    return auths


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


def _usable(entry: object, *, source: str) -> Credentials:
    if not isinstance(entry, dict):
        raise CredentialValueError("the entry of this registry is no object")
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
