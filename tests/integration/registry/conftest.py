"""One registry of each kind for the session; each test uses a repository of its own."""

import pytest

from registries.distribution import DistributionRegistry
from registries.referrers import ReferrersRegistry


@pytest.fixture(scope="session")
def distribution():
    with DistributionRegistry() as registry:
        yield registry


@pytest.fixture(scope="session")
def referrers_registry():
    with ReferrersRegistry() as registry:
        yield registry


@pytest.fixture
def repository(request):
    """A repository name that no other test uses."""
    return "team/" + "".join(c for c in request.node.name.lower() if c.isalnum())[:100]
