"""One question to a login service of a cloud: a form is posted, a token comes back (RFC 6749).

Invariants: the service is asked over HTTPS, with its certificate verified whatever the repository's
Secret says, never at a link-local address; of a refusal only the code is told, because its text
can repeat what was sent.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.credentials import GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.transport import ForgeClient, Form
from argocd_image_updater.git.tokens.interface import is_token
from argocd_image_updater.net.lifetimes import Lived

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.transport import ForgeAnswer
    from argocd_image_updater.git.tokens.interface import Means

UNKNOWN_LIFE_S = 600.0  # a token that tells no end
_CODE = re.compile(r"AADSTS[0-9]{1,9}")
_WORD = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class LoginService:
    """name: for messages. url: of its token endpoint. advice: what to do when it refuses."""

    name: str
    url: str
    advice: str


async def log_in(
    service: LoginService, form: Mapping[str, str], *, connection: Connection, means: Means
) -> Lived[str]:
    """Return the token that a service gives for a form.

    Raises:
        GitError: there is none; the message says what to do.
    """
    parts = urlsplit(service.url)
    if parts.scheme != "https" or not parts.hostname:
        raise login_fault(connection, f"the address of {service.name} must be an https:// URL")
    client = ForgeClient(
        _neutral(connection),
        name=service.name,
        base_url=f"https://{parts.netloc}",
        headers={},
        reason=Reason.GIT_AUTH_FAILED,
        proxies=means.proxies,
        timing=means.timing,
    )
    try:
        async with asyncio.timeout(means.timeout_s):
            answer = await client.send("POST", parts.path or "/", Form(form))
    except TimeoutError:
        raise client.fault(
            f"no token within {means.timeout_s:g} s", FailureKind.TRANSIENT
        ) from None
    finally:
        await client.close()
    return _token(answer, service, connection)


def login_fault(
    connection: Connection, text: str, kind: FailureKind = FailureKind.CREDENTIALS
) -> GitError:
    """Return an error that names repository and Secret."""
    where = f"{connection.url.shown} ({connection.credential.origin})"
    return GitError(kind, f"{where}: {text}", reason=_reason(kind))


def need_https(connection: Connection, what: str) -> None:
    """Refuse a repository to which a token cannot be sent."""
    if not connection.url.is_http:
        raise login_fault(connection, f"{what} needs an https:// URL")


def _reason(kind: FailureKind) -> Reason | None:
    return Reason.GIT_AUTH_FAILED if kind is FailureKind.REFUSED else None


def _neutral(connection: Connection) -> Connection:
    """Return the way to a service that is none of the repository: with its proxy, and no more."""
    own = connection.credential
    credential = GitCredential(proxy=own.proxy, no_proxy=own.no_proxy, origin=own.origin)
    return replace(connection, credential=credential)


def _token(answer: ForgeAnswer, service: LoginService, connection: Connection) -> Lived[str]:
    content = answer.content if isinstance(answer.content, dict) else {}
    token, life_s = content.get("access_token"), content.get("expires_in")
    if answer.status == HTTPStatus.OK and is_token(token):
        return Lived(token, life_s if isinstance(life_s, int | float) else UNKNOWN_LIFE_S)
    text = f"{service.name} gave no token (HTTP {answer.status}{_code(content)})"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise login_fault(connection, f"{text}; it is tried again later", FailureKind.RATE_LIMITED)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise login_fault(connection, text, FailureKind.TRANSIENT)
    raise login_fault(connection, f"{text}; {service.advice}")


def _code(content: Mapping[str, object]) -> str:
    found = _CODE.search(str(content.get("error_description", "")))
    if found:
        return f", {found[0]}"
    word = content.get("error")
    return f", {word}" if isinstance(word, str) and _WORD.fullmatch(word) else ""
