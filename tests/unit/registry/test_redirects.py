"""Where a redirect may lead."""

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.registry.redirects import follow_redirects
from argocd_image_updater.registry.tls import TlsSettings
from argocd_image_updater.registry.transport import Request, Response, TransportError


async def follow(url, *locations, insecure=False):
    """Return the URLs that are asked when each answer leads to the next."""
    asked, left = [], list(locations)

    async def exchange(request):
        asked.append(request.url)
        headers = {"Location": left.pop(0)} if left else {}
        return Response(307 if headers else 200, request.url, headers)

    await follow_redirects(exchange, Request(url, 10, tls=TlsSettings(insecure=insecure)))
    return asked


@pytest.mark.parametrize("there", ["http://reg.test/x", "http://store.test/x", "//s.test/y"])
async def test_no_redirect_gives_up_https(there):
    hops = (there,) if there.startswith("http:") else (there, "http://store.test/x")
    with pytest.raises(TransportError, match="gives up HTTPS") as caught:
        await follow("https://reg.test/v2/", *hops)
    assert (caught.value.temporary, caught.value.kind) == (False, FailureKind.CONFIG)


async def test_a_registry_that_is_not_verified_anyway_may():
    hops = ("http://store.test/x",)
    assert await follow("https://reg.test/v2/", *hops, insecure=True) == [
        "https://reg.test/v2/",
        "http://store.test/x",
    ]


@pytest.mark.parametrize("there", ["https://store.test/x", "http://store.test/x"])
async def test_plain_http_may_lead_anywhere(there):
    assert await follow("http://reg.test/v2/", there) == ["http://reg.test/v2/", there]
