"""What the status says of a cycle that could not be run at all."""

import pytest

from argocd_image_updater.controller.cluster.statuses import Statuses
from argocd_image_updater.controller.cluster.turns import Always
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube.shards.leases import LeaseLost
from argocd_image_updater.kube.status import StatusWriter
from clusters.samples import RESOURCE, an_image_updater

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")


@pytest.fixture
async def statuses(api, connect, run_store, namespace):
    api.objects.create(an_image_updater("a", namespace))
    client = await connect()
    store, _ = await run_store(client, namespace)
    return Statuses(store=store, writer=StatusWriter(client), turns=Always())


def conditions(api, namespace):
    status = api.objects.get(RESOURCE, "a", namespace=namespace).get("status", {})
    return {item["type"]: item for item in status.get("conditions", ())}


async def test_a_cycle_that_failed_is_told_and_no_longer_running(api, namespace, statuses):
    due = [ObjectKey(namespace, "a")]
    await statuses.working(due)
    assert conditions(api, namespace)["Reconciling"]["status"] == "True"

    await statuses.failed(RemoteError("no space left on device"), due)

    found = conditions(api, namespace)
    assert {name: item["status"] for name, item in found.items()} == {
        "Reconciling": "False",
        "Error": "True",
        "Ready": "False",
    }
    assert found["Error"]["message"] == "no space left on device"


async def test_who_lost_the_right_to_work_writes_no_status(api, namespace, statuses):
    await statuses.failed(LeaseLost("somebody else has it"), [ObjectKey(namespace, "a")])

    assert not conditions(api, namespace)
