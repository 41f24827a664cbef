"""Which keyless signatures prove an image: the matrix of what can be wrong with them."""

import base64
import json

import pytest

from argocd_image_updater.core.identities import KeylessIdentity
from argocd_image_updater.core.signatures import SignatureLayer
from argocd_image_updater.verify.keyless import IdentitySigners
from argocd_image_updater.verify.proof import Proof
from argocd_image_updater.verify.trust import TrustError, built_in, read_trust
from registries.signing import (
    BUNDLE,
    Signer,
    bundle,
    simple_layer,
    simple_payload,
    statement,
)
from registries.sigstore import ISSUER, LIFE_S, WORKFLOW, OwnSigstore, der_text, new_key

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OWN, THEIRS = OwnSigstore(), OwnSigstore()
TRUST = read_trust(OWN.trusted_root())
BUILD = KeylessIdentity(identity=WORKFLOW, issuer=ISSUER)
REVIEWER = KeylessIdentity(identity="anna@acme.test", issuer=ISSUER)
FORMS = ("bundle", "simple signing")


def signed(form, who=None, *, sigstore=OWN, digest=DIGEST, annotations=None, **more):
    if form == "bundle":
        document = sigstore.bundle(statement(digest, annotations=annotations), who, **more)
        return SignatureLayer(BUNDLE, json.dumps(document).encode())
    payload = simple_payload(digest, annotations=annotations)
    return SignatureLayer(*sigstore.simple_layer(payload, who, **more))


def proof_of(*layers, identities=(BUILD,), trust=TRUST, **more):
    proof = Proof(DIGEST, IdentitySigners(identities, trust), **more)
    for layer in layers:
        proof.consider(layer)
    return proof


