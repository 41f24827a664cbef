"""Look at the way to a registry step by step: its name, a connection, the TLS handshake.

Nothing is asked here and no credentials go along, except those of a proxy to this proxy. Names are
resolved, addresses left out, proxies chosen and certificates checked by the rules of real requests
(`addresses.py`, `proxies.py`, `tls.py`), so the verdict is theirs. Each step has a deadline.
Sources: RFC 9110 (CONNECT) and the verification results of OpenSSL
(https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from argocd_image_updater.errors import shorten
from argocd_image_updater.net.addresses import is_forbidden_address, is_forbidden_host
from argocd_image_updater.registry.api import DEFAULT_PORTS, Api
from argocd_image_updater.registry.endpoint import DIRECT_PROXY
from argocd_image_updater.registry.peer_certificates import PeerCertificate, read_shown
from argocd_image_updater.registry.tls import TlsSettings, tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from argocd_image_updater.net.proxies import ProxyRules

STEP_S = 10.0  # of each step; real requests have as long for connecting
MAX_ADDRESSES = 8  # of one name that are tried
MAX_PROXY_ANSWER_BYTES = 32_768
_PROXY_LOGIN_WANTED = "407"


class FaultKind(StrEnum):
    """Where the way ends."""

    NAME = "name"  # no such host
    FORBIDDEN = "forbidden"  # an address that is not asked
    CONNECTION = "connection"  # nobody answers at the address
    PROXY = "proxy"  # the proxy does not lead on
    PROXY_LOGIN = "proxy-login"  # it wants credentials
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_NAME = "wrong-name"
    UNKNOWN_ISSUER = "unknown-issuer"
    CERTIFICATE = "certificate"  # refused for another reason
    NO_TLS = "no-tls"  # the other side does not speak TLS, or not a version that we do


# Verification results that people know by other names.
_REFUSALS = {
    9: FaultKind.NOT_YET_VALID,
    10: FaultKind.EXPIRED,
    2: FaultKind.UNKNOWN_ISSUER,  # unable to get the issuer's certificate
    18: FaultKind.UNKNOWN_ISSUER,  # signed by itself
    19: FaultKind.UNKNOWN_ISSUER,  # a root of the chain that is not trusted
    20: FaultKind.UNKNOWN_ISSUER,  # unable to get the local issuer's certificate
    21: FaultKind.UNKNOWN_ISSUER,  # only one certificate and nobody to check it
    62: FaultKind.WRONG_NAME,
    64: FaultKind.WRONG_NAME,  # wrong address
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a step failed. certificate: what was shown, where that is the matter."""

    kind: FaultKind
    text: str
    certificate: PeerCertificate | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both sides agreed on."""

    version: str
    certificate: PeerCertificate | None


@dataclass(frozen=True, slots=True)
class Hop:
    """A proxy on the way. login: header value, empty for none."""

    host: str
    port: int
    encrypted: bool = False
    login: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Way:
    """Where to go, and how. proxy: None = directly."""

    host: str
    port: int
    encrypted: bool
    tls: TlsSettings
    proxy: Hop | None = None
    allow_link_local: bool = False

    @property
    def first(self) -> tuple[str, int]:
        """Host and port that are connected to."""
        return (self.proxy.host, self.proxy.port) if self.proxy else (self.host, self.port)


class _ProxyRefusal(Exception):
    """The proxy does not lead on; holds its status line."""


def way_to(api: Api, proxies: ProxyRules) -> Way | Fault:
    """Return the way that requests to an API take, or why there is none."""
    port = int(api.host.rpartition(":")[2])
    route = api.route
    if not route.allow_link_local and is_forbidden_host(api.hostname):
        return Fault(FaultKind.FORBIDDEN, f"{api.hostname} is an address that is not asked")
    url = route.proxy or proxies.proxy_for(api.scheme, api.hostname, port)
    try:
        proxy = None if url in ("", DIRECT_PROXY) else _hop(url)
    except ValueError:
        return Fault(FaultKind.PROXY, "the URL of the proxy cannot be read")
    return Way(
        host=api.hostname,
        port=port,
        encrypted=api.scheme == "https",
        tls=api.tls,
        proxy=proxy,
        allow_link_local=route.allow_link_local,
    )


async def resolve(way: Way) -> tuple[str, ...] | Fault:
    """Return the addresses of the first host on the way."""
    host, port = way.first
    try:
        async with asyncio.timeout(STEP_S):
            found = await _addresses(host, port)
    except TimeoutError:
        return Fault(FaultKind.NAME, f"no answer about {host} within {STEP_S:.0f} s")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a name of a host"
        return Fault(FaultKind.NAME, f"{host}: {why}")
    guarded = way.proxy is None and not way.allow_link_local
    allowed = [one for one in found if not (guarded and is_forbidden_address(one))]
    if not allowed:
        return Fault(FaultKind.FORBIDDEN, f"{host} leads to {found[0]}, which is not asked")
    return tuple(allowed[:MAX_ADDRESSES])


async def connect(way: Way, addresses: Sequence[str]) -> str | Fault:
    """Return the first address that takes a connection, through the proxy where there is one."""
    fault = Fault(FaultKind.CONNECTION, "there is no address")
    for address in addresses:
        where = _place(address, way.first[1])
        try:
            async with asyncio.timeout(STEP_S), _opened(way, address):
                return address
        except _ProxyRefusal as refusal:
            return _refused(refusal)
        except ssl.SSLError as error:
            why = f"the TLS of the proxy failed: {_reason(error)}"
            fault = Fault(FaultKind.PROXY, f"{where}: {why}")
        except TimeoutError:
            fault = Fault(FaultKind.CONNECTION, f"{where}: no answer within {STEP_S:.0f} s")
        except (OSError, EOFError) as error:
            fault = Fault(FaultKind.CONNECTION, f"{where}: {_why(error)}")
    return fault


async def shake_hands(way: Way, address: str) -> Handshake | Fault:
    """Return how TLS was agreed on; where the certificate is refused, what it says."""
    try:
        return await _shake(way, address)
    except ssl.SSLCertVerificationError as error:
        kind = _REFUSALS.get(error.verify_code, FaultKind.CERTIFICATE)
        return Fault(kind, shorten(error.verify_message), await _look(way, address))
    except ssl.SSLError as error:
        return Fault(FaultKind.NO_TLS, _reason(error))
    except _ProxyRefusal as refusal:
        return _refused(refusal)
    except TimeoutError:
        return Fault(FaultKind.NO_TLS, f"no answer within {STEP_S:.0f} s")
    except ValueError as error:  # certificates of the configuration
        return Fault(FaultKind.CERTIFICATE, shorten(str(error)))
    except (OSError, EOFError) as error:
        return Fault(FaultKind.NO_TLS, f"the connection ended: {_why(error)}")


async def _look(way: Way, address: str) -> PeerCertificate | None:
    """Return the certificate of a server that is not trusted; nothing is said to it."""
    try:
        unchecked = replace(way, tls=TlsSettings(insecure=True))
        return (await _shake(unchecked, address)).certificate
    except (OSError, EOFError, _ProxyRefusal):  # TimeoutError and SSLError are of this family
        return None


async def _shake(way: Way, address: str) -> Handshake:
    async with asyncio.timeout(STEP_S), _opened(way, address) as writer:
        await writer.start_tls(
            tls_context(way.tls), server_hostname=way.host, ssl_handshake_timeout=STEP_S
        )
        agreed: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        version = (agreed.version() if agreed else None) or "TLS"
        return Handshake(version, read_shown(agreed))


@asynccontextmanager
async def _opened(way: Way, address: str) -> AsyncIterator[asyncio.StreamWriter]:
    """Give a connection that leads to the registry, at the end of which TLS may begin."""
    hop = way.proxy
    encrypted = hop is not None and hop.encrypted
    reader, writer = await asyncio.open_connection(
        address,
        way.first[1],
        # like real requests: the settings of the registry hold for a proxy in front of it
        ssl=tls_context(way.tls) if encrypted else None,
        server_hostname=way.first[0] if encrypted else None,
        limit=MAX_PROXY_ANSWER_BYTES,
    )
    try:
        if hop is not None and way.encrypted:
            await _lead_through(reader, writer, way=way, login=hop.login)
        yield writer
    finally:
        writer.transport.abort()


async def _lead_through(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, way: Way, login: str
) -> None:
    place = _place(way.host, way.port)
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    lines += [f"Proxy-Authorization: {login}"] if login else []
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise _ProxyRefusal("an endless answer") from None
    status = head.partition(b"\r\n")[0].decode("ascii", "replace")
    if status.split(" ")[1:2] != ["200"]:
        raise _ProxyRefusal(status)


async def _addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host; the thread that asks for them never holds the program up."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str] | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[str] | Exception
        try:
            rows = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
            found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as error:
            found = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, found)

    threading.Thread(target=ask, daemon=True, name="name resolution").start()
    return await answer


def _hop(url: str) -> Hop:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in DEFAULT_PORTS:
        raise ValueError("not a proxy")
    login = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = f"Basic {b64encode(pair.encode()).decode()}"
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return Hop(parts.hostname, port, encrypted=parts.scheme == "https", login=login)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refused(refusal: _ProxyRefusal) -> Fault:
    status = str(refusal)
    wants_login = _PROXY_LOGIN_WANTED in status.split(" ")[1:2]
    kind = FaultKind.PROXY_LOGIN if wants_login else FaultKind.PROXY
    return Fault(kind, f"the proxy answered: {shorten(status)}")


def _reason(error: ssl.SSLError) -> str:
    return shorten((error.reason or error.strerror or "no agreement").replace("_", " ").lower())


def _why(error: Exception) -> str:
    """Name a fault of a connection; asyncio says where, but not why."""
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else "the other side ended the connection"
