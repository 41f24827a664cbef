"""A cluster whose Argo CD looks at repositories every ten minutes: no test sees that happen."""

import pytest

from clusters.argocd import ArgoCD
from clusters.controllers import ControllerManager
from clusters.fixtures import running_api
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer
from stages.cluster import ClusterStage

RESYNC_S = 600


@pytest.fixture(scope="package")
def api():
    """A server of its own: two Argo CDs cannot follow the same namespace."""
    with running_api() as server:
        yield server


@pytest.fixture(scope="package")
def stage(tmp_path_factory, api):
    folder = tmp_path_factory.mktemp("refresh")
    with (
        HttpsGitServer(tmp_path_factory.mktemp("git"), password="gIt-pAss-4711") as git,
        DistributionRegistry() as registry,
        ControllerManager(api),
        ArgoCD(
            api, resync_s=RESYNC_S, certificates={"localhost": git.ca_file.read_text()}
        ) as argocd,
    ):
        yield ClusterStage(folder, api=api, registry=registry, git=git, argocd=argocd)
