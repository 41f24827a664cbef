"""The way to a registry: proxies, names and connections, without a registry."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.registry import probing
from argocd_image_updater.registry.api import parse_api
from argocd_image_updater.registry.endpoint import Endpoint, EndpointExtras
from argocd_image_updater.registry.probing import Fault, FaultKind, Hop, resolve, way_to

THROUGH = ProxyRules(https="http://me:s%40cret@proxy.test:3128", exceptions=("inside.test",))


def api(url="https://registry.test", **extras):
    return parse_api(Endpoint("r", "r", url, extras=EndpointExtras(**extras)))


def test_the_proxy_of_the_environment_is_on_the_way_with_its_login():
    way = way_to(api(), THROUGH)
    assert way.proxy == Hop("proxy.test", 3128, login="Basic bWU6c0BjcmV0")
    assert way.first == ("proxy.test", 3128)
    assert "bWU6" not in repr(way)
    assert way_to(api("https://inside.test"), THROUGH).proxy is None


def test_the_proxy_of_the_registry_beats_that_of_the_environment():
    assert way_to(api(proxy="https://own.test"), THROUGH).proxy == Hop(
        "own.test", 443, encrypted=True
    )
    assert way_to(api(proxy="direct"), THROUGH).proxy is None


@pytest.mark.parametrize("url", ["socks5://proxy.test", "http://", "http://proxy.test:port"])
def test_a_proxy_that_cannot_be_one_is_a_fault_without_its_url(url):
    fault = way_to(api(), ProxyRules(https=url))
    assert (fault.kind, url in fault.text) == (FaultKind.PROXY, False)


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "[fe80::1]"])
def test_forbidden_hosts_have_no_way(host):
    assert way_to(api(f"https://{host}"), DIRECT).kind is FaultKind.FORBIDDEN
    assert not isinstance(way_to(api(f"https://{host}", allow_link_local=True), DIRECT), Fault)


async def test_a_name_that_leads_to_a_forbidden_address_is_not_asked(monkeypatch):
    async def answer(_host, _port):
        return ["169.254.169.254"]

    monkeypatch.setattr(probing, "_addresses", answer)
    fault = await resolve(way_to(api(), DIRECT))
    assert fault.kind is FaultKind.FORBIDDEN
    assert await resolve(way_to(api(), THROUGH)) == ("169.254.169.254",)  # of the proxy


async def test_names_that_do_not_exist_or_cannot_are_faults():
    for host in ("registry.invalid", "a" * 64 + ".test"):
        assert (await resolve(way_to(api(f"https://{host}"), DIRECT))).kind is FaultKind.NAME


async def test_a_name_without_an_answer_ends_in_time(monkeypatch):
    async def answer(_host, _port):
        await asyncio.Event().wait()

    monkeypatch.setattr(probing, "_addresses", answer)
    monkeypatch.setattr(probing, "STEP_S", 0.01)
    fault = await resolve(way_to(api(), DIRECT))
    assert (fault.kind, "no answer" in fault.text) == (FaultKind.NAME, True)


@pytest.fixture
async def server():
    """Return a function that starts a server with an answer to everything."""
    async with AsyncExitStack() as stack:

        async def start(answer):
            async def serve(reader, writer):
                await reader.read(1)
                writer.write(answer)
                await writer.drain()
                writer.close()

            running = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.push_async_callback(running.wait_closed)
            stack.callback(running.close)
            return running.sockets[0].getsockname()[1]

        yield start


async def test_the_next_address_is_tried_where_one_does_not_answer(server):
    port = await server(b"")
    way = way_to(api(f"http://127.0.0.1:{port}"), DIRECT)
    assert await probing.connect(way, ("127.0.0.2", "127.0.0.1")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 407 Login\r\n\r\n", FaultKind.PROXY_LOGIN, "407 Login"),
        (b"HTTP/1.1 403 No\r\n\r\n", FaultKind.PROXY, "403 No"),
        (b"x" * 100_000, FaultKind.PROXY, "endless"),
        (b"", FaultKind.CONNECTION, "ended the connection"),
    ],
)
async def test_a_proxy_that_does_not_lead_on_is_told_by_its_answer(server, answer, kind, words):
    port = await server(answer)
    way = way_to(api(proxy=f"http://127.0.0.1:{port}"), DIRECT)
    fault = await probing.connect(way, ("127.0.0.1",))
    assert (fault.kind, words in fault.text) == (kind, True)


async def test_a_server_that_ends_the_handshake_is_no_bad_certificate(server):
    port = await server(b"")
    way = way_to(api(f"https://127.0.0.1:{port}"), DIRECT)
    assert (await probing.shake_hands(way, "127.0.0.1")).kind is FaultKind.NO_TLS


async def test_silence_in_the_handshake_ends_in_time(monkeypatch):
    monkeypatch.setattr(probing, "STEP_S", 0.05)
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        way = way_to(api(f"https://127.0.0.1:{port}"), DIRECT)
        fault = await probing.shake_hands(way, "127.0.0.1")
        await gone.wait()
    assert fault.kind is FaultKind.NO_TLS
