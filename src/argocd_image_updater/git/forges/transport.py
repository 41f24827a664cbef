"""The seam to the HTTP library for forges: one bounded JSON question, its answer or a GitError.

Promises: 1. the token goes to the API's own address and nowhere else: redirects are not followed;
2. trust, client certificate and proxy are those of the repository; 3. connecting, silence and the
whole have deadlines, answers a size; 4. link-local addresses are not asked; 5. no error shows more
of an answer than the forge's own sentence, and never a token. A server that asks to wait for a
moment is waited for; a question that changes something is asked again only where the forge says
that it was not looked at.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import shorten
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.tls import forge_tls
from argocd_image_updater.git.proxying import proxy_of
from argocd_image_updater.net.addresses import is_forbidden_host
from argocd_image_updater.net.faults import connection_fault
from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

    from argocd_image_updater.git.connection import Connection

CONNECT_S = 10.0
SILENCE_S = 20.0
TOTAL_S = 60.0
# A page of a hundred requests with full texts has some 7 MiB.
ANSWER_LIMIT_BYTES = 16 << 20
ATTEMPTS = 3
LONGEST_WAIT_S = 20.0
PAGE_LIMIT = 20
_DEFAULT_PORTS = {"http": 80, "https": 443}
_WAITS = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_FAILING = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_SENTENCE_FIELDS = ("message", "error_description", "error", "detail", "title")
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class ForgeAnswer:
    """A complete answer: its status, its JSON (None where it has none) and its headers."""

    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def next_page(self) -> str:
        """Return the URL of the next page as the header Link tells it; empty on the last."""
        found = _NEXT.search(self.headers.get("Link", ""))
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Form:
    """A body that is sent as a form instead of as JSON."""

    fields: Mapping[str, str] = field(repr=False)


class ForgeClient:
    """Asks one forge about one repository.

    base_url: of the API, without a final slash. headers: with the credential. name: of the forge,
    for messages. reason: of refusals that no other reason tells better.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        reason: Reason = Reason.PULL_REQUEST_FAILED,
        proxies: ProxyRules = DIRECT,
        timing: Timing = REAL_TIME,
    ) -> None:
        self._connection = connection
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._reason = reason
        self._proxies = proxies
        self._timing = timing
        self._session: aiohttp.ClientSession | None = None

    @property
    def base_url(self) -> str:
        return self._base_url

    async def close(self) -> None:
        """End all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> ForgeAnswer:
        """Ask for something; a temporary fault is asked again."""
        return await self._send("GET", path, query=query)

    async def pages(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[ForgeAnswer]:
        """Yield one page after the other as the header Link leads, within bounds."""
        answer = await self.get(path, query)
        for _ in range(PAGE_LIMIT):
            yield answer
            following = answer.next_page
            if not following:
                return
            answer = await self.get(self.below_base(following))
        raise self.fault(f"more than {PAGE_LIMIT} pages of pull requests", FailureKind.UNUSABLE)

    async def send(
        self, method: str, path: str, body: object, *, query: Mapping[str, str] | None = None
    ) -> ForgeAnswer:
        """Change something; asked again only where the forge did not look at it."""
        return await self._send(method, path, query=query, body=body)

    async def send_elsewhere(self, method: str, url: str, body: object) -> ForgeAnswer:
        """Change something at another address of the same host, asked once."""
        if urlsplit(url)[:2] != urlsplit(self._base_url)[:2]:
            raise self.fault("that is another host", FailureKind.INTERNAL)
        return await self._once(method, url, body)

    async def pause(self, pause_s: float) -> None:
        """Give the forge time."""
        await self._timing.sleep(pause_s)

    def fault(self, text: str, kind: FailureKind = FailureKind.REFUSED) -> GitError:
        """Return an error that names forge and repository."""
        reason = None if kind in _OWN_REASONS else self._reason
        return GitError(kind, f"{self._name} {self._connection.url.shown}: {text}", reason=reason)

    def refused(self, answer: ForgeAnswer, what: str) -> GitError:
        """Return the error for an answer that is no success, with the forge's own sentence."""
        status = answer.status
        told = _sentence(answer.content)
        text = f"{what}: HTTP {status}" + (f": {told}" if told else "")
        text = self._masked(text)
        if status in _WAITS or _is_rate_limit(answer):
            return self.fault(f"{text}; it is tried again later", FailureKind.RATE_LIMITED)
        if status == HTTPStatus.NOT_FOUND:
            return self.fault(f"{text}; it is not there, or hidden from the credential")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            advice = "the credential may not do that: give it the right to write "
            advice += _RIGHTS.get(self._reason, "pull requests")
            return self.fault(f"{text}; {advice}", FailureKind.DENIED)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.fault(text, FailureKind.TRANSIENT)
        return self.fault(text)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> ForgeAnswer:
        url = self._base_url + path + (f"?{urlencode(query)}" if query else "")
        for attempt in range(1, ATTEMPTS + 1):
            is_last = attempt == ATTEMPTS
            try:
                answer = await self._once(method, url, body)
            except GitError as error:
                if is_last or method != "GET" or error.kind is not FailureKind.TRANSIENT:
                    raise
                await self._timing.sleep(self._pause_s(attempt))
                continue
            wait_s = self._wait_s(method, answer, attempt)
            if is_last or wait_s is None or wait_s > LONGEST_WAIT_S:
                return answer
            await self._timing.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _wait_s(self, method: str, answer: ForgeAnswer, attempt: int) -> float | None:
        """Return how long to wait before asking again; None = the answer counts."""
        if answer.status in _WAITS or _is_rate_limit(answer):
            told = answer.headers.get("Retry-After", "")
            return float(told) if told.isdecimal() else self._pause_s(attempt)
        return self._pause_s(attempt) if method == "GET" and answer.status in _FAILING else None

    def _pause_s(self, attempt: int) -> float:
        return float(2 ** (attempt - 1)) * (0.5 + self._timing.random())

    async def _once(self, method: str, url: str, body: object) -> ForgeAnswer:
        import aiohttp  # noqa: PLC0415 - costs 300 ms, paid only by who sends a request
        from yarl import URL  # noqa: PLC0415 - comes with it

        from argocd_image_updater.net import guarded_resolver as guard  # noqa: PLC0415 - as above

        host = urlsplit(url).hostname or ""
        if is_forbidden_host(host):
            raise self.fault(f"{host} is an address that is never asked", FailureKind.CONFIG)
        data, kind = _encoded(body)
        headers = self._headers | ({"Content-Type": kind} if data else {})
        try:
            async with self._opened().request(
                method,
                URL(url, encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
                ssl=await self._tls(host),
                proxy=self._proxy(url),
                timeout=aiohttp.ClientTimeout(
                    total=TOTAL_S, sock_connect=CONNECT_S, sock_read=SILENCE_S
                ),
            ) as response:
                content = await self._content(response)
                return ForgeAnswer(response.status, content, response.headers.copy())
        except TimeoutError:
            raise self.fault("no answer in time", FailureKind.TRANSIENT) from None
        except aiohttp.ClientConnectorCertificateError:
            raise self.fault(
                f"the certificate of {host} is not trusted: add its CA to the TLS certificates of "
                "Argo CD",
                FailureKind.CONFIG,
            ) from None
        except aiohttp.ClientResponseError:  # its text repeats what was asked
            raise self.fault("the answer is no readable HTTP", FailureKind.TRANSIENT) from None
        except guard.ForbiddenAddressError:
            raise self.fault(
                f"{host} leads to an address that is never asked", FailureKind.CONFIG
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            text = self._masked(connection_fault(error))
            raise self.fault(text, FailureKind.TRANSIENT) from None

    async def _content(self, response: aiohttp.ClientResponse) -> Any:
        content = bytearray()
        async for piece in response.content.iter_chunked(65_536):
            content += piece
            if len(content) > ANSWER_LIMIT_BYTES:
                limit = ANSWER_LIMIT_BYTES >> 20
                raise self.fault(f"an answer larger than {limit} MiB", FailureKind.UNUSABLE)
        if response.status in range(300, 400):
            raise self.fault(
                "the API redirects elsewhere: configure the repository's present address",
                FailureKind.CONFIG,
            )
        if not content:
            return None
        try:
            return await asyncio.to_thread(json.loads, bytes(content))
        except (ValueError, RecursionError):
            if response.status >= HTTPStatus.BAD_REQUEST:
                return None  # an error page: the status says enough
            raise self.fault("the answer is no JSON", FailureKind.UNUSABLE) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp  # noqa: PLC0415 - as above

            from argocd_image_updater.net import guarded_resolver as guard  # noqa: PLC0415 - as above
            from argocd_image_updater.net.session import open_session  # noqa: PLC0415 - as above

            connector = aiohttp.TCPConnector(limit=8, resolver=guard.GuardedResolver())
            self._session = open_session(connector, headers={}, decompress=True)
        return self._session

    async def _tls(self, host: str) -> Any:
        return await asyncio.to_thread(forge_tls, self._connection, host)

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        host, credential = parts.hostname or "", self._connection.credential
        if not credential.proxy:
            return self._proxies.proxy_for(parts.scheme, host, parts.port) or None
        proxy = proxy_of(credential, host, parts.port or _DEFAULT_PORTS[parts.scheme])
        if proxy and not proxy.startswith(("http://", "https://")):
            raise self.fault("its API is asked through an http:// proxy only", FailureKind.CONFIG)
        return proxy or None

    def below_base(self, url: str) -> str:
        """Return the path of a further page, which must be where the first one was."""
        if not url.startswith(f"{self._base_url}/"):
            raise self.fault("the next page is at another address", FailureKind.UNUSABLE)
        return url.removeprefix(self._base_url)

    def _masked(self, text: str) -> str:
        credential = self._connection.credential
        for secret in (credential.password, credential.bearer_token):
            if secret:
                text = text.replace(secret, "***")
        return text


def _encoded(body: object) -> tuple[bytes | None, str]:
    """Return the bytes of a body and their media type."""
    if isinstance(body, Form):
        return urlencode(body.fields).encode(), "application/x-www-form-urlencoded"
    return None if body is None else json.dumps(body).encode(), "application/json"


_RIGHTS = {Reason.PUSH_REJECTED: "the contents of the repository"}
# Kinds whose own reason says more than that a request failed.
_OWN_REASONS = {
    FailureKind.TRANSIENT,
    FailureKind.RATE_LIMITED,
    FailureKind.DENIED,
    FailureKind.CREDENTIALS,
    FailureKind.CONFIG,
}


def _is_rate_limit(answer: ForgeAnswer) -> bool:
    """Whether a refusal is GitHub's way to say that too much was asked."""
    spent = answer.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in answer.headers
    return answer.status == HTTPStatus.FORBIDDEN and spent


def _sentence(content: object) -> str:
    """Return what a forge says in words, in whichever field it says it."""
    if isinstance(content, list):
        return shorten("; ".join(filter(None, map(_sentence, content[:3]))))
    if isinstance(content, str):
        return shorten(content)
    if not isinstance(content, dict):
        return ""
    found = next((content[name] for name in _SENTENCE_FIELDS if content.get(name)), "")
    more = content.get("errors")
    parts = [_sentence(found), _sentence(more) if more is not found else ""]
    return shorten("; ".join(part for part in parts if part))
