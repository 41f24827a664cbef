"""The routes of the probes: ``/healthz`` and ``/readyz``, with their checks below them.

They are answered by the event loop that does the work, so one that is stuck does not answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from argocd_image_updater.web.readiness import CHECKS, answer_probe
from argocd_image_updater.web.server import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.web.readiness import Readiness


def probe_routes(state: Readiness) -> list[web.RouteDef]:
    """Return the routes; state: as it is when somebody asks."""
    routes: list[web.RouteDef] = []
    for probe in CHECKS:
        handler = _handler(probe, state)
        routes += [web.get(f"/{probe}", handler), web.get(f"/{probe}/{{check:[^/]*}}", handler)]
    return routes


def _handler(probe: str, state: Readiness) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        answer = answer_probe(
            probe,
            request.match_info.get("check", ""),
            state=state,
            verbose="verbose" in request.query,
            excluded=request.query.getall("exclude", []),
        )
        return plain(answer.text, status=answer.status)

    return handle
