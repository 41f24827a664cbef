"""The Lease is taken and renewed however long other requests take."""

import asyncio
import contextlib

import pytest

from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.process import Controller
from argocd_image_updater.kube.shards.lease_record import LEASE_NAME
from clusters.samples import eventually

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")

LEASE = "coordination.k8s.io/v1/Lease"


class NoStop:
    def __init__(self):
        self.event = asyncio.Event()

    async def finish(self, work):
        return await work


async def test_the_lease_is_renewed_while_no_other_request_gets_through(api, namespace, tmp_path):
    options = ControllerOptions(
        state_dir=tmp_path / "state",
        kubeconfig=str(api.kubeconfig("admin")),
        watch_namespaces=(namespace,),
        argocd_namespace=namespace,
        lease_namespace=namespace,
        probe_address="0",
    )
    renewals = set()

    def is_renewed():
        lease = api.objects.find(LEASE, LEASE_NAME, namespace=namespace) or {}
        renewals.add(lease.get("spec", {}).get("renewTime"))
        return len(renewals - {None}) >= 3

    async with Controller(options, log=lambda _: None) as controller:
        client = controller._client
        async with contextlib.AsyncExitStack() as taken:
            for _ in range(client.limits.open_requests):  # as requests that are not answered do
                await taken.enter_async_context(client._slots)
            working = asyncio.create_task(controller.run(NoStop()))
            try:
                await eventually(is_renewed)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
