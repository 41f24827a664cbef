"""A registry that answers from a table, on a real socket, and remembers what it was asked.

The table is that of the vector files: path (first looked up with its query, then without) → answers
used in turn, the last one repeated; ``{{BASE}}`` in headers and bodies stands for the server's own
base URL; ``require_authorization`` turns an answer into a 401 unless the header is exactly that. A
path without a route answers 404. HEAD is answered like GET, without a body.
"""

from dataclasses import dataclass

from aiohttp import web

NOT_FOUND = '{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
UNAUTHORIZED = '{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}'


@dataclass(frozen=True)
class Received:
    """One request: path with query, as it was sent."""

    method: str
    target: str
    accept: tuple[str, ...]
    authorization: str
    user_agent: str


class ScriptedRegistry:
    """Use as ``async with ScriptedRegistry(routes) as registry``."""

    def __init__(self, routes):
        self.routes = routes
        self.requests: list[Received] = []
        self._turns: dict[str, int] = {}
        self.base = ""

    async def __aenter__(self):
        self._runner = web.ServerRunner(web.Server(self._answer), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    def targets(self, path=""):
        """Paths with query that were asked for, in order."""
        return [one.target for one in self.requests if one.target.startswith(path)]

    def reset(self):
        self.requests.clear()
        self._turns.clear()

    async def _answer(self, request):
        authorization = request.headers.get("Authorization", "")
        self.requests.append(
            Received(
                request.method,
                request.raw_path,
                tuple(request.headers.getall("Accept", ())),
                authorization,
                request.headers.get("User-Agent", ""),
            )
        )
        route = self._route(request.raw_path)
        if route is None:
            return web.Response(status=404, text=NOT_FOUND, content_type="application/json")
        wanted = route.get("require_authorization")
        if wanted is not None and authorization != wanted:
            return web.Response(status=401, text=UNAUTHORIZED, content_type="application/json")
        headers = [
            (name, value.replace("{{BASE}}", self.base))
            for name, value in route.get("headers") or ()
        ]
        body = route.get("body", "")
        if isinstance(body, str):
            body = body.replace("{{BASE}}", self.base).encode()
        response = web.Response(status=route["status"], body=body)
        response.headers.popall("Content-Type", None)
        response.headers.extend(headers)
        return response

    def _route(self, target):
        for key in (target, target.partition("?")[0]):
            if answers := self.routes.get(key):
                turn = self._turns.get(key, 0)
                self._turns[key] = turn + 1
                return answers[min(turn, len(answers) - 1)]
        return None
