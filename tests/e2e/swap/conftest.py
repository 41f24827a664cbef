"""A cluster in which the program takes the place of another; a server of its own.

The definition of the resource and the cluster-wide roles differ from test to test here, which the
tests that share a server with others could not stand.
"""

import pytest

from clusters.kube_api import KubeApiServer
from e2e.swap.installation import NAMESPACE, Installation
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer


@pytest.fixture(scope="package")
def server():
    with KubeApiServer() as api:
        api.install_crds("application")
        api.objects.namespace(NAMESPACE)
        yield api


@pytest.fixture(scope="package")
def images():
    """A registry with one image of some versions."""
    with DistributionRegistry() as registry:
        registry.push_tags("team/web", ["1.0.0", "1.1.0", "1.2.0", "2.0.0"])
        registry.push_tags("team/api", ["1.0.0", "1.1.0"])
        yield registry


@pytest.fixture(scope="package")
def git(tmp_path_factory):
    with HttpsGitServer(tmp_path_factory.mktemp("git"), password="gIt-pAss-4711") as running:
        yield running


@pytest.fixture(scope="module")
def installation(tmp_path_factory, server, images, git):
    """What users and earlier installations have, without the program."""
    return Installation(tmp_path_factory.mktemp("installation"), server, registry=images, git=git)
