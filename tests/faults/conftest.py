"""One registry, behind a proxy that spoils answers, and one Git server for the session."""

import itertools

import pytest

from faults.http_proxy import FaultProxy
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer
from stages.standalone import Stage

_numbers = itertools.count(1)
GIT_PASSWORD = "gIt-pAss-0815"


@pytest.fixture(scope="session")
def registry():
    with DistributionRegistry() as running:
        yield running


@pytest.fixture(scope="session")
def git_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("git-server")
    with HttpsGitServer(folder, password=GIT_PASSWORD) as running:
        yield running


@pytest.fixture
def proxy(registry):
    with FaultProxy(registry) as running:
        yield running


@pytest.fixture
def make_stage(tmp_path, registry, git_server):
    """Make stages; each is a folder of its own."""

    def make(**options):
        name = f"f{next(_numbers)}"
        folder = tmp_path / name
        folder.mkdir()
        return Stage(folder, name, registry, git_server, **options)

    return make


@pytest.fixture
def stage(make_stage, proxy):
    """A stage whose registry is asked through the proxy."""
    return make_stage(api_url=proxy.base)
