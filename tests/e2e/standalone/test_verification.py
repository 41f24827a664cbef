"""Images that must be verified: signed ones are written, others are not, whole commands at work."""

import pytest

from registries.signing import (
    Signer,
    artifact,
    push_simple,
    signature_tag,
    simple_layer,
    simple_payload,
)
from registries.sigstore import ISSUER, OwnSigstore
from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
OURS, THEIRS = Signer.ecdsa(), Signer.ed25519()


def verifying(stage, *, key=OURS.public_pem, annotations=None, images_of=None, **policy):
    """Set the stage: one Application whose image must be signed with a key."""
    digest = stage.push("1.0.0", "1.1.0", labels={"stage": stage.name})
    stage.repository(files=stage.values("shop"))
    stage.add(application("shop", source(stage.url(), "shop"), annotations=annotations or {}))
    listed = images_of or images(web=f"{stage.image()}:1.x")
    block = {"cosignKey": {"secretName": "cosign", "key": "cosign.pub"}, **policy}
    refs = [reference("shop", useAnnotations=True) if annotations else reference("shop", listed)]
    stage.add(resource("updater", refs, imagesVerification=block, **git_write_back()))
    stage.add(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cosign", "namespace": "argocd"},
            "stringData": {"cosign.pub": key.decode()},
        }
    )
    # Public or not, no part of what stands in the Secret is ever printed.
    stage.secrets |= {line for line in key.decode().splitlines() if not line.startswith("-----")}
    return digest


def sign(stage, digest, *signers, **more):
    push_simple(stage.registry, f"{stage.name}/web", digest, *signers, **more)


def test_a_signed_image_is_written(stage):
    sign(stage, verifying(stage), THEIRS, OURS)
    done = stage.run()
    assert done.code == 0
    assert done.reason("shop") == "Updated"
    assert "tag: 1.1.0 # of the stage" in stage.file("shop/values.yaml")


@pytest.mark.parametrize("signer", [None, THEIRS], ids=["unsigned", "another key"])
def test_an_image_that_is_not_proven_is_not_written_and_is_once_it_is_signed(stage, signer):
    digest = verifying(stage)
    if signer is not None:
        sign(stage, digest, signer)
    before = stage.log()
    done = stage.run()
    assert done.code == 2
    assert done.reason("shop") == "VerificationFailed"
    assert digest in done.image("shop")["message"]
    assert stage.log() == before
    sign(stage, digest, OURS)
    assert stage.run().reason("shop") == "Updated"


def test_a_policy_of_the_resource_covers_images_in_annotations(stage):
    digest = verifying(
        stage,
        annotations={
            "argocd-image-updater.argoproj.io/image-list": f"web={stage.image()}:1.x",
            "argocd-image-updater.argoproj.io/write-back-method": "git",
            "argocd-image-updater.argoproj.io/write-back-target": "helmvalues:values.yaml",
        },
    )
    assert stage.run().reason("shop") == "VerificationFailed"
    sign(stage, digest, OURS)
    assert stage.run().reason("shop") == "Updated"


def test_a_key_that_is_none_is_warned_of_and_nothing_is_written(stage):
    sign(stage, verifying(stage, key=OURS.private_pem), OURS)
    before = stage.log()
    done = stage.run()
    assert done.reason("shop") == "SettingsInvalid"
    assert "private key" in done.image("shop")["message"]
    assert stage.log() == before


def test_several_keys_and_annotations_can_be_required(stage):
    digest = verifying(
        stage,
        key=OURS.public_pem + THEIRS.public_pem,
        requiredKeys="all",
        requiredAnnotations={"env": "prod"},
    )
    sign(stage, digest, OURS, THEIRS)
    done = stage.run()
    assert done.reason("shop") == "VerificationFailed"
    assert "env" in done.image("shop")["message"]
    payload = simple_payload(digest, annotations={"env": "prod"})
    sign(stage, digest, OURS, THEIRS, payload=payload)
    assert stage.run().reason("shop") == "Updated"


def test_a_dry_run_verifies_as_well(stage):
    digest = verifying(stage)
    assert stage.run("--dry-run").reason("shop") == "VerificationFailed"
    sign(stage, digest, OURS)
    assert stage.run("--dry-run").reason("shop") == "WouldUpdate"


def test_an_image_that_is_current_is_not_verified(stage):
    verifying(stage, images_of=images(web=f"{stage.image()}:1.0.x"))
    assert stage.run().reason("shop") == "UpToDate"


def sign_keyless(stage, sigstore, digest, who=None):
    """Put a keyless signature under the tag of Cosign."""
    layers = [sigstore.simple_layer(simple_payload(digest), who)]
    manifest = artifact(stage.registry, f"{stage.name}/web", layers)
    kind = manifest["mediaType"]
    stage.registry.push_manifest(f"{stage.name}/web", signature_tag(digest), manifest, kind)


def test_a_keyless_signature_by_the_identity_is_demanded_beside_the_key(stage, tmp_path):
    own = OwnSigstore()
    root = tmp_path / "trusted_root.json"
    root.write_bytes(own.trusted_root())
    digest = verifying(
        stage, keyless={"identities": [{"identityRegExp": "https://forge.*", "issuer": ISSUER}]}
    )
    trusted = f"--sigstore-trusted-root={root}"
    sign_keyless(stage, own, digest, own.identity("https://evil.test"))
    before = stage.log()
    assert stage.run(trusted).reason("shop") == "VerificationFailed"
    payload = simple_payload(digest)
    layers = [own.simple_layer(payload), simple_layer(payload, OURS)]
    manifest = artifact(stage.registry, f"{stage.name}/web", layers)
    kind = manifest["mediaType"]
    stage.registry.push_manifest(f"{stage.name}/web", signature_tag(digest), manifest, kind)
    done = stage.run()  # the public instance knows nothing of ours
    assert done.reason("shop") == "VerificationFailed"
    assert "/https://forge.*/" in done.image("shop")["message"]
    done = stage.run("--sigstore-trusted-root=/nowhere")
    assert done.reason("shop") == "SettingsInvalid"
    assert "/nowhere" in done.image("shop")["message"]
    assert stage.log() == before
    assert stage.run(trusted).reason("shop") == "Updated"
