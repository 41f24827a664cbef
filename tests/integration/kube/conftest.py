"""The client and the store on a real API server: collected only with ``LAB_CLUSTER=1``.

Get the parts with ``make lab-cluster``, then run
``LAB_CLUSTER=1 make test ARGS=tests/integration/kube``.
"""

import contextlib
import os

import pytest

from argocd_image_updater.kube.client import KubeClient, Limits
from argocd_image_updater.kube.config import load_access
from argocd_image_updater.kube.store import ClusterStore
from argocd_image_updater.kube.timing import Backoff
from clusters.kube_api import KubeApiServer
from clusters.samples import RESOURCE_DEFINITION

collect_ignore_glob = [] if os.environ.get("LAB_CLUSTER") else ["test_*.py"]

USER = "updater"
# Shorter than in production, so that a test sees several attempts; nothing else differs.
QUICK = Backoff(first_s=0.05, longest_s=0.2)


@pytest.fixture(scope="session")
def api():
    flags = ["--enable-priority-and-fairness=true"]
    with KubeApiServer(users={USER: ["updaters"]}, flags=flags) as server:
        server.install_crds("application")
        server.objects.apply(RESOURCE_DEFINITION)
        yield server


@pytest.fixture
def namespace(api, request):
    """A namespace of this test alone."""
    return api.objects.namespace(f"t-{abs(hash(request.node.nodeid)) % 10**10}")


@pytest.fixture
async def connect(api):
    """Return a function that makes a client from a kubeconfig; they are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(user="admin", *, kubeconfig=None, limits=None, environment=None):
            file = kubeconfig or api.kubeconfig(user)
            access = await load_access(environment or {}, kubeconfig=str(file))
            client = KubeClient(access, limits=limits or Limits(), backoff=QUICK)
            stack.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture
async def run_store():
    """Return a function that starts a store and waits until it is ready."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(client, *namespaces, ready_s=30):
            store = ClusterStore(client, namespaces=namespaces, backoff=QUICK)
            await stack.enter_async_context(store)
            return store, await store.wait_ready(ready_s)

        yield start
