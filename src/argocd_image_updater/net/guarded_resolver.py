"""The resolver of the connection pool: what DNS answers is checked before anybody connects.

A name can lead to a forbidden address, at once or at the second look; the connection goes to the
addresses that were checked here and to no others.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from argocd_image_updater.net.addresses import is_forbidden_address

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult


class ForbiddenAddressError(Exception):
    """A name leads only to addresses that are not asked."""


class GuardedResolver(AbstractResolver):
    """Leaves forbidden addresses out of every answer."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            ForbiddenAddressError: there is no other.
        """
        found = await self._inner.resolve(host, port, family)
        allowed = [answer for answer in found if not is_forbidden_address(answer["host"])]
        if found and not allowed:
            raise ForbiddenAddressError(host)
        return allowed

    async def close(self) -> None:
        await self._inner.close()
