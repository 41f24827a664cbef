"""One cluster with Argo CD for all tests here, and one run of the program over all scenes.

The scenes are put up together and brought to their first state; then the program starts, looks at
them without changing anything, and new images are pushed. Each test waits for the end of one scene.
"""

import contextlib

import pytest

from clusters.argocd import ArgoCD
from clusters.controllers import ControllerManager
from clusters.shipped import (
    WATCHED_NAMESPACE,
    apply_install,
    kubeconfig_of_controller,
    remove_cluster_wide,
    render,
)  # fmt: skip
from e2e.cluster.scenes import ARGOCD, TEAM, UNRUN, all_scenes, wait_for_checks
from registries.distribution import DistributionRegistry
from servers.git_server import HttpsGitServer
from stages.cluster import ClusterStage

INTERVAL_S = 2
RESYNC_S = 5  # how often Argo CD looks at the repositories; a webhook would make it quicker


@pytest.fixture(scope="package")
def argocd(api, git_server):
    for name in (TEAM, UNRUN):
        api.objects.namespace(name)
    parts = ArgoCD(
        api,
        resync_s=RESYNC_S,
        namespaces=[TEAM],
        certificates={"localhost": git_server.ca_file.read_text()},
        sets=True,
    )
    with ControllerManager(api), parts:
        yield parts


@pytest.fixture(scope="package")
def git_server(tmp_path_factory):
    with HttpsGitServer(tmp_path_factory.mktemp("git"), password="gIt-pAss-4711") as running:
        yield running


@pytest.fixture(scope="package")
def stage(tmp_path_factory, api, argocd, git_server):
    folder = tmp_path_factory.mktemp("stage")
    with DistributionRegistry() as registry:
        yield ClusterStage(folder, api=api, registry=registry, git=git_server, argocd=argocd)


@pytest.fixture(scope="package")
def scenes(stage):
    """All scenes in their first state, as Argo CD tells."""
    scenes = all_scenes(stage)
    for scene in scenes.values():
        scene.prepare(stage)
    for scene in scenes.values():
        for name, images in scene.before.items():
            stage.wait_for_live(name, *images, namespace=scene.namespace)
    return scenes


@contextlib.contextmanager
def installed(api):
    """Install what is shipped, and give the kubeconfig of its account."""
    applied = apply_install(api, namespace=ARGOCD)
    for namespace in (TEAM, UNRUN):
        api.objects.apply(render(WATCHED_NAMESPACE, namespace=namespace))
    yield kubeconfig_of_controller(api, ARGOCD)
    remove_cluster_wide(api, applied)


@pytest.fixture(scope="package")
def program(stage, scenes):
    """The program, after it has looked at every scene once, and after the new images came."""
    for scene in scenes.values():
        stage.create(scene.updater)
    namespaces = f"--watch-namespaces={ARGOCD},{TEAM},{UNRUN}"
    with (
        installed(stage.api) as account,
        stage.program(f"--interval={INTERVAL_S}s", namespaces, kubeconfig=account) as program,
    ):
        wait_for_checks(stage, scenes.values())
        written = [name for name in scenes if scenes[name].files and len(stage.commits(name)) > 1]
        assert written == ["mutable"], "only the one tag without a digest has to be written yet"
        for scene in scenes.values():
            scene.push_new(stage)
        yield program
        assert program.stop() == 0
