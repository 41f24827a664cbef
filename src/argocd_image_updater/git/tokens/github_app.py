"""Tokens of installations of GitHub Apps, at github.com and Enterprise servers.

The key of the App signs a token that lives two minutes; GitHub takes it for the token of an
installation, which lives an hour and is kept until a minute before its end, once for every
repository of the installation. Where the Secret names no installation, GitHub says which one the
repository has.
Source: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.connection import TOKEN_USER
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.github import api_address
from argocd_image_updater.git.forges.places import path_parts
from argocd_image_updater.git.forges.transport import ForgeClient
from argocd_image_updater.git.tokens.interface import is_token
from argocd_image_updater.git.tokens.jwt import UnusableKeyError, signed_token
from argocd_image_updater.net.lifetimes import Lifetimes, Lived

if TYPE_CHECKING:
    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential
    from argocd_image_updater.git.forges.transport import ForgeAnswer
    from argocd_image_updater.git.tokens.interface import Means

ISSUED_BEFORE_S = 30  # clocks differ
PROOF_LIFE_S = 120
SPARE_S = 60.0
UNKNOWN_LIFE_S = 600.0  # a token that tells no end
INSTALLATION_LIFE_S = 3_600.0  # an App that is installed anew gets another number
_ACCEPT = "application/vnd.github.v3+json"


class GitHubApps:
    """The tokens of all installations that this process works for."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tokens: Lifetimes[str] = Lifetimes(means.timing.monotonic)
        self._installations: Lifetimes[int] = Lifetimes(means.timing.monotonic)

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return the credential with the token of an installation as its password."""
        credential = connection.credential
        if not connection.url.is_http:
            raise _fault(connection, "a GitHub App needs an https:// URL")
        base = _base(connection)
        app = _identity(credential, base)
        number = credential.installation_id
        if not number:
            path = _repository_path(connection)
            find = partial(self._find_installation, connection, base, path)
            number = await self._installations.get((*app, path), find)
        fetch = partial(self._fetch, connection, base, number)
        try:
            token = await self._tokens.get((*app, number), fetch)
        except GitError as error:
            if not credential.installation_id and error.kind is FailureKind.CREDENTIALS:
                self._installations.drop(number)
            raise
        return replace(
            credential,
            kind=CredentialKind.BASIC,
            username=TOKEN_USER,
            password=token,
            private_key="",
            installation_id=number,
        )

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another one may be better."""
        return self._tokens.drop(token)

    async def _find_installation(self, connection: Connection, base: str, path: str) -> Lived[int]:
        answer = await self._ask(connection, base, "GET", f"{path}/installation")
        number = answer.content.get("id") if isinstance(answer.content, dict) else None
        if answer.status != HTTPStatus.OK or not isinstance(number, int):
            raise _fault(
                connection,
                f"{_app(connection)} is not installed for this repository, or the repository is "
                "not there: install the App, or set githubAppInstallationID",
            )
        return Lived(number, INSTALLATION_LIFE_S, spare_s=0.0)

    async def _fetch(self, connection: Connection, base: str, number: int) -> Lived[str]:
        path = f"/app/installations/{number}/access_tokens"
        answer = await self._ask(connection, base, "POST", path)
        content = answer.content if isinstance(answer.content, dict) else {}
        if answer.status == HTTPStatus.NOT_FOUND:
            raise _fault(
                connection,
                f"{_app(connection)} has no installation {number}: correct "
                "githubAppInstallationID, or leave it out",
            )
        token = content.get("token")
        if answer.status != HTTPStatus.CREATED or not is_token(token):
            raise _fault(connection, f"{_app(connection)} got no token (HTTP {answer.status})")
        life_s = _life_s(content.get("expires_at"), self._means.timing.unix())
        return Lived(token, life_s, spare_s=SPARE_S)

    async def _ask(self, connection: Connection, base: str, method: str, path: str) -> ForgeAnswer:
        """Return what GitHub answers to the App; what is no answer about it is raised."""
        proof = await asyncio.to_thread(_proof, connection, int(self._means.timing.unix()))
        client = ForgeClient(
            connection,
            name="GitHub",
            base_url=base,
            headers={"Authorization": f"Bearer {proof}", "Accept": _ACCEPT},
            reason=Reason.GIT_AUTH_FAILED,
            proxies=self._means.proxies,
            timing=self._means.timing,
        )
        try:
            async with asyncio.timeout(self._means.timeout_s):
                if method == "GET":
                    answer = await client.get(path)
                else:
                    answer = await client.send(method, path, None)
        except TimeoutError:
            raise client.fault(
                f"no token within {self._means.timeout_s:g} s", FailureKind.TRANSIENT
            ) from None
        finally:
            await client.close()
        if answer.status == HTTPStatus.UNAUTHORIZED:
            told = client.refused(answer, "the key was refused")
            raise _fault(
                connection,
                f"{_app(connection)}: check githubAppID, githubAppPrivateKey and the clock: {told}",
            )
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.NOT_FOUND:
            raise client.refused(answer, f"{_app(connection)} got no token")
        return answer


def _identity(credential: GitCredential, base: str) -> tuple[object, ...]:
    """Return what an answer of GitHub depends on; the key is not kept."""
    pair = f"{credential.client_certificate}\0{credential.client_key}"
    secrets = f"{credential.private_key}\0{pair}\0{credential.proxy}"
    way = (credential.no_proxy, credential.insecure)
    return (hashlib.sha256(secrets.encode()).digest(), credential.app_id, base, *way)


def _base(connection: Connection) -> str:
    base = api_address(connection).rstrip("/")
    if connection.url.scheme == "https" and not base.startswith("https://"):
        raise _fault(connection, "githubAppEnterpriseBaseUrl must be an https:// URL")
    return base


def _repository_path(connection: Connection) -> str:
    owner, name, *_ = path_parts(connection, least=2, form="https://HOST/OWNER/REPOSITORY")
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"


def _proof(connection: Connection, unix_now: int) -> str:
    """Return the token that proves the App's key; blocks for milliseconds."""
    issued = unix_now - ISSUED_BEFORE_S
    claims: dict[str, str | int] = {
        "iss": str(connection.credential.app_id),
        "iat": issued,
        "exp": issued + PROOF_LIFE_S,
    }
    try:
        return signed_token(claims, connection.credential.private_key)
    except UnusableKeyError as error:
        raise _fault(connection, f"githubAppPrivateKey {error}") from None


def _life_s(end: object, unix_now: float) -> float:
    try:
        return dt.datetime.fromisoformat(str(end)).timestamp() - unix_now
    except ValueError:
        return UNKNOWN_LIFE_S


def _app(connection: Connection) -> str:
    return f"GitHub App {connection.credential.app_id}"


def _fault(connection: Connection, text: str) -> GitError:
    where = f"{connection.url.shown} ({connection.credential.origin})"
    return GitError(FailureKind.CREDENTIALS, f"{where}: {text}")
