"""The transport through proxies and its texts; answers over real sockets are in the fault tests."""

import aiohttp
import pytest
from yarl import URL

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.registry.redirects import follow_redirects
from argocd_image_updater.registry.tls import TlsSettings, tls_context
from argocd_image_updater.registry.transport import (
    Request,
    Transport,
    TransportError,
    safe_url,
)
from registries.raw import RawServer, answer


async def test_a_request_goes_through_the_proxy_with_its_own_credentials():
    async with RawServer({"http://reg.test/v2/": answer(b"{}")}) as proxy:
        environment = {"HTTP_PROXY": f"http://user:p%40ss@127.0.0.1:{proxy.port}"}
        transport = Transport(proxies=read_proxies(environment))
        response = await transport.exchange(
            Request("http://reg.test/v2/", 100, authorization="Bearer T")
        )
        await transport.aclose()
    assert response.body == b"{}"
    [head] = proxy.requests
    assert "Authorization: Bearer T" in head
    assert f"Proxy-Authorization: {aiohttp.encode_basic_auth('user', 'p@ss')}" in head


async def test_only_the_proxys_credentials_reach_the_proxy_of_an_encrypted_request():
    refusal = answer(status="407 Proxy Authentication Required")
    async with RawServer({"reg.test:443": refusal}) as proxy:
        environment = {"HTTPS_PROXY": f"http://user:pass@127.0.0.1:{proxy.port}"}
        transport = Transport(proxies=read_proxies(environment))
        with pytest.raises(TransportError):
            await transport.exchange(
                Request("https://reg.test/v2/", 100, authorization="Bearer secret")
            )
        await transport.aclose()
    [head] = proxy.requests
    assert head.startswith("CONNECT reg.test:443")
    assert f"Proxy-Authorization: {aiohttp.encode_basic_auth('user', 'pass')}" in head
    assert "secret" not in head


async def test_credentials_in_a_url_are_never_sent():
    async with RawServer({"/v2/": answer(b"{}")}) as server:
        transport = Transport()
        await transport.exchange(Request(f"http://user:pass@127.0.0.1:{server.port}/v2/", 100))
        await transport.aclose()
    assert "uthorization" not in server.requests[0]


@pytest.mark.parametrize("url", ["http://", "nonsense", "/v2/", ""])
async def test_a_url_that_cannot_be_asked_is_a_permanent_fault(url):
    transport = Transport()
    with pytest.raises(TransportError) as caught:
        await transport.exchange(Request(url, 100))
    await transport.aclose()
    assert not caught.value.temporary
    assert caught.value.kind is FailureKind.CONFIG


async def test_a_refused_connection_is_named_as_such():
    transport = Transport()
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:1/v2/: Connection refused$") as caught:
        await transport.exchange(Request("http://127.0.0.1:1/v2/", 100))
    await transport.aclose()
    assert caught.value.temporary


async def test_a_broken_ca_bundle_is_a_permanent_fault():
    transport = Transport()
    request = Request("https://127.0.0.1:1/v2/", 100, tls=TlsSettings(ca_pem="broken"))
    with pytest.raises(TransportError) as caught:
        await transport.exchange(request)
    await transport.aclose()
    assert caught.value.kind is FailureKind.CONFIG


def test_texts_show_neither_user_nor_query():
    assert safe_url("https://u:secret@reg.test/v2/?token=secret") == "https://reg.test/v2/"
    request = Request("https://u:secret@reg.test/v2/?a=secret", 1, authorization="Basic secret")
    assert "secret" not in repr(request)
    assert URL(safe_url("https://reg.test/v2/")).host == "reg.test"


def test_a_context_is_made_once_for_equal_settings():
    assert tls_context(TlsSettings()) is tls_context(TlsSettings())
    assert tls_context(TlsSettings(insecure=True)).check_hostname is False


FORM = (("grant_type", "refresh_token"), ("refresh_token", "s3cret & more"))


async def test_a_form_is_sent_as_a_body_and_its_tokens_are_hidden_from_the_refusal():
    refusal = answer(b"no: s3cret & more", status="400 Bad Request")
    async with RawServer({"/token": refusal}) as server:
        transport = Transport()
        url = f"http://127.0.0.1:{server.port}/token"
        response = await transport.exchange(Request(url, 100, method="POST", form=FORM))
        await transport.aclose()
    assert response.body == b"no: [hidden]"
    assert "Content-Type: application/x-www-form-urlencoded" in server.requests[0]


async def test_a_form_goes_to_one_place_only():
    elsewhere = answer(status="307 Temporary Redirect", headers=("Location: /elsewhere",))
    async with RawServer({"/token": elsewhere}) as server:
        transport = Transport()
        url = f"http://127.0.0.1:{server.port}/token"
        request = Request(url, 100, method="POST", form=FORM)
        response = await follow_redirects(transport.exchange, request)
        await transport.aclose()
    assert response.status == 307
    assert len(server.requests) == 1
