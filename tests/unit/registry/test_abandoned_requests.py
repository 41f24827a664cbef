"""A request to a registry that is given up leaves no connection behind, over real TLS."""

import asyncio
import contextlib
import gc
import warnings

import pytest
import trustme

from argocd_image_updater.registry.tls import TlsSettings
from argocd_image_updater.registry.transport import Deadlines, Request, Transport, TransportError
from servers.silent import SilentServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
REFUSAL = b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000\r\n\r\n" + bytes(70_000)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def request_to(server, authority, *, max_bytes=2000):
    roots = authority.cert_pem.bytes().decode("ascii")
    return Request(f"https://127.0.0.1:{server.port}/v2/", max_bytes, tls=TlsSettings(ca_pem=roots))


async def cancel(authority, said):
    """Return what is left of a request whose caller no longer waits."""
    async with SilentServer(authority, said=said).running() as server:
        transport = Transport()
        asking = asyncio.create_task(transport.exchange(request_to(server, authority)))
        await server.asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        left = server.open_clients()
        await transport.aclose()
        return left + server.open_clients()


async def read_in_part(authority, said, *, deadlines, max_bytes):
    """Return what is left of a request whose answer was not read to its end."""
    async with SilentServer(authority, said=said).running() as server:
        transport = Transport(deadlines=deadlines)
        with contextlib.suppress(TransportError):
            await transport.exchange(request_to(server, authority, max_bytes=max_bytes))
        left = server.open_clients()
        await transport.aclose()
        return left + server.open_clients()


def quietly(work):
    """Run to the end and return the result, which no resource warning may follow."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        result = asyncio.run(work)
        gc.collect()
    assert [str(item.message) for item in warned] == []
    return result


@pytest.mark.parametrize("said", [b"", HEAD + b"{"], ids=["before the head", "in the body"])
def test_a_request_that_is_cancelled_leaves_no_connection(authority, said):
    assert quietly(cancel(authority, said)) == []


@pytest.mark.parametrize("said", [b"", HEAD + b"{"], ids=["before the head", "in the body"])
def test_a_registry_that_falls_silent_leaves_no_connection(authority, said):
    hurried = Deadlines(silence_s=0.05)
    assert quietly(read_in_part(authority, said, deadlines=hurried, max_bytes=2000)) == []


@pytest.mark.parametrize("said", [HEAD + bytes(100), REFUSAL], ids=["too large", "a refusal"])
def test_an_answer_that_is_not_read_to_its_end_leaves_no_connection(authority, said):
    assert quietly(read_in_part(authority, said, deadlines=Deadlines(), max_bytes=10)) == []
