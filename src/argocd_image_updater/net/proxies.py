"""Which proxy a request goes through: the usual environment variables.

Rules: 1. ``HTTPS_PROXY`` and ``HTTP_PROXY``, by the scheme of the request, upper case first;
2. localhost and loopback addresses are never proxied; 3. ``NO_PROXY`` is a list of ``*``, names
(with all names below), ``.name`` or ``*.name`` (only names below), addresses and networks in CIDR
form, each name or address with an optional port. The variables are read once and handed in: only
the command line looks at the environment. A password for a proxy stands in its URL; for nothing
else are credentials taken from the environment (no netrc).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """Proxy URLs by scheme (empty = direct) and the entries of the exception list."""

    http: str = ""
    https: str = ""
    exceptions: tuple[str, ...] = ()

    def proxy_for(self, scheme: str, host: str, port: int | None = None) -> str:
        """Return the URL of the proxy for this request, empty for a direct connection."""
        proxy = self.https if scheme == "https" else self.http
        if not proxy:
            return ""
        host = host.lower().rstrip(".")
        if is_loopback(host):
            return ""
        port = port or _DEFAULT_PORTS.get(scheme, 0)
        return "" if is_excepted(self.exceptions, host, port) else proxy


DIRECT = ProxyRules()


def read_proxies(environment: Mapping[str, str]) -> ProxyRules:
    """Return the rules that the variables of `environment` describe."""

    def value(name: str) -> str:
        return (environment.get(name) or environment.get(name.lower()) or "").strip()

    return ProxyRules(
        http=_with_scheme(value("HTTP_PROXY")),
        https=_with_scheme(value("HTTPS_PROXY")),
        exceptions=parse_exceptions(value("NO_PROXY")),
    )


def parse_exceptions(text: str) -> tuple[str, ...]:
    """Return the entries of a list as the variable ``NO_PROXY`` has it."""
    entries = (entry.strip().lower() for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


def is_excepted(exceptions: tuple[str, ...], host: str, port: int) -> bool:
    """Return whether an entry says that a host is asked directly."""
    host = host.lower().rstrip(".")
    return any(_covers(entry, host, port) for entry in exceptions)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _with_scheme(proxy: str) -> str:
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(entry, host)
    name, wanted_port = _split_port(entry)
    if wanted_port and wanted_port != str(port):
        return False
    if name.startswith(("*.", ".")):
        return host.endswith(name.removeprefix("*"))
    return host == name or host.endswith(f".{name}")


def _in_network(entry: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""
