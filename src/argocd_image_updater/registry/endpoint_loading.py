"""Build the endpoint table: built-in Docker Hub, entries of a file, extra root certificates.

Certificates are read and checked here, once; the table holds only checked PEM text. A configured
certificate that cannot be used stops the loading, because requests without it would fail or, worse,
trust another root. Nothing is half applied: the caller gets a whole table or an error.
Rules: ``tests/vectors/data/registries_conf.json``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.certificates import (
    CA_DIRECTORIES,
    CertificateError,
    HostCertificates,
    certificates,
    read_ca_directories,
    read_certificates,
)
from argocd_image_updater.registry.credentials.reference import (
    CredentialReferenceError,
    parse_credential_reference,
)
from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoints import (
    DOCKER_HUB,
    EndpointTable,
    ca_for,
    normalise_prefix,
)
from argocd_image_updater.registry.extra_loading import apply_extras, named_files
from argocd_image_updater.registry.registries_conf import (
    DEFAULT_FILE,
    RegistriesConfError,
    RegistryEntry,
    parse_registries_conf,
)
from argocd_image_updater.registry.registries_extra import parse_registries_extra
from argocd_image_updater.registry.strict_yaml import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# COMPAT: requests less than a nanosecond apart are unlimited (registries_conf.json).
LIMIT_PER_S_MAX = 1_000_000_000


def load_table(
    text: str | None,
    *,
    file: str = DEFAULT_FILE,
    ca_directories: Iterable[Path] = CA_DIRECTORIES,
    extra: tuple[str, str] | None = None,
    faults: Faults | None = None,
) -> EndpointTable:
    """Return the built-in table with the entries of `text` on top; None means no file.

    extra: text and name of ``registries.extra.conf``. faults: where they go in place of being
    raised; the table is for nothing but its warnings where there are any.
    """
    faults = faults or Faults()
    table = _load_entries(text, file=file, ca_directories=ca_directories, faults=faults)
    if extra is None:
        return table
    is_whole = not faults.found  # else entries may be missing to which the further settings belong
    with faults.of_part():
        settings = parse_registries_extra(extra[0], file=extra[1], faults=faults)
        table = replace(table, extra_files=tuple(named_files(settings)))
        if is_whole:
            return apply_extras(table, settings, faults=faults)
    return table


def _load_entries(
    text: str | None, *, file: str, ca_directories: Iterable[Path], faults: Faults
) -> EndpointTable:
    entries: tuple[RegistryEntry, ...] = ()
    with faults.of_part():
        entries = parse_registries_conf(text or "", file=file, faults=faults)
    certificates_by_host = read_ca_directories(ca_directories)
    by_host = certificates_by_host.pem
    hub = replace(DOCKER_HUB, ca_pem=ca_for(DOCKER_HUB.api_url, by_host))
    endpoints = {hub.prefix: hub}
    for entry in entries:
        roots = ""
        with faults.of_part():
            roots = _roots(entry, file=file, by_host=certificates_by_host)
        endpoints[entry.prefix] = _endpoint(entry, roots=roots)
    default = hub
    with faults.of_part():
        default = replace(_default_endpoint(entries, endpoints, file=file), is_default=True)
    # COMPAT: the built-in entry keeps its mark beside another default (registries_conf.json).
    endpoints[default.prefix] = default
    warnings = [
        f"root certificates are not used: {why}" for why in certificates_by_host.broken.values()
    ]
    remarks: list[str] = []
    lines: dict[tuple[str, tuple[str, ...]], int] = {}
    for entry in entries:
        about = f"{file}:{entry.line}: {shorten(entry.name)}"
        warnings += [f"{about}: {doubt}" for doubt in _doubts(entry, lines)]
        if entry.sort_mode:
            text = "tagsortmode replaces the creation times of this registry's images"
            remarks.append(f"{about}: {text}")
        lines[normalise_prefix(entry.prefix)] = entry.line
    told = (*warnings, *remarks)
    return EndpointTable(endpoints, default, by_host, told, remarks=frozenset(remarks))


def _default_endpoint(
    entries: tuple[RegistryEntry, ...], endpoints: Mapping[str, Endpoint], *, file: str
) -> Endpoint:
    """Return the endpoint of the marked entry, else that of Docker Hub, configured or built in."""
    marked = [entry for entry in entries if entry.default]
    if len(marked) > 1:
        first, second = marked[:2]
        raise RegistriesConfError(
            f"{file}:{second.line}: entry {shorten(second.name)!r} (prefix {second.prefix!r}) is "
            f"marked as default, and so is {shorten(first.name)!r} (prefix {first.prefix!r})",
            hint="mark one entry only",
        )
    return endpoints[marked[0].prefix if marked else DOCKER_HUB.prefix]


def _endpoint(entry: RegistryEntry, *, roots: str) -> Endpoint:
    return Endpoint(
        name=entry.name,
        prefix=entry.prefix,
        api_url=entry.api_url.rstrip("/"),
        default_namespace=entry.defaultns,
        credentials=entry.credentials,
        credentials_expire_s=entry.credsexpire_s,
        tag_sort=entry.sort_mode,
        limit_per_s=entry.limit if 0 < entry.limit <= LIMIT_PER_S_MAX else 0,
        insecure=entry.insecure,
        ca_file=entry.ca_file,
        ca_pem=roots,
        is_default=entry.default,
    )


def _roots(entry: RegistryEntry, *, file: str, by_host: HostCertificates) -> str:
    """Return the extra roots of an entry: its text and its file, else the file of its host."""
    if entry.insecure:
        return ""
    try:
        given = certificates(entry.ca_data, source="ca_data") if entry.ca_data else ""
        if entry.ca_file:
            return given + read_certificates(Path(entry.ca_file))
        return given + by_host.roots_of(entry.api_url)
    except CertificateError as error:
        raise RegistriesConfError(
            f"{file}:{entry.line}: entry {shorten(entry.name)!r}: {error}", hint=error.hint
        ) from None


def _doubts(entry: RegistryEntry, earlier: Mapping[tuple[str, tuple[str, ...]], int]) -> list[str]:
    """Return what is accepted but probably not meant; earlier: lines of the prefixes before."""
    doubts = []
    if entry.unit_missing:
        doubts.append("credsexpire has no unit and counts nanoseconds; write for example 1h")
    if not _can_match(entry.prefix):
        doubts.append(f"prefix {entry.prefix!r} can never match; give host[:port][/path]")
    if line := earlier.get(normalise_prefix(entry.prefix)):
        doubts.append(f"prefix {entry.prefix!r} replaces that of line {line}")
    if not _is_url(entry.api_url):
        doubts.append(f"api_url {shorten(entry.api_url)!r} is not an http or https URL")
    return doubts + _credential_doubt(entry)


def _can_match(prefix: str) -> bool:
    host, path = normalise_prefix(prefix)
    plain = "://" not in prefix and not any(character.isspace() for character in prefix)
    return not prefix or (plain and bool(host) and all(path))


def _credential_doubt(entry: RegistryEntry) -> list[str]:
    if not entry.credentials:
        return []
    try:
        parse_credential_reference(entry.credentials)
    except CredentialReferenceError as error:
        return [f"credentials: the reference {error}"]
    return []


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
    except ValueError:
        return False
