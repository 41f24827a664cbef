"""One registry and one Git server for the session; every test has a stage of its own."""

import itertools

import pytest

from stages.servers import git_server, registry
from stages.standalone import Stage

__all__ = ["git_server", "registry"]  # fixtures of the tests beside this file

_numbers = itertools.count(1)


@pytest.fixture
def stage(tmp_path, registry, git_server):
    return Stage(tmp_path, f"s{next(_numbers)}", registry, git_server)
