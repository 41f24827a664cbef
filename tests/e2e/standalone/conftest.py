"""One registry and one Git server for the session; every test has a stage of its own."""

import itertools

import pytest

from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer
from stages.standalone import Stage

_numbers = itertools.count(1)
GIT_PASSWORD = "gIt-pAss-4711"


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
def stage(tmp_path, registry, git_server):
    return Stage(tmp_path, f"s{next(_numbers)}", registry, git_server)
