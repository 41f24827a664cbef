"""Fixtures of everything that needs a cluster: one API server for each test process.

A plugin rather than functions to import, so that all folders share the one server. A test works in
a namespace of its own, and leaves nothing behind that a test which looks at the whole cluster would
stumble over.
"""

import contextlib
import itertools
import os

import pytest

from argocd_image_updater.kube.client import KubeClient, Limits
from argocd_image_updater.kube.config import load_access
from argocd_image_updater.kube.store import ClusterStore
from argocd_image_updater.net.timing import Backoff
from clusters.kube_api import KubeApiServer
from clusters.samples import RESOURCE_DEFINITION

# Who has no rights but those that a test gives: users with the group of each.
USERS = {"updater": ["updaters"], "reader": ["readers"]}
# Shorter than in production, so that a test sees several attempts; nothing else differs.
QUICK = Backoff(first_s=0.05, longest_s=0.2)

_numbers = itertools.count(1)


@contextlib.contextmanager
def running_api():
    """Start an API server with the kinds of Argo CD and ours."""
    with KubeApiServer(users=USERS, flags=["--enable-priority-and-fairness=true"]) as server:
        server.install_crds("application", "appproject", "applicationset")
        server.objects.apply(RESOURCE_DEFINITION)
        yield server


@pytest.fixture(scope="session")
def api():
    """The one that all tests of a process share."""
    with running_api() as server:
        yield server


@pytest.fixture
def namespace(api):
    """A namespace of this test alone."""
    return api.objects.namespace(f"t-{os.getpid()}-{next(_numbers)}")


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
