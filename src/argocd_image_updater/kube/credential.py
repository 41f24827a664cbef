"""What goes along with each request: a header, perhaps a client certificate, and their renewal.

Promises: a token file is read again after a minute and whenever the server refuses the token; a
plugin runs again when its credential has expired or was refused; several requests that need a new
credential at once share one renewal. `describe` names the identity's source, never a secret.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.kube.exec_plugin import run_plugin
from argocd_image_updater.kube.files import read_text
from argocd_image_updater.kube.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from argocd_image_updater.kube.access import Access

TOKEN_FILE_LIFE_S = 60.0


@dataclass(frozen=True, slots=True)
class Credential:
    """authorization: a header's value, empty = none. The certificate comes with its key."""

    authorization: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    expires_at_unix: float | None = None


class Identity(Protocol):
    """Who we are to the API server."""

    async def credential(self) -> Credential:
        """Return what to send now."""
        ...

    async def renew(self, refused: Credential) -> bool:
        """Get a new credential because this one was refused; tell whether it is another one."""
        ...


class FixedIdentity:
    """What does not change while we run."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def credential(self) -> Credential:
        return self._credential

    async def renew(self, refused: Credential) -> bool:
        return self._credential != refused


class RenewedIdentity:
    """A credential that is fetched again when it has expired or was refused."""

    def __init__(self, fetch: Callable[[], Awaitable[Credential]], *, timing: Timing) -> None:
        self._fetch = fetch
        self._timing = timing
        self._kept: Credential | None = None
        self._lock = asyncio.Lock()

    async def credential(self) -> Credential:
        async with self._lock:
            if self._kept is None or self._is_over(self._kept):
                self._kept = await self._fetch()
            return self._kept

    async def renew(self, refused: Credential) -> bool:
        async with self._lock:
            if self._kept is None or self._kept == refused:  # nobody else has done it meanwhile
                self._kept = await self._fetch()
            return _is_other(self._kept, refused)

    def _is_over(self, credential: Credential) -> bool:
        limit = credential.expires_at_unix
        return limit is not None and self._timing.unix() >= limit


def identity_of(access: Access, *, timing: Timing = REAL_TIME) -> Identity:
    """Return the identity that an access describes."""
    user = access.user
    certificate = Credential(certificate_pem=user.certificate_pem, key_pem=user.key_pem)
    if user.token_file is not None:
        token_file = user.token_file

        async def read_token() -> Credential:
            return await _read_token(token_file, certificate, timing=timing)

        return RenewedIdentity(read_token, timing=timing)
    if user.token:
        return FixedIdentity(_with(certificate, f"Bearer {user.token}"))
    if user.username:
        pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return FixedIdentity(_with(certificate, f"Basic {pair}"))
    if user.plugin is not None:
        plugin = user.plugin

        async def ask_plugin() -> Credential:
            answer = await run_plugin(
                plugin, cluster=access.cluster, environment=access.environment
            )
            return Credential(
                authorization=f"Bearer {answer.token}" if answer.token else "",
                certificate_pem=answer.certificate_pem or user.certificate_pem,
                key_pem=answer.key_pem or user.key_pem,
                expires_at_unix=answer.expires_at_unix,
            )

        return RenewedIdentity(ask_plugin, timing=timing)
    return FixedIdentity(certificate)


async def _read_token(file: Path, certificate: Credential, *, timing: Timing) -> Credential:
    token = (await asyncio.to_thread(read_text, file)).strip()
    if not token or not token.isprintable():
        raise ConfigError(f"{file}: holds no token")
    return _with(certificate, f"Bearer {token}", expires_at_unix=timing.unix() + TOKEN_FILE_LIFE_S)


def _with(
    certificate: Credential, authorization: str, *, expires_at_unix: float | None = None
) -> Credential:
    return Credential(
        authorization, certificate.certificate_pem, certificate.key_pem, expires_at_unix
    )


def _is_other(one: Credential, other: Credential) -> bool:
    return (one.authorization, one.certificate_pem) != (other.authorization, other.certificate_pem)
