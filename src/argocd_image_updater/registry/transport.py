"""The seam to the HTTP library: one request, one answer, read to its end.

Promises: 1. nothing is sent but what the `Request` says: no cookies, no netrc, no credentials from
a URL; 2. redirects are answers like others, followed elsewhere; 3. connecting, waiting for headers
and the whole exchange have deadlines, the body has a size limit; 4. every fault is a
`TransportError` that says whether trying again can help, and holds no secret; 5. addresses of
`addresses.py` are not asked, whatever name or redirect leads there. In this room only this module
and `guarded_resolver.py` know aiohttp; it is imported when the first request is sent.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlencode, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.errors import RemoteError, shorten
from argocd_image_updater.net.addresses import is_forbidden_host
from argocd_image_updater.net.faults import connection_fault
from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.registry.bodies import BodyError, read_body
from argocd_image_updater.registry.endpoint import DIRECT_PROXY
from argocd_image_updater.registry.tls import VERIFIED, TlsSettings, tls_context

if TYPE_CHECKING:
    import aiohttp
    from multidict import CIMultiDictProxy
    from yarl import URL

    from argocd_image_updater.registry.pulls import PullAccount

MAX_ERROR_BODY_BYTES = 65_536  # an error text is read only to explain
MIN_SECRET_BYTES = 4  # shorter ones would only blot out words
SECRET_FIELDS = frozenset(("access_token", "refresh_token"))  # of a form (RFC 6749)
IDLE_CONNECTION_S = 90.0
MAX_OPEN_CONNECTIONS = 200  # of the process; each host has its own, lower limit above this layer
_FIRST_ERROR_STATUS = 400
_OUT_OF_TIME = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_PLAIN = re.compile(r"[!-~]+")  # visible ASCII


@dataclass(frozen=True, slots=True)
class Deadlines:
    """connect_s includes the TLS handshake; silence_s: between two pieces of an answer."""

    connect_s: float = 10.0
    silence_s: float = 10.0
    total_s: float = 60.0


DEADLINES = Deadlines()


@dataclass(frozen=True, slots=True)
class Route:
    """How a registry is reached where that differs from others.

    proxy: its URL, ``direct`` = none, empty = as the environment says. timeout_s: of one request,
    0 = the usual deadlines. allow_link_local: see `addresses.py`.
    """

    proxy: str = field(default="", repr=False)
    timeout_s: float = 0.0
    allow_link_local: bool = False


ORDINARY = Route()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. url: absolute; escapes in it stay as they are. accept: a header line each.

    form: fields of a form that is sent as the body; it may hold tokens. total_s: its own deadline,
    0 = that of its route, else of the transport. account: whose pull a GET of it is; None = it is
    none, or not counted. conditions: header lines under which the body need not be sent.
    """

    url: str
    max_bytes: int
    method: str = "GET"
    accept: tuple[str, ...] = ()
    authorization: str = ""
    form: tuple[tuple[str, str], ...] = ()
    tls: TlsSettings = VERIFIED
    total_s: float = 0.0
    route: Route = ORDINARY
    account: PullAccount | None = None
    conditions: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Request({self.method} {safe_url(self.url)})"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; url is that of the request it answers."""

    status: int
    url: str
    headers: CIMultiDictProxy[str]
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the first line of a header, empty when it is absent."""
        return self.headers.get(name, "")

    def header_lines(self, name: str) -> tuple[str, ...]:
        """Return all lines of a header."""
        return tuple(self.headers.getall(name, ()))


class Exchanger(Protocol):
    """What the layers above need of a transport."""

    async def exchange(self, request: Request) -> Response:
        """Send one request and return its answer.

        Raises:
            TransportError: there is no complete answer.
        """


class TransportError(RemoteError):
    """No complete answer.

    temporary: another try within seconds can help. kind: what it means if none does.
    """

    def __init__(
        self,
        message: str,
        *,
        temporary: bool = True,
        kind: FailureKind = FailureKind.TRANSIENT,
    ) -> None:
        super().__init__(message, temporary=temporary)
        self.kind = kind


class Transport:
    """One connection pool for the whole process, opened by the first request."""

    def __init__(self, *, proxies: ProxyRules = DIRECT, deadlines: Deadlines = DEADLINES) -> None:
        self._proxies = proxies
        self._deadlines = deadlines
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by: addresses are checked

    async def exchange(self, request: Request) -> Response:
        """Send one request and return its answer, whatever its status.

        Raises:
            TransportError: there is no complete answer.
        """
        import aiohttp  # noqa: PLC0415 - costs 300 ms, paid only by who sends a request

        from argocd_image_updater.net.guarded_resolver import (  # noqa: PLC0415 - the same
            ForbiddenAddressError,
        )

        try:
            return await self._exchange(request)
        except ForbiddenAddressError as error:
            raise _forbidden(request) from error
        except BodyError as error:
            kind = FailureKind.TRANSIENT if error.temporary else FailureKind.UNUSABLE
            raise TransportError(
                _about(request, str(error)), temporary=error.temporary, kind=kind
            ) from error
        except TimeoutError as error:
            raise TransportError(_about(request, "no answer in time")) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise _refused_certificate(request, error.certificate_error) from error
        except (aiohttp.InvalidURL, UnicodeError, ValueError) as error:
            why = "the request cannot be sent: bad URL, header or CA bundle"
            raise _permanent(request, why) from error
        except aiohttp.ClientResponseError as error:  # its text repeats what was sent
            why = "the answer is no readable HTTP, or its headers are too large"
            raise TransportError(_about(request, why)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError(_about(request, connection_fault(error))) from error

    async def aclose(self) -> None:
        """Close all connections; the next request opens the pool again."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def _exchange(self, request: Request) -> Response:
        from yarl import URL  # noqa: PLC0415 - comes with aiohttp

        url = URL(_encoded(request.url), encoded=True)
        if url.user is not None:
            url = url.with_user(None)
        route = request.route
        if not route.allow_link_local and is_forbidden_host(url.host or ""):
            raise _forbidden(request)
        proxy, proxy_headers = _split_proxy(self._proxy_of(route, url))
        # a proxy is the operator's choice, and resolves the names itself
        guarded = proxy is None and not route.allow_link_local
        encrypted = url.scheme == "https"  # else the proxy reads the request itself
        async with self._open(guarded=guarded).request(
            request.method,
            url,
            headers=_headers(request) + ([] if encrypted else proxy_headers),
            data=urlencode(request.form).encode() if request.form else None,
            allow_redirects=False,
            ssl=tls_context(request.tls) if encrypted else True,
            timeout=self._timeout(request),
            proxy=proxy,
            proxy_headers=proxy_headers if encrypted else None,
        ) as answer:
            failed = answer.status >= _FIRST_ERROR_STATUS
            body = await read_body(
                answer.content.iter_any(),
                coding=answer.headers.get("Content-Encoding", ""),
                limit_bytes=MAX_ERROR_BODY_BYTES if failed else request.max_bytes,
                truncate=failed,
            )
            if failed:
                body = _without_secrets(body, request)
            return Response(answer.status, request.url, answer.headers, body)

    def _proxy_of(self, route: Route, url: URL) -> str:
        if route.proxy:
            return "" if route.proxy == DIRECT_PROXY else route.proxy
        return self._proxies.proxy_for(url.scheme, url.host or "", url.port)

    def _open(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Return the pool whose addresses are checked, or the other one; never mixed."""
        session = self._sessions.get(guarded)
        if session is None or session.closed:
            import aiohttp  # noqa: PLC0415 - see exchange

            from argocd_image_updater.net.guarded_resolver import (  # noqa: PLC0415 - the same
                GuardedResolver,
            )
            from argocd_image_updater.net.session import open_session  # noqa: PLC0415 - the same

            connector = aiohttp.TCPConnector(
                limit=MAX_OPEN_CONNECTIONS,
                keepalive_timeout=IDLE_CONNECTION_S,
                resolver=GuardedResolver() if guarded else aiohttp.ThreadedResolver(),
            )
            session = self._sessions[guarded] = open_session(
                connector, headers={"Accept-Encoding": "gzip"}, decompress=False
            )
        return session

    def _timeout(self, request: Request) -> aiohttp.ClientTimeout:
        import aiohttp  # noqa: PLC0415 - see exchange

        return aiohttp.ClientTimeout(
            total=request.total_s or request.route.timeout_s or self._deadlines.total_s,
            sock_connect=self._deadlines.connect_s,
            sock_read=request.route.timeout_s or self._deadlines.silence_s,
        )


def safe_url(url: str) -> str:
    """Return a URL for people: no user, no query, one line."""
    parts = urlsplit(url)
    return shorten(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _encoded(url: str) -> str:
    """Escape what may not stand in a URL; a foreign Location or Link may hold blanks or umlauts."""
    return url if _PLAIN.fullmatch(url) else quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _headers(request: Request) -> list[tuple[str, str]]:
    headers = [("Accept", media_type) for media_type in request.accept]
    headers += request.conditions
    if request.authorization:
        headers.append(("Authorization", request.authorization))
    if request.form:
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return headers


def _without_secrets(body: bytes, request: Request) -> bytes:
    """Hide what we sent from an error text, which ends up in messages: some servers repeat it."""
    scheme, _, value = request.authorization.partition(" ")
    secrets = [value.encode()]
    if scheme == "Basic":
        secrets.append(b64decode(value).partition(b":")[2])
    secrets += (text.encode() for name, text in request.form if name in SECRET_FIELDS)
    for secret in secrets:
        if len(secret) >= MIN_SECRET_BYTES:
            body = body.replace(secret, b"[hidden]")
    return body


def _split_proxy(proxy: str) -> tuple[URL | None, list[tuple[str, str]]]:
    """Part the credentials of a proxy from its URL; None for a direct connection."""
    if not proxy:
        return None, []
    from yarl import URL  # noqa: PLC0415 - comes with aiohttp

    url = URL(proxy)
    if not url.user:
        return url, []
    pair = f"{url.user}:{url.password or ''}".encode()
    header = ("Proxy-Authorization", f"Basic {b64encode(pair).decode()}")
    return url.with_user(None), [header]


def _refused_certificate(request: Request, cause: Exception) -> TransportError:
    """Say why, in the words of the TLS library, and who can do something about it."""
    told = shorten(str(getattr(cause, "verify_message", "")) or "no reason is told")
    why = f"the TLS certificate was refused: {told}"
    if getattr(cause, "verify_code", 0) not in _OUT_OF_TIME:
        hint = "add the CA to registries.conf (ca_file, ca_data) or correct the certificate"
        return _permanent(request, f"{why}; {hint}")
    hint = "the registry must show one that is valid now, by the clock of this machine"
    return TransportError(_about(request, f"{why}; {hint}"), temporary=False)


def _permanent(request: Request, why: str) -> TransportError:
    return TransportError(_about(request, why), temporary=False, kind=FailureKind.CONFIG)


def _forbidden(request: Request) -> TransportError:
    return _permanent(
        request,
        "the host has a link-local address or is a metadata service, which images and registries "
        "may not name; allowLinkLocal in registries.extra.conf allows it for one registry",
    )


def _about(request: Request, why: str) -> str:
    return f"{request.method} {safe_url(request.url)}: {why}"
