"""A request that is given up leaves no connection behind, with a real server over TLS."""

import asyncio
import gc
import ssl
import warnings

import pytest
import trustme

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.kube.access import Access, Cluster, User
from argocd_image_updater.kube.client import KubeClient
from argocd_image_updater.kube.kinds import SECRETS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


async def give_up(authority):
    """Ask a server that reads the request and then neither answers nor says farewell."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def keep_silent(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        asked.set()
        await over.wait()
        writer.transport.abort()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    cluster = Cluster(
        f"https://127.0.0.1:{port}", ca_pem=authority.cert_pem.bytes().decode("ascii")
    )
    client = KubeClient(Access(cluster, User(token="t"), "default", "the test"))
    asking = asyncio.create_task(client.get(SECRETS, ObjectKey("default", "s")))
    await asked.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await client.close()
    left = [item for item in gc.get_objects() if is_open_client(item, port)]
    over.set()
    server.close()
    await server.wait_closed()
    return left


def is_open_client(item, port):
    """Whether this is the client's end of a connection to the port, and not being closed."""
    if type(item).__name__ != "_SelectorSocketTransport" or item.is_closing():
        return False
    return (item.get_extra_info("peername") or ("", 0))[1] == port


def test_a_request_that_is_given_up_leaves_no_connection(authority):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        left = asyncio.run(give_up(authority))
        gc.collect()
    assert left == []
    assert [str(item.message) for item in warned] == []
