"""The words about the way to a registry: its entry, name, connection and certificate.

Pure: what was seen goes in, a check comes out. Source of the words: docs/doctor.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from argocd_image_updater.controller.doctor_checks import (
    Blame,
    Check,
    CheckName,
    failed,
    passed,
    sentence,
    warned,
)
from argocd_image_updater.registry.certificates import CA_DIRECTORIES
from argocd_image_updater.registry.endpoints import DOCKER_HUB
from argocd_image_updater.registry.peer_certificates import MAX_NAMES_SHOWN
from argocd_image_updater.registry.probing import Fault, FaultKind, Handshake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.peer_certificates import PeerCertificate
    from argocd_image_updater.registry.probing import Way

SOON_S = 14 * 86_400  # a certificate that ends within this time is worth a warning
_CONF = "registries.conf"


def why_this_entry(table: EndpointTable, image: ImageReference, endpoint: Endpoint) -> str:
    """Return which entry serves an image, and why."""
    named = f'entry "{endpoint.name}"'
    if endpoint.inferred:
        return f"no entry of {_CONF} serves {image.registry}: inferred from the name of the image"
    is_built_in = table.by_prefix(endpoint.prefix) == DOCKER_HUB
    if not image.registry:
        return f"{'built-in ' if is_built_in else ''}{named}: the image names no registry"
    if not endpoint.prefix:
        return f"{named}: it has no prefix and serves every host without an entry"
    return f"{'built-in ' if is_built_in else ''}{named}: its prefix is {endpoint.prefix}"


def entry_check(why: str, endpoint: Endpoint, *, repository: str) -> Check:
    """Return the check of an entry that can be used."""
    details = [f"API {endpoint.api_url}", f"repository {repository}"]
    if endpoint.tag_sort:
        details.append(f"tagsortmode {endpoint.tag_sort}")
    return passed(CheckName.ENTRY, why, *details)


def unusable_entry(why: str, problem: str) -> Check:
    """Return the check of an entry, or a name, with which nobody can be asked."""
    return failed(
        CheckName.ENTRY, why, problem, advice=sentence(problem), blame=Blame.CONFIGURATION
    )


def name_check(way: Way | Fault, found: Sequence[str] | Fault, *, host: str) -> Check:
    """Return the check of the name, or of the name of the proxy."""
    if isinstance(found, Fault):
        return _name_fault(way, found, host=host)
    assert not isinstance(way, Fault)
    first = way.first[0]
    addresses = "an address, nothing to look up" if found == (first,) else ", ".join(found)
    if way.proxy:
        return passed(
            CheckName.NAME, f"proxy {first}: {addresses}", f"{way.host} is looked up by the proxy"
        )
    return passed(CheckName.NAME, f"{first}: {addresses}")


def _name_fault(way: Way | Fault, fault: Fault, *, host: str) -> Check:
    if fault.kind is FaultKind.FORBIDDEN:
        advice = (
            f"The registry {host} has a link-local address or is a metadata service, which is not "
            "asked: correct api_url, or set allowLinkLocal in registries.extra.conf."
        )
        return failed(CheckName.NAME, fault.text, advice=advice, blame=Blame.CONFIGURATION)
    if fault.kind is FaultKind.PROXY:
        advice = (
            "The URL of the proxy cannot be used: correct HTTPS_PROXY, HTTP_PROXY or `proxy` in "
            "registries.extra.conf."
        )
        return failed(CheckName.NAME, fault.text, advice=advice, blame=Blame.CONFIGURATION)
    if isinstance(way, Fault) or way.proxy is None:
        advice = (
            f"The name of the registry {host} is not known here: correct the image or api_url in "
            f"{_CONF}, or look at the DNS of this machine."
        )
    else:
        advice = (
            f"The name of the proxy {way.proxy.host} is not known here: correct HTTPS_PROXY, "
            "HTTP_PROXY or `proxy` in registries.extra.conf, or add the registry to NO_PROXY."
        )
    return failed(CheckName.NAME, fault.text, advice=advice)


def connection_check(way: Way, found: str | Fault) -> Check:
    """Return the check of the connection, through the proxy where there is one."""
    host, port = way.first
    if not isinstance(found, Fault):
        through = f" through the proxy {host}:{port}" if way.proxy else ""
        return passed(CheckName.CONNECTION, f"to {way.host}:{way.port}{through}, at {found}")
    place = f"{way.host}:{way.port}"
    if found.kind is FaultKind.PROXY_LOGIN:
        advice = (
            f"The proxy {host}:{port} wants a login: put user and password into its URL "
            "(HTTPS_PROXY, or `proxy` in registries.extra.conf)."
        )
    elif found.kind is FaultKind.PROXY:
        advice = (
            f"The proxy {host}:{port} does not lead to {place}: let it, or add the registry to "
            "NO_PROXY."
        )
    elif way.proxy:
        advice = f"The proxy {host}:{port} does not answer: start it, or correct its URL."
    else:
        advice = (
            f"Nobody answers at {place}: start the registry, correct api_url, or open the way "
            "(firewalls, network policies, HTTPS_PROXY)."
        )
    return failed(CheckName.CONNECTION, found.text, advice=advice)


def unencrypted_check(way: Way) -> Check:
    """Return the check of a registry that is asked over plain HTTP."""
    return warned(CheckName.TLS, f"none: {way.host} is asked over plain HTTP, as api_url says")


def tls_check(way: Way, found: Handshake | Fault, *, unix_now: float) -> Check:
    """Return the check of the handshake and of the certificate."""
    if isinstance(found, Fault):
        details = _certificate_lines(found.certificate)
        advice = _tls_advice(way, found)
        return failed(CheckName.TLS, f"refused: {found.text}", *details, advice=advice)
    certificate = found.certificate
    lines = _certificate_lines(certificate)
    if way.tls.insecure:
        text = f"{found.version}, certificate not checked (insecure)"
        return warned(CheckName.TLS, text, *lines)
    if certificate and certificate.ends_at_s - unix_now < SOON_S:
        text = f"{found.version}, but the certificate ends on {_day(certificate.ends_at_s)}"
        return warned(CheckName.TLS, text, *lines)
    return passed(CheckName.TLS, f"{found.version}, certificate accepted", *lines)


def _tls_advice(way: Way, fault: Fault) -> str:
    """Return what is wrong with the handshake and what to do."""
    host, shown = way.host, fault.certificate
    if fault.kind is FaultKind.EXPIRED:
        since = f" (it ended on {_day(shown.ends_at_s)})" if shown else ""
        return (
            f"The certificate of {host}, or one above it, has expired{since}: "
            "whoever runs the registry must renew it."
        )
    if fault.kind is FaultKind.NOT_YET_VALID:
        return (
            f"The certificate of {host} is not valid yet: look at the clock of this machine, or "
            "have the certificate issued anew."
        )
    if fault.kind is FaultKind.WRONG_NAME:
        meant = f"for {_names(shown)}, " if shown and shown.names else ""
        return (
            f"The certificate of the registry is {meant}not for {host}: ask it by a name of its "
            f"certificate (api_url in {_CONF}), or have the certificate issued for {host}."
        )
    if fault.kind is FaultKind.UNKNOWN_ISSUER:
        issuer = f'"{shown.authority}"' if shown else "an authority"
        return (
            f"The certificate of {host} comes from {issuer}, which is not trusted here: put the "
            f"certificate of that authority into ca_file or ca_data of the registry in {_CONF}, or "
            f"into {CA_DIRECTORIES[0]}/{host}."
        )
    if fault.kind is FaultKind.CERTIFICATE:
        return (
            f"The certificate of {host}, or one in {_CONF}, cannot be used ({fault.text}): correct "
            "it."
        )
    return (
        f"{host}:{way.port} does not speak TLS as it should ({fault.text}): if it serves plain "
        f"HTTP, write api_url: http://… in {_CONF}, else look at its TLS settings."
    )


def _certificate_lines(shown: PeerCertificate | None) -> tuple[str, ...]:
    if shown is None:
        return ()
    lines = [f"subject {shown.subject}", f"issuer {shown.issuer}"]
    if shown.authority != shown.issuer:
        lines.append(f"chain ends at {shown.authority}")
    if shown.names:
        lines.append(f"for {_names(shown)}")
    lines.append(f"valid from {_day(shown.starts_at_s)} to {_day(shown.ends_at_s)}")
    return tuple(lines)


def _names(shown: PeerCertificate) -> str:
    more = ", …" if len(shown.names) > MAX_NAMES_SHOWN else ""
    return ", ".join(shown.names[:MAX_NAMES_SHOWN]) + more


def _day(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
