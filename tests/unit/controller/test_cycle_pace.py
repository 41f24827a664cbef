"""The event loop has its turn while a cycle computes: Leases are renewed, probes answered."""

import asyncio
import threading

from argocd_image_updater.controller import cycle
from argocd_image_updater.controller.cycle import CycleSettings, Services, run_cycle
from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.resolution import Context, Resolution
from argocd_image_updater.core.resource import decode_resource
from argocd_image_updater.core.snapshot import Snapshot
from argocd_image_updater.writers.result import WriteReport

LIMIT_S = 10.0
RESOURCE = {
    "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
    "kind": "ImageUpdater",
    "metadata": {"name": "updater", "namespace": "team"},
    "spec": {
        "applicationRefs": [{"namePattern": "*", "images": [{"alias": "a", "imageName": "b"}]}]
    },
}


class Nobody:
    async def ask(self, *_, **__):
        return {}


async def write_nothing(_plans, **_):
    return WriteReport()


async def test_resources_are_resolved_beside_the_event_loop(monkeypatch):
    resource, _, _ = decode_resource(RESOURCE, origin=Origin())
    loop_ran = threading.Event()
    seen = []

    def resolve_slowly(resource, _applications, *, context):
        assert isinstance(context, Context)
        seen.append(loop_ran.wait(LIMIT_S))
        return Resolution(resource)

    monkeypatch.setattr(cycle, "resolve", resolve_slowly)
    asyncio.get_running_loop().call_soon(loop_ran.set)

    await run_cycle(
        Snapshot(resources=(resource,)),
        context=Context(),
        policy=Policy("linux/amd64", lambda *_: None),
        services=Services(
            registries=Nobody(),
            repositories=Nobody(),
            git=Nobody(),
            write_requests=write_nothing,
            write_applications=write_nothing,
        ),
        settings=CycleSettings(),
    )

    assert seen == [True]
