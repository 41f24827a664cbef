"""Finds the forge of a repository and the address of its API, and keeps clients while they serve.

The credential must be one that a forge's API takes: a token as password, or a GitHub App. A URL for
SSH has none.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import TextForm
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.clients import ForgeClients
from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.forges.interface import Forge
    from argocd_image_updater.git.forges.transport import ForgeClient


class KnowsConnections(Protocol):
    """The part of the Git engine that finds the credential of a repository."""

    async def connection(self, key: BranchKey) -> Connection: ...


@dataclass(frozen=True, slots=True)
class ForgeAddress:
    """Where one forge keeps one repository. headers: with the credential."""

    base_url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ForgeKind:
    """One product: how its API is addressed for a repository, and who speaks it.

    place: raises GitError where the URL is none of this product. takes_bearer: a bearer token
    serves for the API as it does for Git.
    """

    name: str
    place: Callable[[Connection], ForgeAddress]
    make: Callable[[ForgeClient, Connection], Forge]
    text: TextForm = field(default_factory=TextForm)
    takes_bearer: bool = False

    def can_use(self, credential: GitCredential) -> bool:
        """Whether the API takes a credential."""
        is_bearer = credential.kind is CredentialKind.BEARER
        return credential.can_call_forge or (self.takes_bearer and is_bearer)


class ForgeBook:
    """All forges of a process; kinds: by the name that resources give them."""

    def __init__(
        self,
        repositories: KnowsConnections,
        kinds: Mapping[str, ForgeKind],
        *,
        proxies: ProxyRules = DIRECT,
        timing: Timing = REAL_TIME,
    ) -> None:
        self._repositories = repositories
        self._kinds = kinds
        self._clients = ForgeClients(proxies=proxies, timing=timing)

    async def open(self, key: BranchKey, provider: str) -> Forge:
        """Return the forge of a repository; GitError where it has none that can be used."""
        connection = await self._repositories.connection(key)
        kind = self._kinds.get(provider)
        if kind is None:
            raise GitError(FailureKind.CONFIG, f"pull requests at {provider!r} are not known here")
        if not kind.can_use(connection.credential):
            raise GitError(
                FailureKind.CREDENTIALS,
                f"{connection.url.shown}: pull requests need an https:// URL with a token as "
                "password, or a GitHub App",
            )
        client = await self._clients.open(kind, connection)
        return kind.make(client, connection)

    def text_form(self, provider: str) -> TextForm:
        """Return what a forge of this kind takes as the text of a request."""
        kind = self._kinds.get(provider)
        return kind.text if kind else TextForm()

    def begin_cycle(self) -> None:
        """Give up clients of credentials that the cycle before did not use any more."""
        self._clients.begin_cycle()

    async def close(self) -> None:
        """End all connections."""
        await self._clients.close()
