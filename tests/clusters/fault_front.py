"""A front of the API server that answers some requests itself, with the faults of a test.

It speaks HTTP to the client and hands everything else on, watches included, piece by piece.
"""

import contextlib
import ssl
from collections import deque

import aiohttp
from aiohttp import web


class FaultFront:
    """Use as an async context manager. `faults`: (word of the address, answer), each used once.

    An answer is made by a function; ``None`` instead ends the connection without one.
    `after`: the same for requests that are handed on first, so that their answer is lost.
    `on_request`: called with each request before anything happens to it.
    """

    def __init__(self, api):
        self.faults = deque()
        self.after = deque()
        self.on_request = None
        self.lines = []
        self.url = ""
        self._api = api
        self._context = ssl.create_default_context(cafile=str(api.ca_file))

    async def __aenter__(self):
        self._session = aiohttp.ClientSession(auto_decompress=False)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()
        await self._session.close()

    def kubeconfig(self, path, *, token):
        """Write a kubeconfig that leads through the front."""
        path.write_text(
            f"{{clusters: [{{name: c, cluster: {{server: '{self.url}'}}}}],"
            f" users: [{{name: u, user: {{token: '{token}'}}}}],"
            " contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}"
        )
        return path

    def count(self, word):
        return sum(word in line for line in self.lines)

    async def _answer(self, request):
        line = f"{request.method} {request.path_qs}"
        self.lines.append(line)
        if self.on_request:
            self.on_request(line)
        if fault := _take(self.faults, line):
            return _faulty(request, fault)
        if fault := _take(self.after, line):
            async with self._asked(request) as answer:
                await answer.read()
            return _faulty(request, fault)
        return await self._pass_on(request)

    @contextlib.asynccontextmanager
    async def _asked(self, request):
        """The real server's answer to a request."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in {"host", "content-length"}
        }
        async with self._session.request(
            request.method,
            f"{self._api.url}{request.path_qs}",
            headers=headers,
            data=await request.read() or None,
            ssl=self._context,
        ) as answer:
            yield answer

    async def _pass_on(self, request):
        async with self._asked(request) as answer:
            kept = {
                name: answer.headers[name]
                for name in ("Content-Type", "Content-Encoding", "Retry-After")
                if name in answer.headers
            }
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
        return response


def _take(faults, line):
    """Take the first fault that is about a request, None where none is."""
    found = next((fault for fault in faults if fault[0] in line), None)
    if found:
        faults.remove(found)
    return found


def _faulty(request, fault):
    if fault[1] is None:
        request.transport.abort()
        return web.Response()
    return fault[1]()


def status(code, reason, *, message="of the test", headers=None):
    """Return a function that answers with a ``Status``, as the API server does."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return lambda: web.json_response(body, status=code, headers=headers)
