"""Fixtures for stages: one registry and one Git server for the session."""

import pytest

from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer

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
