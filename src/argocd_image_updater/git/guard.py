"""Keeps Git away from link-local addresses and metadata services, whatever a URL or DNS says.

Whoever may name a repository names a host, and git resolves it itself. So the name is looked up
here, once in a cycle; git over HTTPS is then told the addresses that were found to be harmless and
connects to no other, so that a name cannot lead elsewhere at the second look. SSH cannot be told;
what it sends is nothing that a metadata service answers. Where a proxy connects, its own rules
count for the name, and the proxy is looked up in place of it, if a Secret names it.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.proxying import port_of, proxy_of, proxy_place
from argocd_image_updater.net.addresses import is_forbidden_address, is_forbidden_host
from argocd_image_updater.net.proxies import read_proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

    from argocd_image_updater.git.connection import Connection

    Resolve = Callable[[str, int], Coroutine[Any, Any, tuple[str, ...]]]

LOOK_UP_S = 15.0  # a resolver tries twice for 5 s
# Proxies of which the program here looks names up.
_LOOKS_UP = {"socks4", "socks5"}


async def system_addresses(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a name in the order of the system; none where it has none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class HostGuard:
    """Looks at the hosts of repositories. variables: of the process, for its proxies."""

    def __init__(
        self, variables: Mapping[str, str], *, resolve: Resolve = system_addresses
    ) -> None:
        self._proxies = read_proxies(variables)
        self._any_proxy = bool(variables.get("ALL_PROXY") or variables.get("all_proxy"))
        self._resolve = resolve
        self._known: dict[tuple[str, int], asyncio.Task[tuple[str, ...]]] = {}

    def begin_cycle(self) -> None:
        """Forget where names lead."""
        for task in self._known.values():
            task.cancel()  # left by a cycle that was cut off; where it has ended, nothing
        self._known = {}

    async def guarded(self, connection: Connection) -> Connection:
        """Return the connection, led to addresses that may be asked; GitError where none may be."""
        url = connection.url
        if url.scheme == "file":
            return connection
        host, port = url.host, port_of(url)
        self._check_name(connection, host)
        proxy = proxy_of(connection.credential, host, port)
        if proxy:
            place = proxy_place(connection.credential, proxy)
            if urlsplit(proxy).scheme in _LOOKS_UP and url.is_http:
                await self._addresses(connection, host, port)
            host, port = place
            self._check_name(connection, host)
        elif url.is_http and self._is_proxied(connection):
            return connection
        found = await self._addresses(connection, host, port)
        if not url.is_http:
            return connection
        if not found:
            raise GitError(
                FailureKind.TRANSIENT, f"{url.shown}: the name {host} could not be resolved"
            )
        return replace(connection, pin=f"{host}:{port}:{','.join(map(_bracketed, found))}")

    async def _addresses(self, connection: Connection, host: str, port: int) -> tuple[str, ...]:
        """Return the harmless addresses of a name; none where it cannot be looked up."""
        task = self._known.get((host, port))
        if task is None or task.cancelled():
            task = self._known[host, port] = asyncio.create_task(self._resolve(host, port))
        found = await asyncio.shield(task)
        allowed = tuple(address for address in found if not is_forbidden_address(address))
        # SSH picks an address itself, so that all of them must be harmless.
        if len(allowed) < (len(found) if connection.url.scheme == "ssh" else bool(found)):
            raise _forbidden(connection, f"{host} leads to an address")
        return allowed

    def _is_proxied(self, connection: Connection) -> bool:
        url = connection.url
        return self._any_proxy or bool(self._proxies.proxy_for(url.scheme, url.host, port_of(url)))

    @staticmethod
    def _check_name(connection: Connection, host: str) -> None:
        if is_forbidden_host(host):
            raise _forbidden(connection, f"{host} is an address")


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _forbidden(connection: Connection, text: str) -> GitError:
    return GitError(FailureKind.CONFIG, f"{connection.url.shown}: {text} that is never asked")
