"""Whatever a registry holds in place of a keyless signature, reading it ends in a no."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.identities import KeylessIdentity
from argocd_image_updater.core.signatures import SIMPLE_SIGNING, SignatureLayer
from argocd_image_updater.verify.keyless import IdentitySigners
from argocd_image_updater.verify.proof import Proof
from argocd_image_updater.verify.trust import read_trust
from registries.signing import BUNDLE, simple_payload, statement
from registries.sigstore import OwnSigstore

DIGEST = "sha256:" + "a" * 64
OWN = OwnSigstore(moment_s=1_700_000_000)
TRUST = read_trust(OWN.trusted_root())
ANYBODY = KeylessIdentity(identity_expression=".*", issuer_expression=".*")
DOCUMENT = OWN.bundle(statement(DIGEST))
LAYER = OWN.simple_layer(simple_payload(DIGEST))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("1" * 5_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def is_proven(layer):
    proof = Proof(DIGEST, IdentitySigners([ANYBODY], TRUST))
    proof.consider(layer)
    return proof.is_complete


def paths(value, path=()):
    """Yield the way to every value in a document."""
    yield path
    items = enumerate(value) if isinstance(value, list) else getattr(value, "items", tuple)()
    for key, item in items:
        yield from paths(item, (*path, key))


def replaced(document, path, value):
    if not path:
        return value
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


PATHS = sorted(paths(DOCUMENT), key=repr)


def test_as_they_are_they_prove_the_image():
    assert is_proven(SignatureLayer(BUNDLE, json.dumps(DOCUMENT).encode()))
    assert is_proven(SignatureLayer(*LAYER))


@given(st.sampled_from(PATHS), VALUES)
def test_a_bundle_with_anything_in_some_place_proves_nothing(path, value):
    changed = replaced(DOCUMENT, path, value)
    if changed != DOCUMENT:
        assert not is_proven(SignatureLayer(BUNDLE, json.dumps(changed).encode()))


@given(st.sampled_from(PATHS), st.integers(1, 40), st.integers(0, 255))
def test_a_bundle_with_one_other_letter_proves_nothing(path, place, letter):
    """Unless the letter means the same: the last bits of base64 that no byte needs."""
    value = DOCUMENT
    for key in path:
        value = value[key]
    if not isinstance(value, str):
        return
    place = min(place, len(value) - 1)
    changed = value[:place] + chr(letter) + value[place + 1 :]
    if changed[:-4] != value[:-4]:
        document = replaced(DOCUMENT, path, changed)
        assert not is_proven(SignatureLayer(BUNDLE, json.dumps(document).encode()))


@given(st.binary(max_size=2_000))
def test_bytes_prove_nothing(content):
    assert not is_proven(SignatureLayer(BUNDLE, content))


@given(
    st.sampled_from(["dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"]),
    st.text() | VALUES.map(json.dumps),
)
def test_annotations_with_anything_prove_nothing(name, text):
    annotations = {**LAYER[2], name: text}
    assert not is_proven(SignatureLayer(SIMPLE_SIGNING, LAYER[1], annotations))


@given(st.sampled_from(sorted(paths(json.loads(LAYER[2]["dev.sigstore.cosign/bundle"])))), VALUES)
def test_a_log_entry_with_anything_in_some_place_proves_nothing(path, value):
    entry = json.loads(LAYER[2]["dev.sigstore.cosign/bundle"])
    if (changed := replaced(entry, path, value)) != entry:
        annotations = {**LAYER[2], "dev.sigstore.cosign/bundle": json.dumps(changed)}
        assert not is_proven(SignatureLayer(SIMPLE_SIGNING, LAYER[1], annotations))


@given(st.sampled_from(["[", '{"dsseEnvelope":', '{"verificationMaterial":']), st.booleans())
def test_nesting_without_end_proves_nothing(opening, is_annotation):
    text = opening * 60_000
    if is_annotation:
        annotations = {**LAYER[2], "dev.sigstore.cosign/bundle": text[:60_000]}
        assert not is_proven(SignatureLayer(SIMPLE_SIGNING, LAYER[1], annotations))
    else:
        assert not is_proven(SignatureLayer(BUNDLE, text.encode()))
