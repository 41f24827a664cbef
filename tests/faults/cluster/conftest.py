"""One API server, registry and Git server with their fronts; each test has scenes of its own."""

import pytest

from faults.cluster.front import Front
from faults.cluster.scene import Place
from faults.http_proxy import FaultProxy


@pytest.fixture(scope="package")
def front(api):
    with Front(api) as running:
        yield running


@pytest.fixture(scope="package")
def place(tmp_path_factory, api, front, registry, git_server):
    folder = tmp_path_factory.mktemp("faults")
    with FaultProxy(registry) as gate:
        yield Place(folder, api=api, front=front, registry=registry, gate=gate, git=git_server)
