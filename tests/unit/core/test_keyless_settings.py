"""Identities that must have signed, from the resource to the settings of one image."""

import pytest

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.identities import MAX_IDENTITIES, KeylessIdentity
from argocd_image_updater.core.image_settings import ImageDraft, settle_image
from argocd_image_updater.core.inheritance import layers_of
from argocd_image_updater.core.resource import VerificationBlock, decode_resource
from argocd_image_updater.core.settings import CosignKey, Downgrade, ImageSettings

WHO = {"identity": "a@x.test", "issuer": "https://issuer.test"}
OTHER = {"identityRegExp": ".*@x\\.test", "issuerRegExp": "https://.*"}
READ = (
    KeylessIdentity("a@x.test", issuer="https://issuer.test"),
    KeylessIdentity("", ".*@x\\.test", "", "https://.*"),
)


def read(verification):
    """Return the block of a resource, and what is wrong with it."""
    document = {
        "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
        "kind": "ImageUpdater",
        "metadata": {"name": "one", "namespace": "argocd"},
        "spec": {
            "imagesVerification": verification,
            "applicationRefs": [{"namePattern": "*", "useAnnotations": True}],
        },
    }
    found, problems, _ = decode_resource(document, origin=Origin())
    return found and found.verification, [problem.message for problem in problems]


def settled(*levels):
    blocks = ((f"level {number}", level) for number, level in enumerate(levels))
    draft = ImageDraft(
        alias="a",
        image_name="nginx",
        common=(),
        verification=layers_of(blocks),
        targets=None,
        origin="image",
        field_path="",
    )
    return settle_image(
        draft,
        namespace="argocd",
        secrets={},
        default_platform="",
        default_downgrade=Downgrade.NEVER,
    )


def test_identities_are_read_as_they_stand():
    block, problems = read({"keyless": {"identities": [WHO, OTHER]}, "requiredIdentities": "all"})
    assert not problems
    assert block.identities == READ
    assert block.required_identities == "all"


@pytest.mark.parametrize(
    ("verification", "words"),
    [
        ({}, "needs cosignKey or keyless unless enabled is false"),
        ({"keyless": {}}, "is required"),
        ({"keyless": {"identities": []}}, "at least 1 item"),
        ({"keyless": {"identities": [WHO] * (MAX_IDENTITIES + 1)}}, "at most 10 items"),
        ({"keyless": {"identities": [WHO | OTHER]}}, "exactly one of identity, identityRegExp"),
        ({"keyless": {"identities": [{"identity": "a"}]}}, "exactly one of issuer, issuerRegExp"),
        ({"keyless": {"identities": [WHO | {"identity": ""}]}}, "at least 1 character"),
        ({"keyless": {"identities": [WHO | {"identity": "a" * 1025}]}}, "at most 1024"),
        ({"keyless": {"identities": [WHO]}, "requiredIdentities": "some"}, "one of any, all"),
    ],
)
def test_what_breaks_a_rule_is_told(verification, words):
    assert any(words in message for message in read(verification)[1])


def test_identities_are_enough_without_a_key_and_are_merged_field_by_field():
    above = VerificationBlock(enabled=True, identities=READ, required_identities="all")
    below = VerificationBlock(enabled=True, identities=READ[:1])
    image = settled(above, below)
    assert isinstance(image, ImageSettings)
    assert image.verify_key is None
    assert image.verify_identities == READ[:1]
    assert image.verify_every_identity
    assert image.origins["verify_identities"] == "level 1"
    assert image.origins["verify_every_identity"] == "level 0"


def test_identities_below_do_not_take_the_key_above_away():
    above = VerificationBlock(enabled=True, cosign_key=CosignKey("keys", "pub"))
    problem = settled(above, VerificationBlock(enabled=True, identities=READ))
    assert "Secret argocd/keys" in problem.message


def test_what_is_switched_off_wants_nobody():
    above = VerificationBlock(enabled=True, identities=READ, required_identities="all")
    image = settled(above, VerificationBlock(enabled=False))
    assert not image.verify_enabled
    assert image.verify_identities == ()
    assert not image.verify_every_identity


@pytest.mark.parametrize(
    ("identities", "words"),
    [
        ((), "names no identity"),
        ((KeylessIdentity("", "(", "x"),), "does not compile"),
        ((KeylessIdentity("a"),), "either issuer or issuerRegExp"),
        (None, "no level has a cosignKey or keyless"),
    ],
)
def test_identities_that_can_be_nobody_leave_the_image_out(identities, words):
    problem = settled(VerificationBlock(enabled=True, identities=identities))
    assert problem.reason == "SettingsInvalid"
    assert words in problem.message
