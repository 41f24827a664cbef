"""What goes along with each request: a header, perhaps a client certificate, and their renewal.

Promises: a token file and the files of a client certificate are read again after a minute and
whenever the server refuses what they held; a certificate that cannot be used, as in the middle of
its replacement, leaves the last one in use; a plugin runs again when its credential has expired or
was refused; several requests that need a new credential at once share one renewal.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.kube.certificate_pair import load_client
from argocd_image_updater.kube.exec_plugin import run_plugin
from argocd_image_updater.kube.files import read_text
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from argocd_image_updater.kube.access import Access, ExecPlugin, User

FILE_LIFE_S = 60.0


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


class _Certificate:
    """The client certificate of a user, read again where it comes from files."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._last = Credential(certificate_pem=user.certificate_pem, key_pem=user.key_pem)

    @property
    def is_fixed(self) -> bool:
        """Whether no file holds any of it."""
        return self._user.certificate_file is None and self._user.key_file is None

    async def read(self) -> Credential:
        """Return the certificate with its key as the files hold them now, if they are a pair."""
        if not self.is_fixed:
            with contextlib.suppress(ConfigError):  # the last one still stands for us
                self._last = await asyncio.to_thread(self._read)
        return self._last

    def _read(self) -> Credential:
        user = self._user
        pem = read_text(user.certificate_file) if user.certificate_file else user.certificate_pem
        key = read_text(user.key_file) if user.key_file else user.key_pem
        if (pem, key) != (self._last.certificate_pem, self._last.key_pem):
            load_client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem, key, about="the API server")
        return Credential(certificate_pem=pem, key_pem=key)


def identity_of(access: Access, *, timing: Timing = REAL_TIME) -> Identity:
    """Return the identity that an access describes."""
    user, certificate = access.user, _Certificate(access.user)

    async def read_token(file: Path) -> Credential:
        token = (await asyncio.to_thread(read_text, file)).strip()
        if not token or not token.isprintable():
            raise ConfigError(f"{file}: holds no token")
        return for_a_while(await certificate.read(), f"Bearer {token}")

    def for_a_while(read: Credential, authorization: str) -> Credential:
        return replace(
            read, authorization=authorization, expires_at_unix=timing.unix() + FILE_LIFE_S
        )

    async def read_certificate() -> Credential:
        return for_a_while(await certificate.read(), _authorization(user))

    if user.token_file is not None:
        return RenewedIdentity(partial(read_token, user.token_file), timing=timing)
    if user.plugin is not None and not _authorization(user):
        ask = partial(_ask_plugin, user.plugin, access, certificate)
        return RenewedIdentity(ask, timing=timing)
    if not certificate.is_fixed:
        return RenewedIdentity(read_certificate, timing=timing)
    return FixedIdentity(Credential(_authorization(user), user.certificate_pem, user.key_pem))


def _authorization(user: User) -> str:
    """Return the header of what does not change while we run, empty = there is none."""
    if user.token:
        return f"Bearer {user.token}"
    if user.username:
        pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return f"Basic {pair}"
    return ""


async def _ask_plugin(plugin: ExecPlugin, access: Access, certificate: _Certificate) -> Credential:
    answer = await run_plugin(plugin, cluster=access.cluster, environment=access.environment)
    own = await certificate.read()
    return Credential(
        authorization=f"Bearer {answer.token}" if answer.token else "",
        certificate_pem=answer.certificate_pem or own.certificate_pem,
        key_pem=answer.key_pem or own.key_pem,
        expires_at_unix=answer.expires_at_unix,
    )


def _is_other(one: Credential, other: Credential) -> bool:
    return (one.authorization, one.certificate_pem) != (other.authorization, other.certificate_pem)
