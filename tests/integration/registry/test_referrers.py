"""Signatures that a registry lists as referring to an image: bundles, and simple signing."""

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.registry.signatures import search_signatures
from argocd_image_updater.verify.keys import KeySigners, read_keys
from argocd_image_updater.verify.proof import Proof
from registries.distribution import OCI_MANIFEST
from registries.identities import OneClient
from registries.signing import (
    BUNDLE,
    Signer,
    artifact,
    bundle,
    push_simple,
    simple_layer,
    simple_payload,
    statement,
)

pytestmark = pytest.mark.lab("referrers-registry")
OURS, THEIRS = Signer.ecdsa(), Signer.rsa()
SIMPLE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


class Scene:
    """One image in one repository, with what refers to it."""

    def __init__(self, registry, repository):
        self.registry = registry
        self.repository = repository
        self.digest = registry.push_image(repository, "1.0")

    def refer(self, *layers, kind=BUNDLE, **more):
        """Push an artifact that refers to the image; return its digest."""
        subject = {"mediaType": OCI_MANIFEST, "digest": self.digest, "size": 1}
        more |= {"artifactType": kind} if kind else {}
        manifest = artifact(self.registry, self.repository, layers, subject=subject, **more)
        return self.registry.push_manifest(self.repository, None, manifest, OCI_MANIFEST)

    def sign(self, *signers, digest=""):
        return self.refer((BUNDLE, bundle(statement(digest or self.digest), *signers), None))

    async def verify(self, key=OURS):
        """Return the proof, and the failures that were met."""
        proof, failures = Proof(self.digest, KeySigners(read_keys(key.public_pem))), []

        async def consider(found):
            if hasattr(found, "kind"):
                failures.append(found)
            else:
                proof.consider(found)
            return proof.is_complete

        async with OneClient(self.registry.url, self.repository) as client:
            await search_signatures(client, self.digest, consider)
        return proof, failures


@pytest.fixture
def scene(referrers_registry, repository):
    return Scene(referrers_registry, repository)


async def test_a_bundle_that_refers_to_the_image_proves_it(scene):
    scene.sign(OURS)
    proof, failures = await scene.verify()
    assert proof.is_complete
    assert not failures


async def test_simple_signing_that_refers_to_the_image_proves_it(scene):
    scene.refer(simple_layer(simple_payload(scene.digest), OURS), kind=SIMPLE_ARTIFACT)
    assert (await scene.verify())[0].is_complete


async def test_an_artifact_that_names_no_type_is_looked_into(scene):
    scene.refer((BUNDLE, bundle(statement(scene.digest), OURS), None), kind="")
    assert (await scene.verify())[0].is_complete


async def test_a_bundle_in_a_second_layer_and_a_second_bundle_count(scene):
    layer = (BUNDLE, bundle(statement(scene.digest), OURS), None)
    scene.refer(("text/plain", b"readme", None), layer)
    assert (await scene.verify())[0].is_complete
    scene.sign(THEIRS)
    assert (await scene.verify(THEIRS))[0].is_complete


async def test_another_key_and_another_image_do_not_count(scene):
    scene.sign(THEIRS)
    scene.sign(OURS, digest="sha256:" + "f" * 64)
    proof, _ = await scene.verify()
    assert not proof.is_complete
    assert "another key" in proof.explain()
    assert "another image" in proof.explain()


async def test_what_is_of_another_kind_is_not_read(scene):
    layer = (BUNDLE, bundle(statement(scene.digest), OURS), None)
    scene.refer(layer, kind="application/spdx+json", config_type="application/spdx+json")
    assert (await scene.verify())[0].explain() == "no signature was found"


async def test_a_foreign_signature_there_hides_none_under_the_tag_of_cosign(scene):
    scene.sign(THEIRS)
    push_simple(scene.registry, scene.repository, scene.digest, OURS)
    assert (await scene.verify())[0].is_complete


async def test_an_image_without_any_signature_is_not_proven_and_nothing_failed(scene):
    proof, failures = await scene.verify()
    assert proof.explain() == "no signature was found"
    assert not [one for one in failures if one.kind is not FailureKind.NOT_FOUND]
