"""One registry, behind a proxy that spoils answers, and one Git server for the session."""

import itertools

import pytest

from faults.http_proxy import FaultProxy
from stages.servers import git_server, registry
from stages.standalone import Stage

__all__ = ["git_server", "registry"]  # fixtures of the tests beside this file

_numbers = itertools.count(1)


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
