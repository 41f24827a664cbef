"""The route of the metrics: the text format of Prometheus, compressed where the client can.

One scrape at a time is put together; the others wait for their turn.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from argocd_image_updater.web.server import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.web.bearer import BearerGate

METRICS_PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(
    scrape: Callable[[], Awaitable[bytes]], *, gate: BearerGate | None
) -> list[web.RouteDef]:
    """Return the route; gate: who may read, None = everybody."""
    turn = asyncio.Lock()

    async def handle(request: web.Request) -> web.Response:
        if gate is not None:
            refusal = await gate.refusal(request.headers.get("Authorization", ""))
            if refusal is not None:
                response = plain(refusal.text, status=refusal.status)
                if refusal.status == web.HTTPUnauthorized.status_code:
                    response.headers["WWW-Authenticate"] = "Bearer"
                return response
        async with turn:
            body = await scrape()
        response = web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
        if _takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    return [web.get(METRICS_PATH, handle)]


def _takes_gzip(accepted: str) -> bool:
    """Whether the client can unpack gzip; ``q=0`` says that it does not want to."""
    for item in accepted.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
