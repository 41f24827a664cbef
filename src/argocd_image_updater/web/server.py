"""An HTTP server with manners: bounded sizes, times and connections, and an end in time.

HTTP/1.1 only. It says little: no access log, no version of its parts, no text of an exception.
Compressed request bodies are not unpacked, because their size would not be bounded.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiohttp import web

from argocd_image_updater.errors import ConfigError, internal_fault
from argocd_image_updater.web.connections import Connections, Patience

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType

    from aiohttp.typedefs import Handler, Middleware

    from argocd_image_updater.web.addresses import BindAddress

_LOG = logging.getLogger(__name__)
_BACKLOG = 128
_HANDSHAKE_S = 5.0
_LINGER_S = 2.0  # for the rest of a body that nobody reads
_NAME = "argocd-image-updater"


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bounds of one server.

    line_bytes, field_bytes: of a request's head; headers: their number. body_bytes: of a request.
    answer_s: until an answer is there. end_s: for answers on their way when the server ends.
    """

    line_bytes: int = 8_190
    field_bytes: int = 16_384
    headers: int = 100
    body_bytes: int = 65_536
    answer_s: float = 20.0
    end_s: float = 3.0
    patience: Patience = field(default_factory=Patience)


class WebServer:
    """Serves routes at an address while it is entered; an asynchronous context manager.

    flag: what says the address, for messages. tls: None = plain HTTP.
    """

    def __init__(
        self,
        address: BindAddress,
        *,
        flag: str,
        routes: Iterable[web.RouteDef],
        tls: ssl.SSLContext | None = None,
        limits: WebLimits | None = None,
    ) -> None:
        self._address = address
        self._flag = flag
        self._tls = tls
        self._limits = limits or WebLimits()
        self._connections = Connections(self._limits.patience)
        self._runner = self._make_runner(routes)
        self._listening: asyncio.Server | None = None
        self.port = address.port

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            ConfigError: nobody can listen there.
        """
        try:
            listener = await asyncio.to_thread(_listener, self._address)
        except OSError as error:
            raise self._refused(error) from error
        self.port = listener.getsockname()[1]
        await self._runner.setup()
        server = self._runner.server
        assert server is not None, "the runner is set up"
        self._listening = await asyncio.get_running_loop().create_server(
            lambda: self._connections.guard(server()),
            sock=listener,
            ssl=self._tls,
            ssl_handshake_timeout=_HANDSHAKE_S if self._tls else None,
            backlog=_BACKLOG,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    def _make_runner(self, routes: Iterable[web.RouteDef]) -> web.AppRunner:
        limits = self._limits
        application = web.Application(
            middlewares=[self._middleware()], client_max_size=limits.body_bytes
        )
        application.add_routes(list(routes))
        application.on_response_prepare.append(_sign)
        return web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=limits.end_s,
            max_line_size=limits.line_bytes,
            max_field_size=limits.field_bytes,
            max_headers=limits.headers,
            lingering_time=_LINGER_S,
            auto_decompress=False,
        )

    def _middleware(self) -> Middleware:
        @web.middleware
        async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
            with self._connections.request(request.transport):
                return await self._answer(request, handler)

        return bounded

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._limits.answer_s):
                return await handler(request)
        except web.HTTPException:
            raise
        except TimeoutError:
            return plain("no answer in time\n", status=503)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            _LOG.error("%s %s: %s", request.method, request.path, internal_fault(error))
            return plain("internal error\n", status=500)

    def _refused(self, error: OSError) -> ConfigError:
        where = f"--{self._flag} {self._address}"
        why = error.strerror or type(error).__name__
        if error.errno == errno.EADDRINUSE:
            why = "another program listens there"
        return ConfigError(
            f"{where}: cannot listen: {why}", hint="choose another address, or 0 for no server"
        )


def plain(text: str, *, status: int = 200) -> web.Response:
    """Return a text that no browser takes for anything else."""
    return web.Response(
        text=text,
        status=status,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = _NAME


def _listener(address: BindAddress) -> socket.socket:
    """Return a listening socket; every address means IPv4 and IPv6 where the machine has both."""
    if not address.host:
        if socket.has_dualstack_ipv6():
            try:
                return _nonblocking(
                    socket.create_server(
                        ("", address.port), family=socket.AF_INET6, dualstack_ipv6=True
                    )
                )
            except OSError as error:
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise  # else IPv6 is compiled in and switched off
        return _nonblocking(socket.create_server(("", address.port)))
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, place = min(found, key=lambda item: item[0] is not socket.AF_INET)
    return _nonblocking(socket.create_server(place[:2], family=family))


def _nonblocking(listener: socket.socket) -> socket.socket:
    listener.setblocking(False)  # noqa: FBT003 - the socket's own method
    return listener
