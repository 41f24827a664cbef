"""A server that writes bytes as it is told, for answers that no proper server would give.

``answers`` maps a path (without query) to an async function that gets the request line's target,
the headers and the writer; what it writes is what the client gets, and the connection is closed
afterwards.
"""

import asyncio
import contextlib


class RawServer:
    """Use as ``async with RawServer(answers) as server``."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []

    async def __aenter__(self):
        self._tasks = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                _, target, _ = head.split("\r\n", 1)[0].split(" ")
                self.requests.append(head)
                await self.answers[target.partition("?")[0]](target, head, writer)
                await writer.drain()
        finally:
            writer.close()


def answer(body=b"", *, status="200 OK", headers=(), length=None):
    """Return an answer function for one complete answer."""

    async def write(_target, _head, writer):
        writer.write(head(status, headers, len(body) if length is None else length))
        writer.write(body)

    return write


def head(status, headers, length):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {length}", "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
