"""The servers over real connections: probes, metrics, and clients that behave badly.

Who may read metrics is asked of a real API server in ../kube/test_metrics_access.py.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl

import aiohttp
import pytest
from aiohttp import web

from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.serving import serves_metrics, serving
from argocd_image_updater.controller.metrics import Metrics
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.web.addresses import BindAddress
from argocd_image_updater.web.connections import Patience
from argocd_image_updater.web.readiness import Readiness
from argocd_image_updater.web.server import WebLimits, WebServer, plain

LOOPBACK = BindAddress("127.0.0.1", 0)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
async def serve(tmp_path):
    """Return a function that serves what flags say; everything ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*, readiness=None, metrics=None, **flags):
            options = ControllerOptions(
                state_dir=tmp_path,
                **{"probe_address": "0", "metrics_secure": False, **flags},
            )
            return await stack.enter_async_context(
                serving(
                    options,
                    readiness=readiness or Readiness(),
                    metrics=metrics or Metrics(),
                    client=None,
                    hostname="pod-7",
                )
            )

        yield start


@pytest.fixture
async def open_server():
    """Return a function that starts a server of one handler."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler, *, limits=None):
            server = WebServer(LOOPBACK, flag="test", routes=[web.get("/", handler)], limits=limits)
            return await stack.enter_async_context(server)

        yield start


async def get(http, server, path, *, scheme="http", **options):
    url = f"{scheme}://127.0.0.1:{server.port}{path}"
    async with http.get(url, **options) as answer:
        return answer, await answer.read()


async def talk(server, sent=b""):
    """Send bytes and return everything until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def ok(_request):
    return plain("ok")


async def test_the_probes_follow_the_state_of_the_replica(serve, http):
    readiness = Readiness()
    (server,) = await serve(probe_address="127.0.0.1:0", readiness=readiness)
    assert (await get(http, server, "/readyz"))[1] == b"ok"
    readiness.leads = True
    answer, body = await get(http, server, "/readyz")
    assert answer.status == 500
    assert b"[-]warmup-check failed: reason withheld\n" in body
    answer, body = await get(http, server, "/readyz/warmup-check")
    assert (answer.status, body) == (
        500,
        b"internal server error: the first pass over all ImageUpdaters is not over\n",
    )
    assert (await get(http, server, "/readyz?exclude=warmup-check"))[1] == b"ok"
    assert (await get(http, server, "/healthz/"))[1] == b"ok"
    readiness.is_warm = True
    answer, body = await get(http, server, "/readyz?verbose")
    assert answer.status == 200
    assert body.endswith(b"healthz check passed\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz/none", "/healthz/a/b", "/readyzz"])
async def test_other_paths_are_not_found(serve, http, path):
    (server,) = await serve(probe_address="127.0.0.1:0")
    assert (await get(http, server, path))[0].status == 404


async def test_a_probe_takes_no_other_method(serve, http):
    (server,) = await serve(probe_address="127.0.0.1:0")
    url = f"http://127.0.0.1:{server.port}/healthz"
    async with http.post(url) as answer:
        assert answer.status == 405
    async with http.head(url) as answer:
        assert answer.status == 200


async def test_no_address_means_no_server(serve, tmp_path):
    assert await serve(probe_address="0", metrics_address="0") == ()
    assert await serve(probe_address="127.0.0.1:0", once=True) == ()
    assert not serves_metrics(ControllerOptions(state_dir=tmp_path))


async def test_a_port_in_use_names_flag_and_address(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match="another program listens there") as refusal:
            await serve(probe_address="127.0.0.1:0", metrics_address=address)
    assert f"--metrics-bind-address {address}" in str(refusal.value)


async def test_an_address_of_another_machine_is_refused(serve):
    with pytest.raises(ConfigError, match=r"--health-probe-bind-address 192\.0\.2\.1:8081"):
        await serve(probe_address="192.0.2.1:8081")


async def test_every_address_means_both_protocols(serve, http):
    (server,) = await serve(probe_address=":0")
    hosts = ["127.0.0.1", *(["[::1]"] if socket.has_dualstack_ipv6() else [])]
    for host in hosts:
        async with http.get(f"http://{host}:{server.port}/healthz") as answer:
            assert answer.status == 200


async def test_a_machine_whose_ipv6_is_switched_off_is_reached_by_ipv4(serve, http, monkeypatch):
    real = socket.create_server

    def create(address, **options):
        if options.get("family") is socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return real(address, **options)

    monkeypatch.setattr(socket, "create_server", create)
    (server,) = await serve(probe_address=":0")
    assert (await get(http, server, "/healthz"))[0].status == 200


