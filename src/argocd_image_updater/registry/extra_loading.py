"""Put ``registries.extra.conf`` onto the table of registries.

An entry is for the entry of ``registries.conf`` with the same prefix. A host that has none there
may still have one here: it is asked as without any configuration, and by these settings. What would
not fit is an error, never ignored: a setting that is not in force can send credentials elsewhere.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.endpoint import NO_EXTRAS, EndpointExtras
from argocd_image_updater.registry.endpoints import normalise_prefix
from argocd_image_updater.registry.strict_yaml import Faults, RegistriesConfError
from argocd_image_updater.registry.tls import ClientCertificate, check_client

if TYPE_CHECKING:
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.registries_extra import ExtraEntry, RegistriesExtra

# A certificate with its chain, or a key, is some kilobytes.
PEM_SIZE_LIMIT = 1 << 20


def apply_extras(
    table: EndpointTable, extra: RegistriesExtra, *, faults: Faults | None = None
) -> EndpointTable:
    """Return the table with these settings in force; reads the client certificates.

    faults: where they go in place of being raised.
    """
    faults = faults or Faults()
    defaults = _extras(NO_EXTRAS, extra.defaults, file=extra.file) if extra.defaults else NO_EXTRAS
    keys = {normalise_prefix(prefix): prefix for prefix in table.endpoints}
    extras: dict[str, EndpointExtras] = {}
    lines: dict[tuple[str, tuple[str, ...]], int] = {}
    endpoints = dict(table.endpoints)
    for entry in extra.entries:
        with faults.of_part():
            key = normalise_prefix(entry.prefix or "")
            if key in lines:
                raise _error(extra.file, entry, f"has the same prefix as line {lines[key]}")
            lines[key] = entry.line
            if key not in keys:
                endpoint = _unlisted(table, entry, file=extra.file)
                endpoints[endpoint.prefix] = endpoint
                keys[key] = endpoint.prefix
            _check_mirrors(endpoints[keys[key]], entry, file=extra.file)
            extras[keys[key]] = _extras(defaults, entry, file=extra.file)

    def applied(endpoint: Endpoint) -> Endpoint:
        return replace(endpoint, extras=extras.get(endpoint.prefix, defaults))

    return replace(
        table,
        endpoints={prefix: applied(endpoint) for prefix, endpoint in endpoints.items()},
        default=applied(table.default),
        inferred_extras=defaults,
    )


def named_files(extra: RegistriesExtra) -> list[Path]:
    """Return the files that the settings name, to be looked at for changes."""
    names = {entry.client_certificate_file for entry in extra.entries}
    names |= {entry.client_key_file for entry in extra.entries}
    return [Path(name) for name in sorted(names) if name]


def _unlisted(table: EndpointTable, entry: ExtraEntry, *, file: str) -> Endpoint:
    """Return the endpoint of a host that ``registries.conf`` does not name."""
    host, path = normalise_prefix(entry.prefix or "")
    if path or not host or "://" in (entry.prefix or "") or any(map(str.isspace, host)):
        raise _error(
            file,
            entry,
            "is for a prefix that registries.conf does not have; give it an entry there",
        )
    if "" in table.endpoints:
        raise _error(
            file,
            entry,
            "is for a host that the entry of registries.conf without a prefix serves; give the "
            "host an entry of its own there",
        )
    return table.by_prefix(host)


def _extras(base: EndpointExtras, entry: ExtraEntry, *, file: str) -> EndpointExtras:
    """Return the settings of an entry, with those of `base` for what it leaves out."""
    given = {
        "proxy": entry.proxy,
        "max_concurrency": entry.max_concurrency,
        "timeout_s": entry.timeout_s,
        "token_hosts": entry.token_hosts,
        "allow_link_local": entry.allow_link_local,
        "metadata_reads": entry.metadata_reads,
        "pull_reserve": entry.pull_reserve,
    }
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if entry.client_certificate_file:
        changes["client_certificate"] = _client_certificate(entry, file=file)
    nested = {"identities": entry.identities, "mirrors": entry.mirrors}
    return replace(base, **nested, **changes)  # type: ignore[arg-type]  # named above


def _check_mirrors(endpoint: Endpoint, entry: ExtraEntry, *, file: str) -> None:
    for mirror in entry.mirrors:
        if mirror.base == endpoint.api_url and not mirror.prefix:
            raise _error(file, entry, f"names itself as a mirror: {shorten(mirror.base)}")


def _client_certificate(entry: ExtraEntry, *, file: str) -> ClientCertificate:
    certificate = ClientCertificate(
        _read_pem(entry.client_certificate_file, entry, file=file),
        _read_pem(entry.client_key_file, entry, file=file),
    )
    try:
        check_client(certificate)
    except ValueError as error:
        raise _error(
            file,
            entry,
            f"clientCertFile {entry.client_certificate_file} and clientKeyFile "
            f"{entry.client_key_file}: {error}",
        ) from None
    return certificate


def _read_pem(name: str, entry: ExtraEntry, *, file: str) -> str:
    try:
        with Path(name).open("rb") as stream:
            content = stream.read(PEM_SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or "the path is no path"
        raise _error(file, entry, f"{shorten(name)} cannot be read: {why}") from None
    if len(content) > PEM_SIZE_LIMIT:
        raise _error(file, entry, f"{name} is larger than {PEM_SIZE_LIMIT} bytes")
    return content.decode("utf-8", "replace")


def _error(file: str, entry: ExtraEntry, message: str) -> RegistriesConfError:
    name = "defaults" if entry.prefix is None else f"entry {shorten(entry.prefix)!r}"
    return RegistriesConfError(f"{file}:{entry.line}: {name} {message}")
