"""Whatever a registry or a Secret holds, reading it as signature or key ends in a value or a no."""

import base64
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.public_keys import PublicKeyError
from argocd_image_updater.core.signatures import (
    SIGNATURE_ANNOTATION,
    SIMPLE_SIGNING,
    SignatureLayer,
)
from argocd_image_updater.verify.keys import KeySigners, read_keys
from argocd_image_updater.verify.proof import Proof
from registries.signing import BUNDLE, Signer

DIGEST = "sha256:" + "a" * 64
SIGNER = Signer.ecdsa()
PEM = SIGNER.public_pem
KEYS = read_keys(PEM)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(DIGEST),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["_type", "subject", "digest", "sha256", "critical", "image", "type", "optional",
             "docker-manifest-digest", "predicateType", "dsseEnvelope", "payload", "payloadType",
             "signatures", "sig", "annotations"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


def is_proven(layer):
    proof = Proof(DIGEST, KeySigners(KEYS))
    proof.consider(layer)
    return proof.is_complete


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()), st.text())
def test_what_was_not_signed_proves_nothing(content, signature):
    assert not is_proven(SignatureLayer(BUNDLE, content))
    annotations = {SIGNATURE_ANNOTATION: signature}
    assert not is_proven(SignatureLayer(SIMPLE_SIGNING, content, annotations))


@given(VALUES, st.text())
def test_an_envelope_around_anything_proves_nothing(payload, kind):
    envelope = {
        "payload": base64.b64encode(json.dumps(payload).encode()).decode(),
        "payloadType": kind,
        "signatures": [{"sig": base64.b64encode(b"x").decode()}],
    }
    content = json.dumps({"dsseEnvelope": envelope}).encode()
    assert not is_proven(SignatureLayer(BUNDLE, content))


@given(st.binary(), st.integers(0, len(PEM) - 1))
def test_a_key_that_was_tampered_with_is_another_key_or_none(junk, place):
    text = PEM[:place] + junk + PEM[place + len(junk) :]
    with contextlib.suppress(PublicKeyError):
        for key in read_keys(text):
            assert key.fingerprint == KEYS[0].fingerprint or not key.has_signed(
                b"text", SIGNER.sign(b"text")
            )
