"""Find the next page of a list: the ``Link`` header (RFC 8288) as registries write it.

Rules: 1. the link with ``rel="next"``, else a single link without any ``rel``; 2. the target is
resolved against the page it came with; 3. it stays on the host of the registry; 4. the scheme stays
that of the API URL, because a registry behind a TLS-ending proxy often writes ``http``; 5. where
the target is the list of the same repository, only its query is taken, because a registry behind a
path prefix often forgets the prefix. Cases: tests/vectors/data/registry_http_flow.json.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from urllib.parse import SplitResult

MAX_LINK_LENGTH = 8_192

# a comma ends a link only where the next one starts: targets may hold commas
_NEXT_LINK = re.compile(r",\s*(?=<)")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ForeignLinkError(ValueError):
    """The next page is said to be on another host."""


def next_target(lines: Iterable[str]) -> str:
    """Return the target of the link to the next page as it is written, empty if there is none."""
    links = [
        link for line in lines for link in _NEXT_LINK.split(line[:MAX_LINK_LENGTH]) if link.strip()
    ]
    relations = [_relations(link) for link in links]
    for link, names in zip(links, relations, strict=True):
        if "next" in names:
            return _target(link)
    return _target(links[0]) if len(links) == 1 and not relations[0] else ""


def next_page(lines: Iterable[str], *, page_url: str, list_url: str) -> str:
    """Return the full URL of the next page, empty on the last one.

    page_url: where the header came from. list_url: the first page without query.

    Raises:
        ForeignLinkError: the target is on another host or is no URL.
    """
    target = next_target(lines)
    if not target:
        return ""
    try:
        url, home = urlsplit(urljoin(page_url, target)), urlsplit(list_url)
        if not _same_host(url, home):
            raise ForeignLinkError(f"the next page is on another host: {url.hostname or '?'}")
    except ForeignLinkError:
        raise
    except ValueError as error:
        raise ForeignLinkError("the link to the next page is not a URL") from error
    path = home.path if _is_same_list(url.path, home.path) else url.path
    return urlunsplit((home.scheme, home.netloc, path, url.query, ""))


def _relations(link: str) -> frozenset[str]:
    match = _REL.search(link)
    return frozenset((match[1] or match[2] or "").lower().split()) if match else frozenset()


def _target(link: str) -> str:
    text = link.strip()
    if text.startswith("<"):
        return text[1:].partition(">")[0].strip()
    return text.partition(";")[0].strip()


def _same_host(url: SplitResult, home: SplitResult) -> bool:
    if url.scheme not in _DEFAULT_PORTS or url.username is not None:
        return False
    if (url.hostname or "").lower() != (home.hostname or "").lower():
        return False
    own_port = home.port or _DEFAULT_PORTS[home.scheme]
    # behind a TLS-ending proxy the port is left out, or it is that of the inner scheme
    return (url.port or own_port) in {own_port, _DEFAULT_PORTS[url.scheme]}


def _is_same_list(path: str, list_path: str) -> bool:
    """Tell whether `path` is the list's path with a part of its front missing."""
    return path.startswith("/v2/") and list_path.endswith(path)
