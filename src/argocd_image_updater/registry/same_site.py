"""Whether two hosts belong together closely enough to share credentials.

Many registries have their token service on another host of their domain. Without a list of public
suffixes the domain is taken to be the last two labels, or three where the last two look like a
public suffix such as ``co.uk``: rather too strict than too generous, because the operator can allow
a host, and nobody can take a password back.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

import ipaddress

from argocd_image_updater.net.proxies import is_loopback

_COUNTRY = 2  # letters of a country's top-level domain
_SHORT = 3  # letters up to which a label below it is taken for a part of the suffix


def is_same_site(one: str, other: str) -> bool:
    """Tell whether two host names are equal, of one domain, or both this machine."""
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    if one == other or (is_loopback(one) and is_loopback(other)):
        return True
    site = _site(one)
    return bool(site) and site == _site(other)


def _site(host: str) -> tuple[str, ...]:
    """Return the labels of the domain of a host, none where it has no domain."""
    labels = host.split(".")
    if _is_address(host) or len(labels) < 2:  # noqa: PLR2004 - a name and its domain
        return ()
    is_suffix = len(labels[-1]) == _COUNTRY and len(labels[-2]) <= _SHORT
    wanted = 3 if is_suffix else 2
    return tuple(labels[-wanted:]) if len(labels) >= wanted else ()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
