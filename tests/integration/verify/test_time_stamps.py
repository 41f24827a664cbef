"""Keyless signatures whose log tells no time, as Rekor 2: a time stamp (RFC 3161) tells it."""

import base64
import json

import pytest

from argocd_image_updater.core.identities import KeylessIdentity
from argocd_image_updater.core.signatures import SignatureLayer
from argocd_image_updater.verify.keyless import IdentitySigners
from argocd_image_updater.verify.proof import Proof
from argocd_image_updater.verify.trust import read_trust
from registries.signing import BUNDLE, statement
from registries.sigstore import ISSUER, LIFE_S, WORKFLOW, OwnSigstore
from registries.time_stamps import TimeStamper

pytestmark = pytest.mark.lab("openssl")
DIGEST = "sha256:" + "a" * 64


def is_proven(layer, trusted_root):
    identities = [KeylessIdentity(WORKFLOW, issuer=ISSUER)]
    proof = Proof(DIGEST, IdentitySigners(identities, read_trust(trusted_root)))
    proof.consider(layer)
    return proof.is_complete


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """A Sigstore whose log tells no time, and the authority that does."""
    own = OwnSigstore()
    stamper = TimeStamper(tmp_path_factory.mktemp("time"))
    own.timestamp_authorities = [stamper.chain]
    return own, stamper


def stamped(own, stamper, who=None, **more):
    document = own.stamped_bundle(statement(DIGEST), stamper, who, **more)
    return SignatureLayer(BUNDLE, json.dumps(document).encode())


def test_a_time_stamp_stands_in_for_the_time_of_the_log(clock):
    own, stamper = clock
    assert is_proven(stamped(own, stamper), own.trusted_root())


STAMPS = {
    "of other bytes": lambda own, stamper: stamped(own, stamper, stamped=b"other"),
    "after the certificate expired": lambda own, stamper: stamped(
        own, stamper, own.identity(moment_s=own.moment_s - LIFE_S - 60)
    ),
    "before the certificate": lambda own, stamper: stamped(
        own, stamper, own.identity(moment_s=own.moment_s + LIFE_S)
    ),
}


@pytest.mark.parametrize("what", STAMPS)
def test_a_time_stamp_that_does_not_fit_proves_nothing(clock, what):
    assert not is_proven(STAMPS[what](*clock), clock[0].trusted_root())


def test_a_time_stamp_of_somebody_else_proves_nothing(clock, tmp_path):
    own, _ = clock
    layer = stamped(own, TimeStamper(tmp_path))
    assert not is_proven(layer, own.trusted_root())
    assert not is_proven(layer, own.trusted_root(timestampAuthorities=[]))


def test_a_time_stamp_that_cannot_be_read_proves_nothing(clock):
    own, stamper = clock
    document = json.loads(stamped(own, stamper).content)
    data = document["verificationMaterial"]["timestampVerificationData"]
    data["rfc3161Timestamps"][0]["signedTimestamp"] = base64.b64encode(b"\x30\x80" * 100).decode()
    layer = SignatureLayer(BUNDLE, json.dumps(document).encode())
    assert not is_proven(layer, own.trusted_root())
