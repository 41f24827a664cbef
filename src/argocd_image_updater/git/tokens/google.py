"""Access tokens of Google for its Git servers: of a service account's key, or our own identity.

The key of a Secret signs a request for a token; a configuration that would read files, run programs
or ask further addresses here is no key and refused. Our own identity goes to Google's hosts only.
Sources: https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523) and
https://cloud.google.com/secure-source-manager/docs/authenticate-git.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from argocd_image_updater.clouds.google import SCOPE, access_token
from argocd_image_updater.clouds.library import Cloud, CloudIdentityError, in_thread
from argocd_image_updater.git.cloud_fields import (
    AccountKey,
    UnusableAccountError,
    parse_account_key,
)
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.tokens.interface import DOCS
from argocd_image_updater.git.tokens.jwt import UnusableKeyError, signed_token
from argocd_image_updater.git.tokens.login import LoginService, log_in, login_fault, need_https
from argocd_image_updater.net.lifetimes import Lifetimes, Lived

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.tokens.interface import Means

OWN_USER = "oauth2accesstoken"
PROOF_LIFE_S = 3_600  # what Google allows
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOSTS = re.compile(r"source\.developers\.google\.com|.+\.(sourcemanager\.dev|googlesource\.com)")


class GoogleTokens:
    """The tokens of all service accounts, and of this program itself."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tokens: Lifetimes[str] = Lifetimes(means.timing.monotonic)

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return the credential with an access token as its password."""
        need_https(connection, "an identity of Google")
        credential = connection.credential
        if credential.cloud.own:
            user, token = OWN_USER, await self._own_token(connection)
        else:
            account = _account(connection)
            secret = f"{account.private_key}\0{credential.proxy}\0{credential.no_proxy}"
            digest = hashlib.sha256(secret.encode()).digest()
            fetch = partial(self._fetch, connection, account)
            token = await self._tokens.get((digest, account.email, account.token_url), fetch)
            user = account.email
        return replace(
            credential,
            kind=CredentialKind.BASIC,
            username=user,
            password=token,
            google_account_key="",
        )

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another one may be better."""
        return self._tokens.drop(token)

    async def _own_token(self, connection: Connection) -> str:
        if not _HOSTS.fullmatch(connection.url.host):
            raise login_fault(
                connection, f"useGoogleIdentity is not for {connection.url.host}, no host of Google"
            )
        try:
            return await self._tokens.get("own", self._fetch_own)
        except CloudIdentityError as error:
            raise login_fault(connection, str(error)) from None

    async def _fetch_own(self) -> Lived[str]:
        ask = partial(access_token, unix=self._means.timing.unix)
        found = await in_thread(Cloud.GCP, ask, docs=DOCS)
        return Lived(found.token, found.life_s)

    async def _fetch(self, connection: Connection, account: AccountKey) -> Lived[str]:
        issued = int(self._means.timing.unix())
        claims: dict[str, str | int] = {
            "iss": account.email,
            "scope": SCOPE,
            "aud": account.token_url,
            "iat": issued,
            "exp": issued + PROOF_LIFE_S,
        }
        try:
            proof = await asyncio.to_thread(signed_token, claims, account.private_key)
        except UnusableKeyError as error:
            raise login_fault(connection, f"private_key in gcpServiceAccountKey {error}") from None
        service = LoginService(
            "Google",
            account.token_url,
            "check that the service account and its key exist, and the clock",
        )
        form = {"grant_type": _GRANT, "assertion": proof}
        return await log_in(service, form, connection=connection, means=self._means)


def _account(connection: Connection) -> AccountKey:
    try:
        return parse_account_key(connection.credential.google_account_key)
    except UnusableAccountError as error:
        raise login_fault(connection, str(error)) from None
