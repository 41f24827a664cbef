"""Read ``registries.extra.conf``: what an entry of ``registries.conf`` has no key for.

It lies beside that file, so that the first stays readable for other tools. It is as strict, and
this module only reads: what the values mean together with the table is checked where they are
applied.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import yaml

from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.credentials.reference import (
    CredentialReferenceError,
    parse_credential_reference,
)
from argocd_image_updater.registry.endpoint import DIRECT_PROXY, MirrorSettings
from argocd_image_updater.registry.mirrors import parse_mirror_url
from argocd_image_updater.registry.repository_patterns import RepositoryPattern, parse_pattern
from argocd_image_updater.registry.strict_yaml import (
    Faults,
    Place,
    compose,
    merged,
    nearest,
    pairs,
)
from argocd_image_updater.registry.yaml_scalars import (
    is_null,
    read_bool,
    read_duration,
    read_int,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRA_FILE = "registries.extra.conf"
ENTRIES_LIMIT = 10_000
PATTERNS_LIMIT = 1_000
TOKEN_HOSTS_LIMIT = 100
CONCURRENCY_LIMIT = 100
MIRRORS_LIMIT = 10
TIMEOUT_LIMIT_S = (1.0, 600.0)
METADATA_READS_LIMIT = 1_000_000
PULL_RESERVE_LIMIT = 1_000_000

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}")


@dataclass(frozen=True, slots=True)
class ExtraEntry:
    """One entry as it stands in the file; None = not given. prefix: None in ``defaults``."""

    line: int
    prefix: str | None = None
    proxy: str | None = field(default=None, repr=False)
    client_certificate_file: str = ""
    client_key_file: str = ""
    max_concurrency: int | None = None
    timeout_s: float | None = None
    identities: tuple[tuple[RepositoryPattern, str], ...] = ()
    token_hosts: frozenset[str] | None = None
    allow_link_local: bool | None = None
    metadata_reads: int | None = None
    pull_reserve: int | None = None
    mirrors: tuple[MirrorSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistriesExtra:
    """The whole file. defaults: for every registry, also those without an entry."""

    file: str
    entries: tuple[ExtraEntry, ...] = ()
    defaults: ExtraEntry | None = None


def parse_registries_extra(
    text: str, *, file: str = EXTRA_FILE, faults: Faults | None = None
) -> RegistriesExtra:
    """Return what the first document of `text` says; any fault is a RegistriesConfError.

    faults: where they go in place of being raised.
    """
    faults = faults or Faults()
    place = Place(file)
    root = compose(text, file=file)
    if root is None or is_null(root):
        return RegistriesExtra(file)
    entries: tuple[ExtraEntry, ...] = ()
    defaults: ExtraEntry | None = None
    for key, value in pairs(root, place=place):
        if key.value == "registries":
            entries = _read_entries(value, place=place, faults=faults)
        elif key.value == "defaults":
            with faults.of_part():
                defaults = _read_entry(
                    value, place=Place(file, "defaults"), readers=_COMMON, faults=faults
                )
        else:
            message = f"unknown key {shorten(str(key.value))!r}"
            hint = "the keys are 'registries' and 'defaults'"
            faults.note(place.error(key, message, hint=hint))
    return RegistriesExtra(file, entries, defaults)


def _read_entries(node: yaml.Node, *, place: Place, faults: Faults) -> tuple[ExtraEntry, ...]:
    if is_null(node):
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise place.error(node, "'registries' must be a list of entries")
    if len(node.value) > ENTRIES_LIMIT:
        raise place.error(node, f"more than {ENTRIES_LIMIT} entries")
    entries = []
    for number, item in enumerate(node.value, start=1):
        at = Place(place.file, f"entry {number}")
        with faults.of_part():
            entries.append(_read_entry(item, place=at, readers=_READERS, faults=faults))
    return tuple(entries)


def _read_entry(node: yaml.Node, *, place: Place, readers: _Readers, faults: Faults) -> ExtraEntry:
    found = dict(merged(node, place=place))
    if prefix := found.get("prefix"):
        place = Place(place.file, f"{place.entry} ({shorten(str(prefix[1].value))})")
    values: dict[str, object] = {}
    for key, (key_node, value) in found.items():
        with faults.of_part():
            if key not in readers:
                hint = nearest(key, readers)
                raise place.error(key_node, f"unknown key {shorten(key)!r}", hint=hint)
            values[readers[key][0]] = _read_value(key, value, readers=readers, place=place)
    if "prefix" in readers and values.get("prefix") is None:
        raise place.error(node, "key 'prefix' is missing; it says which entry this is about")
    entry = ExtraEntry(node.start_mark.line + 1, **values)  # type: ignore[arg-type]  # typed by the readers
    if bool(entry.client_certificate_file) != bool(entry.client_key_file):
        raise place.error(node, "'clientCertFile' and 'clientKeyFile' go together")
    return entry


def _read_value(key: str, node: yaml.Node, *, readers: _Readers, place: Place) -> object:
    if key in _NESTED:
        return _NESTED[key](node, place=place)
    try:
        return readers[key][1](node)
    except ValueError as error:
        raise place.error(node, f"key '{key}' {error}") from None


def _read_identities(node: yaml.Node, *, place: Place) -> tuple[tuple[RepositoryPattern, str], ...]:
    """Return credential references by pattern of repositories."""
    identities: dict[RepositoryPattern, str] = {}
    for key, value in pairs(node, place=place):
        about = f"credentials of {shorten(key.value)!r}"
        try:
            pattern, reference = parse_pattern(key.value), read_text(value)
            parse_credential_reference(reference)
        except CredentialReferenceError as error:
            raise place.error(value, f"{about}: the reference {error}", hint=error.hint) from None
        except ValueError as error:
            raise place.error(key, f"{about}: {error}") from None
        identities[pattern] = reference
    if len(identities) > PATTERNS_LIMIT:
        raise place.error(node, f"more than {PATTERNS_LIMIT} patterns")
    return tuple(sorted(identities.items(), key=lambda item: item[0].text))


def _read_token_hosts(node: yaml.Node, *, place: Place) -> frozenset[str]:
    if not isinstance(node, yaml.SequenceNode) or len(node.value) > TOKEN_HOSTS_LIMIT:
        raise place.error(node, f"'tokenHosts' must be a list of up to {TOKEN_HOSTS_LIMIT} hosts")
    hosts = set()
    for item in node.value:
        host = item.value if isinstance(item, yaml.ScalarNode) else ""
        if not _HOST.fullmatch(host):
            raise place.error(item, "'tokenHosts' holds something that is no host without port")
        hosts.add(host.lower())
    return frozenset(hosts)


def _read_mirrors(node: yaml.Node, *, place: Place) -> tuple[MirrorSettings, ...]:
    if not isinstance(node, yaml.SequenceNode) or len(node.value) > MIRRORS_LIMIT:
        raise place.error(node, f"'mirrors' must be a list of up to {MIRRORS_LIMIT} mappings")
    mirrors: dict[tuple[str, str], MirrorSettings] = {}
    for number, item in enumerate(node.value, start=1):
        mirror = _read_mirror(item, place=Place(place.file, f"{place.entry}: mirror {number}"))
        where = (mirror.base, mirror.prefix)
        if where in mirrors:
            raise place.error(item, f"mirror {number} has the same url as one before it")
        mirrors[where] = mirror
    return tuple(mirrors.values())


def _read_mirror(node: yaml.Node, *, place: Place) -> MirrorSettings:
    found: MirrorSettings | None = None
    credentials, tags = "", False
    for key, value in pairs(node, place=place):
        try:
            match key.value:
                case "url":
                    found = parse_mirror_url(read_text(value))
                case "credentials":
                    credentials = read_text(value)
                    parse_credential_reference(credentials)
                case "tags":
                    tags = read_bool(value)
                case other:
                    hint = nearest(other, _MIRROR_KEYS)
                    raise place.error(key, f"unknown key {shorten(str(other))!r}", hint=hint)
        except CredentialReferenceError as error:
            about = "key 'credentials': the reference"
            raise place.error(value, f"{about} {error}", hint=error.hint) from None
        except ValueError as error:
            raise place.error(value, f"key '{key.value}' {error}") from None
    if found is None:
        raise place.error(node, "key 'url' is missing; it says where the mirror is")
    return replace(found, credentials=credentials, tags=tags)


def _read_proxy(node: yaml.Node) -> str:
    """Return the URL of a proxy; no message repeats it, because it may hold a password."""
    text = read_text(node)
    if text == DIRECT_PROXY:
        return text
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.path.strip("/") or url.query or url.fragment or " " in text:
        raise ValueError(f"must be http://HOST:PORT or {DIRECT_PROXY}")
    return text


def _read_timeout(node: yaml.Node) -> float:
    timeout_s, unit_missing = read_duration(node)
    least_s, most_s = TIMEOUT_LIMIT_S
    if unit_missing or not least_s <= timeout_s <= most_s:
        raise ValueError(f"must be a duration from {least_s:.0f}s to {most_s / 60:.0f}m")
    return timeout_s


def _number(least: int, most: int) -> Callable[[yaml.Node], int]:
    def read(node: yaml.Node) -> int:
        number = read_int(node)
        if is_null(node) or not least <= number <= most:
            raise ValueError(f"must be a number from {least} to {most}")
        return number

    return read


_Readers = dict[str, tuple[str, "Callable[[yaml.Node], object]"]]
_COMMON: _Readers = {
    "proxy": ("proxy", _read_proxy),
    "maxConcurrency": ("max_concurrency", _number(1, CONCURRENCY_LIMIT)),
    "timeout": ("timeout_s", _read_timeout),
    "metadataReads": ("metadata_reads", _number(1, METADATA_READS_LIMIT)),
    "pullReserve": ("pull_reserve", _number(0, PULL_RESERVE_LIMIT)),
}
_READERS: _Readers = {
    "prefix": ("prefix", read_text),
    **_COMMON,
    "clientCertFile": ("client_certificate_file", read_text),
    "clientKeyFile": ("client_key_file", read_text),
    "credentials": ("identities", read_text),
    "tokenHosts": ("token_hosts", read_text),
    "allowLinkLocal": ("allow_link_local", read_bool),
    "mirrors": ("mirrors", read_text),
}
_NESTED: dict[str, Callable[..., object]] = {
    "credentials": _read_identities,
    "tokenHosts": _read_token_hosts,
    "mirrors": _read_mirrors,
}
_MIRROR_KEYS = ("url", "credentials", "tags")
KEYS = tuple(_READERS)
