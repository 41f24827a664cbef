"""Chooses the service that turns a credential into what Git can use.

Invariant: a token is issued once for all who need it, kept in memory only, and forgotten when a
Git server refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.tokens.azure import AzureTokens
from argocd_image_updater.git.tokens.codecommit import CodeCommitPasswords
from argocd_image_updater.git.tokens.github_app import GitHubApps
from argocd_image_updater.git.tokens.google import GoogleTokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.tokens.interface import Means, TokenService


class TokenServices:
    """All services, by the kind of credential that they serve; see `TokenExchange`."""

    def __init__(self, means: Means) -> None:
        self._services: Mapping[CredentialKind, TokenService] = {
            CredentialKind.GITHUB_APP: GitHubApps(means),
            CredentialKind.GOOGLE_CLOUD: GoogleTokens(means),
            CredentialKind.AZURE: AzureTokens(means),
            CredentialKind.AWS: CodeCommitPasswords(means),
        }

    def serves(self, credential: GitCredential) -> bool:
        """Return whether a credential has to be exchanged before Git can use it."""
        return credential.kind in self._services

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return what takes the place of the connection's credential."""
        service = self._services[connection.credential.kind]
        try:
            return await service.exchange(connection)
        except GitError as error:
            shown = connection.url.shown
            if shown in str(error):
                raise
            # It was asked for another repository a moment ago, and is the same for this one.
            raise GitError(error.kind, f"{shown}: {error}", reason=error.reason) from None

    def refused(self, credential: GitCredential) -> bool:
        """Forget what was exchanged, because a server refused it; whether to exchange anew."""
        used = {credential.password, credential.bearer_token} - {""}
        dropped = [service.drop(token) for service in self._services.values() for token in used]
        return any(dropped)
