"""Addresses that nobody may make us ask: link-local ones and metadata services of clouds.

Resources name hosts of registries, registries name hosts of token services and of redirects; a
metadata service would answer this program with credentials of the machine. Everything else inside
the network may be a registry, so it stays reachable; loopback too.
Sources: RFC 3927 and RFC 4291 (link-local), and the documentation of the clouds for the rest.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache

MAX_REMEMBERED_HOSTS = 1_024  # asked of every request; there are few hosts

FORBIDDEN_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",  # link-local: metadata of AWS, Azure, GCP, OpenStack, Oracle, …
            "fe80::/10",  # link-local
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # GCP
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure's host
            "192.0.0.192/32",  # Oracle Cloud, first generation
        ),
    )
)
FORBIDDEN_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
    }
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64 (RFC 6052)
_NUMBERS = re.compile(r"[0-9a-fA-FxX.]+")  # forms of IPv4 that only the C library knows


@lru_cache(maxsize=MAX_REMEMBERED_HOSTS)
def is_forbidden_host(host: str) -> bool:
    """Tell whether the host of a URL is one by its name, or as an address in any notation."""
    name = host.lower().rstrip(".").strip("[]")
    return name in FORBIDDEN_NAMES or is_forbidden_address(name)


def is_forbidden_address(text: str) -> bool:
    """Tell whether a text is an address that is not asked; other texts are not."""
    address = _parse(text)
    if address is None:
        return False
    return any(
        one in network
        for one in (address, *_embedded(address))
        for network in FORBIDDEN_NETWORKS
        if one.version == network.version
    )


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    if not _NUMBERS.fullmatch(text):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour]
    if address in _TRANSLATED:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(one for one in found if one is not None)
