"""Tokens of Entra ID for Azure DevOps: of a service principal, or of the workload identity here.

The workload identity is what Azure's webhook gives to a Pod: a federated token in a file, and the
names of client and tenant in the environment. It goes to Azure's hosts only.
Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/service-principal-managed-identity.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.git.credentials import CloudIdentity, CredentialKind
from argocd_image_updater.git.tokens.interface import TOKEN_LIMIT, is_token
from argocd_image_updater.git.tokens.login import LoginService, log_in, login_fault, need_https
from argocd_image_updater.net.lifetimes import Lifetimes, Lived

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.tokens.interface import Means

# Azure DevOps, by the number that it has in every tenant.
SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
LOGIN_ENDPOINT = "https://login.microsoftonline.com"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TENANT = re.compile(r"[A-Za-z0-9.-]{1,253}")
_HOSTS = re.compile(r"dev\.azure\.com|[a-z0-9-]+\.visualstudio\.com")


class AzureTokens:
    """The tokens of all service principals, and of the workload identity of this program."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tokens: Lifetimes[str] = Lifetimes(means.timing.monotonic)

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return the credential with a bearer token."""
        need_https(connection, "an identity of Azure")
        credential = connection.credential
        principal = self._workload(connection) if credential.cloud.own else credential.cloud
        if not _TENANT.fullmatch(principal.tenant_id):
            raise login_fault(connection, "the ID of the tenant of Azure is none")
        secret = f"{principal.client_secret}\0{credential.proxy}\0{credential.no_proxy}"
        digest = hashlib.sha256(secret.encode()).digest()
        key = (digest, principal.client_id, principal.tenant_id, principal.login_endpoint)
        token = await self._tokens.get(key, partial(self._fetch, connection, principal))
        return replace(
            credential, kind=CredentialKind.BEARER, bearer_token=token, cloud=CloudIdentity()
        )

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another one may be better."""
        return self._tokens.drop(token)

    def _workload(self, connection: Connection) -> CloudIdentity:
        host = connection.url.host
        if not _HOSTS.fullmatch(host):
            raise login_fault(
                connection, f"useAzureWorkloadIdentity is not for {host}, no host of Azure DevOps"
            )
        variables = self._means.environment
        found = CloudIdentity(
            own=True,
            client_id=variables.get("AZURE_CLIENT_ID", ""),
            tenant_id=variables.get("AZURE_TENANT_ID", ""),
            login_endpoint=variables.get("AZURE_AUTHORITY_HOST", ""),
        )
        if not (found.client_id and found.tenant_id and self._token_file):
            raise login_fault(
                connection,
                "no workload identity of Azure was found: label the Pod and annotate its service "
                "account, so that AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE "
                "are set",
            )
        return found

    @property
    def _token_file(self) -> str:
        return self._means.environment.get("AZURE_FEDERATED_TOKEN_FILE", "")

    async def _fetch(self, connection: Connection, principal: CloudIdentity) -> Lived[str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": principal.client_id,
            "scope": SCOPE,
        }
        if principal.own:
            form["client_assertion_type"] = _ASSERTION
            form["client_assertion"] = await self._federated_token(connection)
        else:
            form["client_secret"] = principal.client_secret
        base = (principal.login_endpoint or LOGIN_ENDPOINT).rstrip("/")
        service = LoginService(
            "Entra ID",
            f"{base}/{principal.tenant_id}/oauth2/v2.0/token",
            "check client ID, tenant, and secret or federated credential",
        )
        return await log_in(service, form, connection=connection, means=self._means)

    async def _federated_token(self, connection: Connection) -> str:
        """Return what the file holds now, because it is replaced every hour."""
        try:
            text = await asyncio.to_thread(_read, self._token_file)
        except OSError as error:
            raise login_fault(
                connection, f"AZURE_FEDERATED_TOKEN_FILE cannot be read: {error.strerror}"
            ) from None
        if not is_token(text):
            raise login_fault(connection, "AZURE_FEDERATED_TOKEN_FILE holds no token")
        return text


def _read(path: str) -> str:
    with Path(path).open("rb") as file:
        return file.read(TOKEN_LIMIT + 1).decode("ascii", "replace").strip()
