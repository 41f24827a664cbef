"""One API server, registry and Git server; each test has a fleet of its own."""

import pytest

from e2e.replicas.fleet import Fleet
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer


@pytest.fixture(scope="package")
def git_server(tmp_path_factory):
    with HttpsGitServer(tmp_path_factory.mktemp("git"), password="gIt-pAss-4711") as running:
        yield running


@pytest.fixture(scope="package")
def registry():
    with DistributionRegistry() as running:
        yield running


@pytest.fixture
def make_fleet(tmp_path, api, registry, git_server):
    """Return a function that puts up a fleet without replicas."""

    def make(**options):
        return Fleet(tmp_path, api=api, registry=registry, git_server=git_server, **options)

    return make
