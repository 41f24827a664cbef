"""A registry, Git over HTTPS, and behind the same address the API of a forge."""

import itertools

import pytest

from stages.requests import RequestStage
from stages.servers import git_server, registry

__all__ = ["git_server", "registry"]
_names = itertools.count()


@pytest.fixture
def make_stage(tmp_path, registry, git_server):
    """Return a maker of stages by the name of a forge; its server ends with the test."""
    opened = []

    def make(kind, **options):
        name = f"acme/rq{next(_names)}"
        stage = RequestStage(tmp_path, name, registry, git_server, kind=kind, **options)
        opened.append(stage)
        return stage

    yield make
    for stage in opened:
        stage.close()
