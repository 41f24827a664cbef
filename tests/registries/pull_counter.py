"""A front of a registry that counts pulls as Docker Hub does: each GET of a manifest.

Every answer about a manifest says how many are left; what is beyond the limit gets 429. Other
requests are passed on and say nothing.
"""

import aiohttp
from aiohttp import web

WINDOW_S = 21_600


class PullCounter:
    """Use as ``async with PullCounter(url, limit=100) as front``; also as an HTTP proxy.

    made: pulls so far; a test adds those of others.
    """

    def __init__(self, upstream, *, limit):
        self.limit = limit
        self.made = 0
        self.refused = 0
        self.requests = []
        self._upstream = upstream

    async def __aenter__(self):
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.ServerRunner(web.Server(self._answer), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()
        await self._session.close()

    def count(self, method, part):
        return sum(1 for one, path in self.requests if one == method and part in path)

    async def _answer(self, request):
        self.requests.append((request.method, request.raw_path))
        of_manifest = "/manifests/" in request.path
        if of_manifest and request.method == "GET":
            if self.made >= self.limit:
                self.refused += 1
                return web.Response(status=429, headers=self._headers())
            self.made += 1
        headers = [("Accept", value) for value in request.headers.getall("Accept", ())]
        url = self._upstream + request.raw_path.removeprefix(f"http://{request.host}")
        async with self._session.request(request.method, url, headers=headers) as answer:
            body = await answer.read()
            kept = {
                name: answer.headers[name]
                for name in ("Content-Type", "Docker-Content-Digest", "Link")
                if name in answer.headers
            }
            if of_manifest:
                kept |= self._headers()
            return web.Response(status=answer.status, body=body, headers=kept)

    def _headers(self):
        return {
            "RateLimit-Limit": f"{self.limit};w={WINDOW_S}",
            "RateLimit-Remaining": f"{max(0, self.limit - self.made)};w={WINDOW_S}",
        }
