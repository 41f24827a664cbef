"""Notes of what a registry answers, taken between the transport and everything above it.

Nothing is changed and nothing is kept of bodies. Only the registry itself is noted, not the token
services and stores it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.registry import media_types
from argocd_image_updater.registry.answers import UNAUTHORIZED
from argocd_image_updater.registry.challenges import Challenge, parse_challenges
from argocd_image_updater.registry.limit_headers import ToldLimits, read_limits
from argocd_image_updater.registry.redirects import origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.registry.transport import Exchanger, Request, Response


class NotingExchanger:
    """Sends requests through another transport. base: URL of the registry.

    limits: the last that were told. challenges: of the last answer that wanted a login.
    is_web_page: whether the last answer was a page for people.
    """

    def __init__(self, inner: Exchanger, *, base: str, unix: Callable[[], float]) -> None:
        self._inner = inner
        self._origin = origin(base)
        self._unix = unix
        self.limits = ToldLimits()
        self.challenges: tuple[Challenge, ...] = ()
        self.is_web_page = False

    async def exchange(self, request: Request) -> Response:
        """Send one request and return its answer.

        Raises:
            TransportError: there is no complete answer.
        """
        response = await self._inner.exchange(request)
        if origin(request.url) == self._origin:
            self._note(response)
        return response

    def _note(self, response: Response) -> None:
        if told := read_limits(response, unix_now=self._unix()):
            self.limits = told
        if response.status == UNAUTHORIZED:
            lines = response.header_lines("WWW-Authenticate")
            self.challenges = parse_challenges(lines) or self.challenges
        kind = media_types.essence(response.header("Content-Type"))
        self.is_web_page = kind in media_types.WEB_PAGES
