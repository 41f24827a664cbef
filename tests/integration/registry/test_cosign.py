"""What real cosign programs wrote, served by both registries and judged by the product.

The recordings are made by ``tests/registries/record_cosign.py``. What was written into CNCF
Distribution, which lists no referrers, is served by both: the tags go along when it is copied. What
was written into the registry that lists them has no tags, so only such a registry can serve it.
"""

import base64
import json
import time
from pathlib import Path

import pytest

from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import RepositoryKey, SignaturePolicy, VerificationQuestion
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.distribution import OCI_INDEX
from registries.signing import Signer

pytestmark = pytest.mark.lab("docker-registry", "referrers-registry")
SECRET = ObjectKey("argocd", "keys")
STRANGER = Signer.ecdsa().public_pem.decode()
PLACES = {"distribution": "distribution", "referrers": "referrers_registry"}
FOLDER = Path(__file__).parents[2] / "golden/cosign"


def recordings(*words):
    """Run a test for the scenes whose names have all of the words."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        for scene in json.loads(file.read_text())["scenes"]:
            name = scene["scene"]
            title = f"{file.stem.replace('.', '-')}-{scene['registry']}-{name}"
            if all(word in title for word in words):
                places = ["referrers"] if scene["registry"] == "referrers" else PLACES
                found += [pytest.param(place, scene, id=f"{place}-{title}") for place in places]
    assert found, f"nothing is recorded for {words}"
    return pytest.mark.parametrize(("place", "scene"), found)


class Served:
    """One recording in a repository of a registry."""

    def __init__(self, registry, repository, scene):
        self.scene = scene
        self.key = RepositoryKey(registry.host, repository)
        self._table = load_table(
            f"registries: [{{name: local, prefix: '{registry.host}', api_url: '{registry.url}'}}]"
        )
        for blob in scene["blobs"]:
            registry.push_blob(repository, base64.b64decode(blob))
        for manifest in scene["manifests"]:
            self._push(registry, repository, manifest)

    def _push(self, registry, repository, manifest):
        status, _, answer = registry.request(
            "PUT",
            f"/v2/{repository}/manifests/{manifest['reference']}",
            body=manifest["text"].encode(),
            headers={"Content-Type": manifest["media_type"]},
        )
        assert status == 201, answer

    async def verify(self, *keys, digest="", **policy):
        """Return the answer to whether the image is signed by one of the keys."""
        engine, network, store = self._engine()
        question = VerificationQuestion(
            self.key, "1.0", digest, SignaturePolicy(SECRET, "cosign.pub", **policy)
        )

        async def read_secret(_key):
            return {"cosign.pub": "".join(keys).encode()}

        asked = VerifiedRegistries(engine, read_secret=read_secret, proofs=Proofs())
        try:
            return (await asked.ask([question]))[question]
        finally:
            await network.aclose()
            store.close()

    def _engine(self):
        network, store = RegistryNetwork(), FactStore.in_memory()
        engine = RegistryEngine(
            network=network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=store,
            unix=time.time,
        )
        engine.begin_cycle(self._table)
        return engine, network, store


@pytest.fixture
def served(request, place, scene, repository):
    return Served(request.getfixturevalue(PLACES[place]), repository, scene)


@recordings()
async def test_who_signed_is_proven_and_nobody_else(served):
    scene = served.scene
    for name, key in scene["keys"].items():
        found = await served.verify(key)
        assert found.verified is (name in scene["signed"]), found
        assert found.digest == scene["digest"]
    assert not (await served.verify(STRANGER)).verified
    if scene["signed"]:
        assert (await served.verify(STRANGER, scene["keys"][scene["signed"][0]])).verified


@recordings("two-keys")
async def test_two_who_signed_one_after_the_other_are_both_found(served):
    keys = served.scene["keys"].values()
    assert (await served.verify(*keys, every_key=True)).verified
    assert not (await served.verify(*keys, STRANGER, every_key=True)).verified


async def check_annotations(served):
    """What is signed along is found, and what is not is missed."""
    (key,) = served.scene["keys"].values()
    assert (await served.verify(key, annotations=(("by", "ci"), ("env", "prod")))).verified
    found = await served.verify(key, annotations=(("env", "test"),))
    assert not found.verified
    assert "wanted annotation env" in found.message


@recordings("tag-annotations")
async def test_annotations_of_simple_signing_are_signed_along(served):
    await check_annotations(served)


@recordings("v3", "bundle-annotations")
async def test_annotations_of_bundles_are_signed_along(served):
    await check_annotations(served)


@recordings("v2", "bundle-annotations")
async def test_cosign_2_signs_no_annotations_along_in_bundles(served):
    """So they prove nothing about them; the signature itself is good."""
    (key,) = served.scene["keys"].values()
    assert (await served.verify(key)).verified
    found = await served.verify(key, annotations=(("env", "prod"),))
    assert not found.verified
    assert "wanted annotation env" in found.message


@recordings("index")
async def test_the_images_of_an_index_are_signed_only_where_cosign_was_told_to(served):
    """The updater asks for the index; that is what a tag has."""
    (key,) = served.scene["keys"].values()
    index = next(
        json.loads(item["text"])
        for item in served.scene["manifests"]
        if item["reference"] == "1.0" and item["media_type"] == OCI_INDEX
    )
    for entry in index["manifests"]:
        found = await served.verify(key, digest=entry["digest"])
        assert found.verified is ("recursive" in served.scene["scene"])


@recordings("bundle-attestation")
async def test_an_attestation_is_found_and_is_no_signature(served):
    found = await served.verify(served.scene["keys"][served.scene["attested"]])
    assert not found.verified
    assert "not a signature" in found.message
