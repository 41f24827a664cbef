"""One pass over what can be read, and what it says where something cannot."""

import asyncio

import pytest

from argocd_image_updater.cli.controller import exit_code_of_pass
from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.process import run_controller

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")


class NoStop:
    def __init__(self):
        self.event = asyncio.Event()

    async def finish(self, work):
        return await work


@pytest.fixture
def run_once(api, namespace, tmp_path):
    """Return a function that runs one pass as a user and returns the exit code."""

    async def run(user):
        options = ControllerOptions(
            state_dir=tmp_path / "state",
            once=True,
            kubeconfig=str(api.kubeconfig(user)),
            watch_namespaces=(namespace,),
            argocd_namespace=namespace,
            leader_election=False,
            probe_address="0",
        )
        report = await run_controller(options, stop=NoStop(), log=lambda _: None)
        return exit_code_of_pass(report, fail_on_image_errors=False)

    return run


async def test_a_pass_over_nothing_is_a_success(run_once):
    assert await run_once("admin") == 0


async def test_a_pass_that_could_not_see_the_resources_is_none(run_once):
    assert await run_once("reader") == 1
