"""Notes of what a registry answers, taken between the transport and everything above it.

Nothing is changed and nothing is kept of bodies. Only the registry itself is noted, not the token
services and stores it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.registry import media_types
from argocd_image_updater.registry.answers import UNAUTHORIZED, is_good
from argocd_image_updater.registry.challenges import Challenge, parse_challenges
from argocd_image_updater.registry.quotas import Quota, read_quota
from argocd_image_updater.registry.redirects import origin
from argocd_image_updater.registry.retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.registry.transport import Exchanger, Request, Response


class NotingExchanger:
    """Sends requests through another transport. base: URL of the registry.

    quota, retry_after_s: the last that were told. challenges: of the last answer that wanted a
    login. is_web_page: whether the last answer was a page for people, other than about an error.
    """

    def __init__(self, inner: Exchanger, *, base: str, unix: Callable[[], float]) -> None:
        self._inner = inner
        self._origin = origin(base)
        self._unix = unix
        self.quota: Quota | None = None
        self.retry_after_s: float | None = None
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
        unix_now = self._unix()
        self.quota = read_quota(response, unix_now=unix_now) or self.quota
        asked_s = parse_retry_after(response.header("Retry-After"), unix_now=unix_now)
        self.retry_after_s = self.retry_after_s if asked_s is None else asked_s
        if response.status == UNAUTHORIZED:
            lines = response.header_lines("WWW-Authenticate")
            self.challenges = parse_challenges(lines) or self.challenges
        kind = media_types.essence(response.header("Content-Type"))
        self.is_web_page = is_good(response) and kind in media_types.WEB_PAGES
