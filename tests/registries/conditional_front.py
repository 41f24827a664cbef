"""A front of a registry that gives its lists validators, as some registries and caches do.

CNCF Distribution gives none for its lists of tags. Each list gets a validator of its bytes, and a
request that brings the same one is answered with 304 and no body.
"""

import hashlib
import json

import aiohttp
from aiohttp import web

LONG_AGO = "Tue, 02 Jan 2024 00:00:00 GMT"


class ConditionalFront:
    """Use as ``async with ConditionalFront(url) as front``.

    validator: makes the header lines of a list from its bytes. page_size: split lists into pages,
    which Distribution 2.8 does not. spoil: changes a body behind its validator. unasked: answer
    every list with 304. whole, unchanged: answers about lists so far.
    """

    def __init__(self, upstream):
        self.validator = strong
        self.page_size = 0
        self.spoil = None
        self.unasked = False
        self.whole = 0
        self.unchanged = 0
        self.conditions = []
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

    def counts(self):
        """Return the answers about lists since the last call: whole ones and 304."""
        counts = (self.whole, self.unchanged)
        self.whole = self.unchanged = 0
        return counts

    async def _answer(self, request):
        names = ("Accept", "Authorization")
        headers = [(name, value) for name in names for value in request.headers.getall(name, ())]
        url = self._upstream + request.raw_path
        async with self._session.request(request.method, url, headers=headers) as answer:
            body = await answer.read()
            kept = [
                (name, value)
                for name in ("Content-Type", "Docker-Content-Digest", "Link", "WWW-Authenticate")
                for value in answer.headers.getall(name, ())
            ]
            if "/tags/list" not in request.path or answer.status != 200:
                return web.Response(status=answer.status, body=body, headers=kept)
        if self.page_size:
            body, link = self._page(request, json.loads(body))
            kept += link
        return self._listed(request, body, kept)

    def _page(self, request, listed):
        tags = sorted(tag for tag in listed["tags"] if tag > request.query.get("last", ""))
        page = tags[: self.page_size]
        more = len(tags) > len(page)
        link = [("Link", f'<{request.path}?last={page[-1]}>; rel="next"')] if more else []
        return json.dumps({**listed, "tags": page}).encode(), link

    def _listed(self, request, body, headers):
        lines = self.validator(body)
        asked = {
            name: request.headers[name]
            for name in ("If-None-Match", "If-Modified-Since")
            if name in request.headers
        }
        self.conditions.append(asked)
        current = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
        same = any(dict(lines).get(current[name]) == value for name, value in asked.items())
        if same or self.unasked:
            self.unchanged += 1
            return web.Response(status=304, headers=lines)
        self.whole += 1
        if self.spoil:
            body = self.spoil(body)
        return web.Response(body=body, headers=[*headers, *lines])


def strong(body):
    return [("ETag", f'"{hashlib.sha256(body).hexdigest()}"')]


def weak(body):
    return [("ETag", f'W/"{hashlib.sha256(body).hexdigest()}"')]


def bare(body):
    return [("ETag", hashlib.sha256(body).hexdigest())]


def dated(_body):
    return [("Last-Modified", LONG_AGO)]


def frozen(_body):
    return [("ETag", '"constant"')]


def silent(_body):
    return []
