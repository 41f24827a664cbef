"""Which signatures prove an image: the matrix of what can be wrong with them."""

import base64
import json

import pytest

from argocd_image_updater.core.signatures import SignatureLayer
from argocd_image_updater.verify.keys import KeySigners, read_keys
from argocd_image_updater.verify.proof import Proof
from argocd_image_updater.verify.statements import MAX_SIGNATURES
from registries.signing import (
    BUNDLE,
    SIMPLE_SIGNING,
    Signer,
    bundle,
    simple_layer,
    simple_payload,
    statement,
)

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OURS, THEIRS = Signer.ecdsa(), Signer.ed25519()


def simple(payload, signer=OURS):
    return SignatureLayer(*simple_layer(payload, signer))


def bundled(payload, *signers, **more):
    return SignatureLayer(BUNDLE, bundle(payload, *(signers or (OURS,)), **more))


def proof_of(*layers, keys=OURS.public_pem, **more):
    proof = Proof(DIGEST, KeySigners(read_keys(keys)), **more)
    for layer in layers:
        proof.consider(layer)
    return proof


COUNTS = {
    "simple signing": simple(simple_payload(DIGEST)),
    "bundle": bundled(statement(DIGEST)),
    "simple signing in a bundle": bundled(simple_payload(DIGEST)),
    "second signer": bundled(statement(DIGEST), THEIRS, OURS),
    "second subject": bundled(statement(OTHER, DIGEST)),
    "other payload type": bundled(statement(DIGEST), payload_type="applicätion/x"),
}


@pytest.mark.parametrize("what", COUNTS)
def test_a_signature_by_the_key_proves_the_image(what):
    assert proof_of(COUNTS[what]).is_complete


def tampered(change):
    """Return a bundle that was changed after it was signed."""
    document = json.loads(bundle(statement(DIGEST), OURS))
    change(document["dsseEnvelope"])
    return SignatureLayer(BUNDLE, json.dumps(document).encode())


def other_payload(envelope):
    envelope["payload"] = base64.b64encode(statement(DIGEST, OTHER)).decode()


def other_type(envelope):
    envelope["payloadType"] = "application/json"


def no_signatures(envelope):
    envelope["signatures"] = []


def many_signatures(envelope):
    envelope["signatures"] *= MAX_SIGNATURES + 1


def bent_signatures(envelope):
    envelope["signatures"] = [None, {"sig": 7}, {"sig": "%%"}, {}]


SIGNED = simple(simple_payload(DIGEST))
DOES_NOT_COUNT = {
    "another key": (simple(simple_payload(DIGEST), THEIRS), "another key"),
    "another image": (simple(simple_payload(OTHER)), "another image"),
    "another image in a bundle": (bundled(statement(OTHER)), "another image"),
    "tampered simple signing": (
        SignatureLayer(SIMPLE_SIGNING, SIGNED.content + b" ", SIGNED.annotations),
        "changed afterwards",
    ),
    "tampered payload": (tampered(other_payload), "changed afterwards"),
    "tampered type": (tampered(other_type), "changed afterwards"),
    "no signatures": (tampered(no_signatures), "no signature"),
    "signatures that are none": (tampered(bent_signatures), "no signature in base64"),
    "a flood of signatures": (tampered(many_signatures), str(MAX_SIGNATURES)),
    "an attestation": (
        bundled(statement(DIGEST, predicate="https://slsa.dev/provenance/v1")),
        "not a signature",
    ),
    "a text for something else": (simple(simple_payload(DIGEST, kind="other")), "no signature"),
    "not JSON": (simple(b"\x80garbage"), "not JSON"),
    "a list": (simple(b"[]"), "no signature"),
    "nested without end": (simple(b'{"critical":' * 100_000), "not JSON"),
    "no annotation": (SignatureLayer(SIMPLE_SIGNING, SIGNED.content), "annotations"),
    "a bundle without envelope": (SignatureLayer(BUNDLE, b'{"messageSignature": {}}'), "envelope"),
    "another media type": (SignatureLayer("text/plain", SIGNED.content), "no kind of signature"),
}


@pytest.mark.parametrize("what", DOES_NOT_COUNT)
def test_a_signature_that_does_not_count_says_why(what):
    layer, words = DOES_NOT_COUNT[what]
    proof = proof_of(layer)
    assert not proof.is_complete
    assert words in proof.explain()


@pytest.mark.parametrize("what", DOES_NOT_COUNT)
def test_what_does_not_count_cannot_outweigh_what_does(what):
    layer, _ = DOES_NOT_COUNT[what]
    assert proof_of(layer, SIGNED).is_complete


def test_nothing_proves_nothing():
    assert not proof_of().is_complete
    assert proof_of().explain() == "no signature was found"


BOTH = OURS.public_pem + THEIRS.public_pem


@pytest.mark.parametrize("signer", [OURS, THEIRS])
def test_one_of_several_keys_is_enough(signer):
    assert proof_of(simple(simple_payload(DIGEST), signer), keys=BOTH).is_complete


def test_where_every_key_must_sign_one_is_not_enough():
    ours, theirs = (simple(simple_payload(DIGEST), one) for one in (OURS, THEIRS))
    half = proof_of(ours, ours, keys=BOTH, every=True)
    assert not half.is_complete
    assert "1 of the 2 keys" in half.explain()
    assert proof_of(ours, theirs, keys=BOTH, every=True).is_complete
    assert proof_of(bundled(statement(DIGEST), OURS, THEIRS), keys=BOTH, every=True).is_complete


@pytest.mark.parametrize(
    ("signed", "counts"), [({"env": "prod"}, True), ({"env": "test"}, False), (None, False)]
)
def test_wanted_annotations_must_be_signed_along(signed, counts):
    wanted = {"env": "prod"}
    for layer in (
        simple(simple_payload(DIGEST, annotations=signed)),
        bundled(statement(DIGEST, annotations=signed)),
    ):
        proof = proof_of(layer, annotations=wanted)
        assert proof.is_complete is counts
        assert counts or "wanted annotation env" in proof.explain()