async def test_metrics_are_served_plain_where_that_is_asked_for(serve, http):
    (server,) = await serve(metrics_address="127.0.0.1:0")
    answer, body = await get(http, server, "/metrics", headers={"Accept-Encoding": "identity"})
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\nprocess_resident_memory_bytes " in body
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False)],
)
async def test_metrics_are_compressed_for_who_can_unpack_them(serve, http, accepted, is_packed):
    (server,) = await serve(metrics_address="127.0.0.1:0")
    answer, body = await get(http, server, "/metrics", headers={"Accept-Encoding": accepted})
    assert (answer.headers.get("Content-Encoding") == "gzip") is is_packed
    text = gzip.decompress(body) if is_packed else body
    assert b"argocd_image_updater_build_info" in text


async def test_scrapes_at_the_same_time_are_all_answered(serve, http):
    (server,) = await serve(metrics_address="127.0.0.1:0")
    answers = await asyncio.gather(*(get(http, server, "/metrics") for _ in range(20)))
    assert {answer.status for answer, _ in answers} == {200}


async def test_secure_metrics_want_tls_and_a_token(serve, http):
    (server,) = await serve(metrics_address="127.0.0.1:0", metrics_secure=True)
    answer, body = await get(http, server, "/metrics", scheme="https", ssl=False)
    assert (answer.status, body) == (401, b"Unauthorized\n")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    with pytest.raises(aiohttp.ClientError):
        await get(http, server, "/metrics")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientError):
        await get(http, server, "/metrics", scheme="https", ssl=old)


async def test_the_server_says_nothing_about_its_parts(open_server, http):
    server = await open_server(ok)
    answer, _ = await get(http, server, "/")
    assert answer.headers["Server"] == "argocd-image-updater"


async def test_a_fault_of_a_handler_is_logged_and_not_told(open_server, http, caplog):
    async def broken(_request):
        raise ValueError("a secret")

    server = await open_server(broken)
    answer, body = await get(http, server, "/")
    assert (answer.status, body) == (500, b"internal error\n")
    assert "internal error at" in caplog.text
    assert "a secret" not in caplog.text


async def test_an_answer_that_takes_too_long_ends_as_503(open_server, http):
    async def never(_request):
        await asyncio.Event().wait()

    server = await open_server(never, limits=WebLimits(answer_s=0.01))
    assert (await get(http, server, "/"))[0].status == 503


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(1000)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_what_is_no_bounded_request_is_refused_and_the_server_lives(open_server, http, sent):
    server = await open_server(ok)
    assert b"HTTP/1.1 200" not in await talk(server, sent)
    assert (await get(http, server, "/"))[0].status == 200


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"])
async def test_who_sends_no_request_in_time_is_cut_off(open_server, sent):
    server = await open_server(ok, limits=WebLimits(patience=Patience(request_s=0.05)))
    assert await talk(server, sent) == b""


async def test_a_connection_that_is_not_used_again_is_cut_off(open_server):
    server = await open_server(ok, limits=WebLimits(patience=Patience(idle_s=0.05)))
    assert (await talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"ok")


async def test_a_second_request_that_stays_half_is_cut_off(open_server):
    patience = Patience(request_s=0.05, idle_s=60)
    server = await open_server(ok, limits=WebLimits(patience=patience))
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    await reader.readuntil(b"ok")
    writer.write(request[:10])
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_idle_connections_do_not_lock_out_a_probe(open_server, http):
    server = await open_server(ok, limits=WebLimits(patience=Patience(connections=3)))
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
    assert (await get(http, server, "/"))[0].status == 200
    with contextlib.suppress(ConnectionResetError):
        assert await idle[0][0].read() == b""
    for _, writer in idle:
        writer.close()


async def test_connections_that_work_are_not_ended_for_new_ones(open_server, http):
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_request):
        begun.release()
        await go_on.wait()
        return plain("ok")

    server = await open_server(slow, limits=WebLimits(patience=Patience(connections=2)))
    working = [asyncio.create_task(get(http, server, "/")) for _ in range(2)]
    for _ in working:
        await begun.acquire()
    assert await talk(server) == b""
    go_on.set()
    assert {answer.status for answer, _ in await asyncio.gather(*working)} == {200}


async def test_an_answer_on_its_way_is_given_before_the_end(http):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        begun.set()
        await go_on.wait()
        return plain("ok")

    async with WebServer(LOOPBACK, flag="test", routes=[web.get("/", slow)]) as server:
        asking = asyncio.create_task(get(http, server, "/"))
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    assert (await asking)[1] == b"ok"


async def test_the_end_does_not_wait_for_ever(http):
    begun = asyncio.Event()

    async def never(_request):
        begun.set()
        await asyncio.Event().wait()

    routes, limits = [web.get("/", never)], WebLimits(end_s=0.05)
    async with WebServer(LOOPBACK, flag="test", routes=routes, limits=limits) as server:
        asking = asyncio.create_task(get(http, server, "/"))
        await begun.wait()
    with pytest.raises(aiohttp.ClientError):
        await asking
