"""A request that is given up leaves no connection behind, with a real server over TLS."""

import asyncio
import gc
import warnings

import pytest
import trustme

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.kube.access import Access, Cluster, User
from argocd_image_updater.kube.client import KubeClient
from argocd_image_updater.kube.kinds import SECRETS
from servers.silent import SilentServer

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


async def give_up(authority, said):
    """Return what is left when the client was ended in the middle of a request."""
    async with SilentServer(authority, said=said).running() as server:
        cluster = Cluster(
            f"https://127.0.0.1:{server.port}", ca_pem=authority.cert_pem.bytes().decode("ascii")
        )
        client = KubeClient(Access(cluster, User(token="t"), "default", "the test"))
        asking = asyncio.create_task(client.get(SECRETS, ObjectKey("default", "s")))
        await server.asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await client.close()
        return server.open_clients()


@pytest.mark.parametrize("said", [b"", BEGUN])
def test_a_request_that_is_given_up_leaves_no_connection(authority, said):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        left = asyncio.run(give_up(authority, said))
        gc.collect()
    assert left == []
    assert [str(item.message) for item in warned] == []
