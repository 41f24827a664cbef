"""The controller verifies images with the key of a Secret in the cluster, before it writes."""

import asyncio
import base64

import pytest

from argocd_image_updater.controller.cluster.options import ControllerOptions
from argocd_image_updater.controller.cluster.process import run_controller
from clusters.samples import APPLICATION, RESOURCE, an_application, an_image_updater
from registries.distribution import DistributionRegistry
from registries.signing import Signer, push_simple

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd", "docker-registry")
OURS, THEIRS = Signer.ecdsa(), Signer.ed25519()


class NoStop:
    def __init__(self):
        self.event = asyncio.Event()

    async def finish(self, work):
        return await work


@pytest.fixture(scope="module")
def registry():
    with DistributionRegistry() as running:
        yield running


@pytest.fixture
def run_once(api, namespace, tmp_path, registry):
    """Return a function that runs one pass and returns the decision on the one image."""
    file = tmp_path / "registries.conf"
    file.write_text(
        f"registries: [{{name: local, prefix: '{registry.host}', api_url: '{registry.url}'}}]\n"
    )

    async def run():
        options = ControllerOptions(
            state_dir=tmp_path / "state",
            once=True,
            kubeconfig=str(api.kubeconfig("admin")),
            watch_namespaces=(namespace,),
            argocd_namespace=namespace,
            registries_conf_path=str(file),
            leader_election=False,
            probe_address="0",
        )
        report = await run_controller(options, stop=NoStop(), log=lambda _: None)
        (decision,) = report.decisions
        return decision

    return run


def a_secret(namespace, key):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cosign", "namespace": namespace},
        "data": {"cosign.pub": base64.b64encode(key).decode()},
    }


async def test_only_a_signed_image_is_written_and_the_status_tells_why_not(
    api, namespace, registry, run_once
):
    repository = f"{namespace}/web"
    image = f"{registry.host}/{repository}"
    digest = registry.push_tags(repository, ["1.0.0", "1.1.0"], labels={"of": namespace})
    push_simple(registry, repository, digest, THEIRS)
    updater = an_image_updater("updater", namespace, image=f"{image}:1.x")
    updater["spec"]["imagesVerification"] = {
        "cosignKey": {"secretName": "cosign", "key": "cosign.pub"}
    }
    api.objects.create(a_secret(namespace, OURS.public_pem))
    api.objects.create(updater)
    api.objects.create(an_application("shop", namespace, images=[f"{image}:1.0.0"]))

    refused = await run_once()
    assert refused.reason == "VerificationFailed"
    assert (
        "kustomize"
        not in api.objects.get(APPLICATION, "shop", namespace=namespace)["spec"]["source"]
    )
    status = api.objects.get(RESOURCE, "updater", namespace=namespace)["status"]
    assert any("1.1.0 is not verified" in one["message"] for one in status["conditions"])

    push_simple(registry, repository, digest, THEIRS, OURS)
    assert (await run_once()).reason == "Updated"
    written = api.objects.get(APPLICATION, "shop", namespace=namespace)["spec"]["source"]
    assert written["kustomize"]["images"] == [f"{image}:1.1.0"]