WANTED = {
    "exactly": BUILD,
    "by expressions": KeylessIdentity(
        identity_expression=r"https://forge\.test/acme/.*@refs/(heads|tags)/.*",
        issuer_expression="https://issuer\\.(test|example)",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", WANTED)
def test_a_signature_by_the_identity_proves_the_image(form, how):
    assert proof_of(signed(form), identities=[WANTED[how]]).is_complete


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["former", "present"])
def test_people_count_as_well_and_either_way_to_name_an_issuer(form, way):
    who = OWN.identity("anna@acme.test", email=True, ways=(way,))
    assert proof_of(signed(form, who), identities=[REVIEWER]).is_complete


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_without_issuer_is_nobody(form):
    assert not proof_of(signed(form, OWN.identity(ways=()))).is_complete


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_bundles_of_every_version_count(version):
    """The older ones hold a chain, of which the first certificate is the signer's."""
    document = OWN.bundle(statement(DIGEST))
    document["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
    material = document["verificationMaterial"]
    if version != "0.3":
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    layer = SignatureLayer(document["mediaType"], json.dumps(document).encode())
    assert proof_of(layer).is_complete


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_that_has_expired_since_it_was_used_still_counts(form):
    own = OwnSigstore(moment_s=1_600_000_000)
    trust = read_trust(own.trusted_root())
    assert proof_of(signed(form, sigstore=own), trust=trust).is_complete


def changed(change, form="bundle"):
    """Return a bundle, or the annotations of a layer, that were changed afterwards."""
    layer = signed(form)
    if form == "bundle":
        document = json.loads(layer.content)
        change(document)
        return SignatureLayer(BUNDLE, json.dumps(document).encode())
    annotations = dict(layer.annotations)
    change(annotations)
    return SignatureLayer(layer.media_type, layer.content, annotations)


def entry(document):
    return document["verificationMaterial"]["tlogEntries"][0]


def other_payload(document):
    document["dsseEnvelope"]["payload"] = base64.b64encode(statement(DIGEST, OTHER)).decode()


def other_certificate(document):
    raw = base64.b64encode(OWN.identity().der).decode()
    document["verificationMaterial"]["certificate"]["rawBytes"] = raw


def bent_certificate(document):
    raw = bytearray(OWN.identity().der)
    raw[-1] ^= 1
    document["verificationMaterial"]["certificate"]["rawBytes"] = base64.b64encode(raw).decode()


def other_body(document):
    foreign = OWN.bundle(statement(DIGEST))
    entry(document)["canonicalizedBody"] = entry(foreign)["canonicalizedBody"]


def foreign_entry(document):
    """A valid entry of the same log, about another signature."""
    document["verificationMaterial"]["tlogEntries"] = OWN.bundle(statement(DIGEST))[
        "verificationMaterial"
    ]["tlogEntries"]


def other_time(document):
    entry(document)["integratedTime"] = str(int(entry(document)["integratedTime"]) + 1)


def no_entry(document):
    document["verificationMaterial"]["tlogEntries"] = []


def no_proof(document):
    del entry(document)["inclusionProof"]


def no_checkpoint(document):
    del entry(document)["inclusionProof"]["checkpoint"]


def no_promise(document):
    del entry(document)["inclusionPromise"]


def key_in_place_of_certificate(document):
    del document["verificationMaterial"]["certificate"]
    document["verificationMaterial"]["publicKey"] = {"hint": ""}


def message_signature(document):
    signature = document.pop("dsseEnvelope")["signatures"][0]["sig"]
    document["messageSignature"] = {"signature": signature}


BUNDLE_CHANGES = (
    other_payload, other_certificate, bent_certificate, other_body, foreign_entry, other_time,
    no_entry, no_proof, no_checkpoint, no_promise, key_in_place_of_certificate, message_signature,
)  # fmt: skip


@pytest.mark.parametrize("change", BUNDLE_CHANGES)
def test_a_bundle_that_was_tampered_with_proves_nothing(change):
    proof = proof_of(changed(change))
    assert not proof.is_complete
    assert "none that counts (" in proof.explain()


CERTIFICATE, LOG = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"
SIGNATURE = "dev.cosignproject.cosign/signature"


def promised(annotations):
    return json.loads(annotations[LOG])


def with_payload(**changes):
    def change(annotations):
        document = promised(annotations)
        document["Payload"] |= changes
        annotations[LOG] = json.dumps(document)

    return change


def without(name):
    return lambda annotations: annotations.pop(name)


def of_another(name):
    return lambda annotations: annotations.update({name: signed(FORMS[1]).annotations[name]})


def unsigned_promise(annotations):
    annotations[LOG] = json.dumps(promised(annotations) | {"SignedEntryTimestamp": ""})


def promise_of_another_log(annotations):
    layer = signed(FORMS[1], sigstore=THEIRS)
    foreign = promised(layer.annotations)["SignedEntryTimestamp"]
    annotations[LOG] = json.dumps(promised(annotations) | {"SignedEntryTimestamp": foreign})


ANNOTATION_CHANGES = {
    "no certificate": without(CERTIFICATE),
    "another certificate": of_another(CERTIFICATE),
    "a certificate that is none": lambda found: found.update({CERTIFICATE: "x"}),
    "an endless certificate": lambda found: found.update({CERTIFICATE: "x" * 100_000}),
    "no log entry": without(LOG),
    "the entry of another signature": of_another(LOG),
    "a log entry that is none": lambda found: found.update({LOG: "[" * 50_000}),
    "another signature": of_another(SIGNATURE),
    "another time": with_payload(integratedTime=OWN.moment_s + 2),
    "no time": with_payload(integratedTime=0),
    "a time beyond all clocks": with_payload(integratedTime=10**15),
    "a time as text": with_payload(integratedTime="1"),
    "another place in the log": with_payload(logIndex=7),
    "another log": with_payload(logID="00" * 32),
    "an unsigned promise": unsigned_promise,
    "the promise of another log": promise_of_another_log,
}


@pytest.mark.parametrize("what", ANNOTATION_CHANGES)
def test_annotations_that_were_tampered_with_prove_nothing(what):
    proof = proof_of(changed(ANNOTATION_CHANGES[what], FORMS[1]))
    assert not proof.is_complete
    assert "none that counts (" in proof.explain()


def test_a_text_that_was_tampered_with_proves_nothing():
    layer = signed(FORMS[1])
    bent = SignatureLayer(layer.media_type, layer.content + b" ", layer.annotations)
    assert not proof_of(bent).is_complete


def late(form):
    return signed(form, logged_s=OWN.moment_s + LIFE_S + 60)


def early(form):
    return signed(form, logged_s=OWN.moment_s - 60)


NOBODY = {
    "another identity": (lambda form: signed(form, OWN.identity(WORKFLOW + "x")), "not wanted"),
    "another issuer": (lambda form: signed(form, OWN.identity(issuer="https://x.test")), "x.test"),
    "another Sigstore": (lambda form: signed(form, sigstore=THEIRS), "not proven"),
    "another log of certificates": (
        lambda form: signed(form, OWN.identity(ct_key=new_key())),
        "SCT",
    ),
    "no log of certificates": (lambda form: signed(form, OWN.identity(has_sct=False)), "timestamp"),
    "logged after its certificate expired": (late, "not proven"),
    "logged before its certificate": (early, "not proven"),
    "another image": (lambda form: signed(form, digest=OTHER), "another image"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", NOBODY)
def test_a_signature_that_does_not_count_says_why(form, what):
    make, words = NOBODY[what]
    proof = proof_of(make(form))
    assert not proof.is_complete
    assert words in proof.explain()


@pytest.mark.parametrize("form", FORMS)
def test_what_does_not_count_cannot_outweigh_what_does(form):
    assert proof_of(signed(form, sigstore=THEIRS), signed(form)).is_complete


def test_signatures_by_keys_are_no_keyless_ones():
    key = Signer.ecdsa()
    layers = (
        SignatureLayer(*simple_layer(simple_payload(DIGEST), key)),
        SignatureLayer(BUNDLE, bundle(statement(DIGEST), key)),
    )
    proof = proof_of(*layers)
    assert not proof.is_complete
    assert "made with a key" in proof.explain()


def test_an_attestation_by_the_identity_is_no_signature():
    payload = statement(DIGEST, predicate="https://slsa.dev/provenance/v1")
    layer = SignatureLayer(BUNDLE, json.dumps(OWN.bundle(payload)).encode())
    assert "not a signature" in proof_of(layer).explain()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("found", "counts"), [({"env": "prod"}, True), ({"env": "test"}, False), (None, False)]
)
def test_wanted_annotations_must_be_signed_along(form, found, counts):
    proof = proof_of(signed(form, annotations=found), annotations={"env": "prod"})
    assert proof.is_complete is counts


def test_where_every_identity_must_sign_one_is_not_enough():
    both = [BUILD, REVIEWER]
    ours, theirs = signed("bundle"), signed(FORMS[1], OWN.identity("anna@acme.test", email=True))
    assert proof_of(theirs, identities=both).is_complete
    half = proof_of(ours, ours, identities=both, every=True)
    assert not half.is_complete
    assert "1 of the 2 identities" in half.explain()
    assert proof_of(ours, theirs, identities=both, every=True).is_complete


def test_two_readings_of_one_text_do_not_prove_more_than_one():
    """Where a member stands twice, readers may take either; what is proven must be what is read."""
    layer = signed("bundle", digest=OTHER)
    envelope = b', "dsseEnvelope": {"payload": "%s", ' % base64.b64encode(statement(DIGEST))
    for doubled in (
        layer.content[:-1] + envelope + b'"payloadType": "x", "signatures": [{"sig": "eA=="}]}}',
        b'{"dsseEnvelope": {"payload": "%s"}, ' % base64.b64encode(statement(DIGEST))
        + layer.content[1:],
    ):
        assert not proof_of(SignatureLayer(BUNDLE, doubled)).is_complete


def test_a_crash_in_a_parser_is_a_signature_that_does_not_count(monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(*_):
        raise PanicException

    signers = IdentitySigners([BUILD], TRUST)
    monkeypatch.setattr(type(TRUST.verifier), "verify_dsse", panic)
    proof = Proof(DIGEST, signers)
    proof.consider(signed("bundle"))
    assert "PanicException" in proof.explain()


def test_what_ends_the_program_is_not_held_up(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(TRUST.verifier), "verify_dsse", stop)
    with pytest.raises(KeyboardInterrupt):
        proof_of(signed("bundle"))


def test_strange_letters_in_a_certificate_are_not_printed_as_they_are():
    who = OWN.identity(WORKFLOW, issuer="https://x\x1b[2J\n")
    assert der_text("\x1b")[-1:] == b"\x1b"
    text = proof_of(signed("bundle", who)).explain()
    assert text.isprintable()


def test_the_root_of_the_public_instance_can_be_used():
    assert read_trust(built_in()).fingerprint != TRUST.fingerprint


def empty(name):
    return OWN.trusted_root(**{name: []})


NO_TRUST = {
    "nothing": b"",
    "no JSON": b"\x80",
    "nested without end": b'{"a":' * 100_000,
    "something else": b"{}",
    "another format": OWN.trusted_root(mediaType="application/json"),
    "no authority": empty("certificateAuthorities"),
    "no log of signatures": empty("tlogs"),
    "no log of certificates": empty("ctlogs"),
}


@pytest.mark.parametrize("what", NO_TRUST)
def test_what_is_no_root_of_trust_is_refused(what):
    with pytest.raises(TrustError, match="is no root of trust"):
        read_trust(NO_TRUST[what])
