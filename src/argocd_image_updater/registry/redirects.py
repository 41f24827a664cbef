"""Follow redirects: each hop is a request of its own, and credentials stay where they belong.

Rules: at most `MAX_REDIRECTS` hops; only http and https, and never from https to http unless the
registry is ``insecure``: a list of tags has no digest that would show what was changed; the
``Authorization`` header goes on only to the same scheme, host and port, because blobs are often
redirected to a foreign object store; a client certificate and leave to use link-local addresses
likewise; ``Accept`` is kept, conditions are not, which are about what is found at the first place;
a form is sent to one place only, so its redirect is the answer. The answer carries the URL where it
was found.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.registry.transport import Request, Response, TransportError, safe_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


async def follow_redirects(
    exchange: Callable[[Request], Awaitable[Response]], request: Request
) -> Response:
    """Return the first answer that is not a redirect.

    Raises:
        TransportError: too many redirects, or one to something that is not HTTP.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = await exchange(request)
        location = response.header("Location") if response.status in _REDIRECTS else ""
        if not location or request.form:
            return response
        request = _next_request(request, location)
    raise TransportError(
        f"{safe_url(request.url)}: more than {MAX_REDIRECTS} redirects", temporary=False
    )


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what must be equal for credentials to go along."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or _DEFAULT_PORTS.get(parts.scheme),
    )


def _next_request(request: Request, location: str) -> Request:
    try:
        url = urljoin(request.url, location)
        target = origin(url)
    except ValueError as error:
        raise TransportError(
            f"{safe_url(request.url)}: redirect to something that is not a URL", temporary=False
        ) from error
    if target[0] not in _DEFAULT_PORTS or not target[1]:
        raise TransportError(
            f"{safe_url(request.url)}: redirect to something that is not http or https",
            temporary=False,
        )
    request = replace(request, conditions=())
    if origin(request.url)[0] == "https" and target[0] == "http" and not request.tls.insecure:
        raise TransportError(
            f"{safe_url(request.url)}: redirect to {safe_url(url)}, which gives up HTTPS; "
            "insecure: true in registries.conf allows it",
            temporary=False,
            kind=FailureKind.CONFIG,
        )
    if target == origin(request.url):
        return replace(request, url=url)
    return replace(
        request,
        url=url,
        authorization="",
        tls=replace(request.tls, client=None),
        route=replace(request.route, allow_link_local=False),
        account=None,
    )
