"""A server over TLS that falls silent: it says what it is given, and then no farewell either."""

import asyncio
import contextlib
import gc
import ssl


class SilentServer:
    """asked: a request was read. said: the beginning of an answer, empty = none."""

    def __init__(self, authority, *, said=b""):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._said = said
        self._over = asyncio.Event()
        self.asked = asyncio.Event()
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._over.set()
            server.close()
            await server.wait_closed()

    async def _serve(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        writer.write(self._said)
        self.asked.set()
        await self._over.wait()
        writer.transport.abort()

    def open_clients(self):
        """Return the clients' ends of connections to here that are not being closed."""
        return [item for item in gc.get_objects() if self._is_open_client(item)]

    def _is_open_client(self, item):
        if type(item).__name__ != "_SelectorSocketTransport" or item.is_closing():
            return False
        return (item.get_extra_info("peername") or ("", 0))[1] == self.port
