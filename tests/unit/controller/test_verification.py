"""Whether "not signed" may be said: only when everything there is could be read."""

import json

import pytest

from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    RepositoryKey,
    SignaturePolicy,
    VerificationFact,
    VerificationQuestion,
)
from registries.identities import OneClient
from registries.scripted import ScriptedRegistry
from registries.signing import Signer, sha256, signature_tag, simple_layer, simple_payload

KEY = Signer.ecdsa()
DIGEST = "sha256:" + "a" * 64
REPOSITORY = RepositoryKey("registry.test", "team/app")
REFERRERS = f"/v2/team/app/referrers/{DIGEST}"
TAG = f"/v2/team/app/manifests/{signature_tag(DIGEST)}"
QUESTION = VerificationQuestion(
    REPOSITORY, "1.0", DIGEST, SignaturePolicy(ObjectKey("argocd", "keys"), "cosign.pub")
)


class OneRegistry:
    """The part of an engine that is asked."""

    def __init__(self, client):
        self._client = client

    def client(self, repository):
        assert repository == REPOSITORY
        if self._client is None:
            raise RuntimeError("what nobody foresaw")
        return self._client

    async def ask(self, questions, **_):
        assert not questions
        return {}


async def read_secret(_key):
    return {"cosign.pub": KEY.public_pem}


async def verify(routes):
    async with (
        ScriptedRegistry({"/v2/": [{"status": 200}], **routes}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        return await ask(client)


async def ask(client):
    asked = VerifiedRegistries(OneRegistry(client), read_secret=read_secret, proofs=Proofs())
    return (await asked.ask([QUESTION]))[QUESTION]


def signed():
    """Return routes to a good signature under the tag of Cosign."""
    media_type, payload, annotations = simple_layer(simple_payload(DIGEST), KEY)
    layer = {
        "mediaType": media_type, "digest": sha256(payload), "size": len(payload),
        "annotations": annotations,
    }  # fmt: skip
    manifest = {"config": {"digest": sha256(b"{}")}, "layers": [layer]}
    kind = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")]
    return {
        TAG: [{"status": 200, "headers": kind, "body": json.dumps(manifest)}],
        f"/v2/team/app/blobs/{sha256(payload)}": [{"status": 200, "body": payload.decode()}],
    }


FAULTS = [
    (500, FailureKind.TRANSIENT),
    (403, FailureKind.DENIED),
    (429, FailureKind.RATE_LIMITED),
]


@pytest.mark.parametrize("place", [REFERRERS, TAG])
@pytest.mark.parametrize(("status", "kind"), FAULTS)
async def test_a_place_that_could_not_be_read_is_not_taken_for_an_empty_one(place, status, kind):
    found = await verify({place: [{"status": status}]})
    assert isinstance(found, Failure)
    assert found.kind is kind


@pytest.mark.parametrize("status", [404, 405, 400])
async def test_a_registry_without_the_list_of_referrers_lacks_nothing(status):
    found = await verify({REFERRERS: [{"status": status}]})
    assert isinstance(found, VerificationFact)
    assert not found.verified


@pytest.mark.parametrize(("status", "kind"), FAULTS)
async def test_a_proof_counts_whatever_failed_elsewhere(status, kind):
    found = await verify({REFERRERS: [{"status": status}], **signed()})
    assert found == VerificationFact(DIGEST, verified=True)


async def test_what_nobody_foresaw_is_an_answer_to_one_question():
    found = await ask(None)
    assert found.kind is FailureKind.INTERNAL
    assert "foresaw" not in found.message
