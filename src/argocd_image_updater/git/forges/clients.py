"""Keeps one client for each forge and connection while cycles use it, and ends the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.transport import ForgeClient
from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.opening import ForgeKind


class ForgeClients:
    """The clients of a process; reason: of refusals that no other reason tells better."""

    def __init__(
        self,
        *,
        proxies: ProxyRules = DIRECT,
        timing: Timing = REAL_TIME,
        reason: Reason = Reason.PULL_REQUEST_FAILED,
    ) -> None:
        self._proxies = proxies
        self._timing = timing
        self._reason = reason
        self._clients: dict[tuple[str, Connection], ForgeClient] = {}
        self._used: set[tuple[str, Connection]] = set()
        self._ended: list[ForgeClient] = []

    async def open(self, kind: ForgeKind, connection: Connection) -> ForgeClient:
        """Return the client for a repository; GitError where the address cannot be used."""
        ended, self._ended = self._ended, []
        for old in ended:
            await old.close()
        name = (kind.name, connection)
        self._used.add(name)
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self._new(kind, connection)
        return client

    def begin_cycle(self) -> None:
        """Give up clients of credentials that the cycle before did not use any more."""
        for key in [key for key in self._clients if key not in self._used]:
            self._ended.append(self._clients.pop(key))
        self._used = set()

    async def close(self) -> None:
        """End all connections."""
        clients = [*self._ended, *self._clients.values()]
        self._ended, self._clients = [], {}
        for client in clients:
            await client.close()

    def _new(self, kind: ForgeKind, connection: Connection) -> ForgeClient:
        place = kind.place(connection)
        if connection.url.scheme == "https" and not place.base_url.startswith("https://"):
            raise GitError(
                FailureKind.CONFIG, f"{connection.url.shown}: the API's address must be https"
            )
        return ForgeClient(
            connection,
            name=kind.name,
            base_url=place.base_url,
            headers=place.headers,
            reason=self._reason,
            proxies=self._proxies,
            timing=self._timing,
        )
