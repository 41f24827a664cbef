"""Signatures on a real registry: what proves an image, what does not, and what it costs."""

import asyncio
import json
import time
from collections import Counter

import pytest

from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    RepositoryKey,
    SignaturePolicy,
    TagListQuestion,
    VerificationQuestion,
)
from argocd_image_updater.errors import RemoteError
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.signatures import MAX_LAYERS
from argocd_image_updater.state.facts import FactStore
from registries.signing import (
    BUNDLE,
    Signer,
    artifact,
    bundle,
    push_simple,
    signature_tag,
    simple_layer,
    simple_payload,
    statement,
)

pytestmark = pytest.mark.lab("docker-registry")
OURS, THEIRS = Signer.ecdsa(), Signer.ed25519()
KEYS = ObjectKey("argocd", "keys")
INDEX = "application/vnd.oci.image.index.v1+json"


class Scene:
    """One repository of a registry, and Secrets with keys."""

    def __init__(self, registry, repository):
        self.registry = registry
        self.key = RepositoryKey(registry.host, repository)
        self.table = load_table(
            f"registries: [{{name: local, prefix: '{registry.host}', api_url: '{registry.url}'}}]"
        )
        self.secrets = {KEYS: {"cosign.pub": OURS.public_pem, "theirs.pub": THEIRS.public_pem}}
        self.proofs = Proofs()
        self.seen = Counter()
        self.on_request = lambda _exchange: None

    def push(self, tag="1.0", **image):
        return self.registry.push_image(self.key.repository, tag, **image)

    def sign(self, digest, *signers, **more):
        push_simple(self.registry, self.key.repository, digest, *(signers or (OURS,)), **more)

    def push_signature(self, digest, *layers, **more):
        """Push a signature artifact under Cosign's tag."""
        manifest = artifact(self.registry, self.key.repository, layers, **more)
        tag = signature_tag(digest)
        self.registry.push_manifest(self.key.repository, tag, manifest, manifest["mediaType"])

    def question(self, *, tag="1.0", digest="", field="cosign.pub", secret=KEYS, **policy):
        return VerificationQuestion(self.key, tag, digest, SignaturePolicy(secret, field, **policy))

    async def read_secret(self, key):
        if isinstance(found := self.secrets.get(key), Exception):
            raise found
        return found

    def _observe(self, exchange):
        self.seen[exchange.method] += 1
        self.on_request(exchange)

    async def ask(self, *questions):
        """Run a cycle; return the answers in order."""
        self.seen.clear()
        network = RegistryNetwork(observe=self._observe)
        store = FactStore.in_memory()
        engine = RegistryEngine(
            network=network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=store,
            unix=time.time,
        )
        engine.begin_cycle(self.table)
        asked = VerifiedRegistries(engine, read_secret=self.read_secret, proofs=self.proofs)
        try:
            answers = await asked.ask(questions)
        finally:
            await network.aclose()
            store.close()
        return [answers[question] for question in questions]

    async def verify(self, **question):
        (answer,) = await self.ask(self.question(**question))
        return answer


@pytest.fixture
def scene(distribution, repository):
    return Scene(distribution, repository)


async def test_a_signed_image_is_proven_under_its_digest(scene):
    digest = scene.push()
    scene.sign(digest)
    found = await scene.verify()
    assert found.verified
    assert found.digest == digest


async def test_an_unsigned_image_is_not_proven(scene):
    digest = scene.push()
    found = await scene.verify()
    assert not found.verified
    assert "no signature was found" in found.message
    assert digest in found.message


async def test_a_signature_by_another_key_does_not_count(scene):
    scene.sign(scene.push(), THEIRS)
    found = await scene.verify()
    assert not found.verified
    assert "Secret argocd/keys (cosign.pub)" in found.message
    assert "PUBLIC KEY" not in found.message


async def test_each_layer_is_a_signature_of_its_own(scene):
    scene.sign(scene.push(), THEIRS, OURS)
    assert (await scene.verify()).verified
    assert (await scene.verify(field="theirs.pub")).verified


async def test_every_key_must_have_signed_where_that_is_wanted(scene):
    digest = scene.push()
    scene.secrets[KEYS]["both.pub"] = OURS.public_pem + THEIRS.public_pem
    scene.sign(digest, OURS)
    assert (await scene.verify(field="both.pub")).verified
    half = await scene.verify(field="both.pub", every_key=True)
    assert not half.verified
    assert "1 of the 2 keys" in half.message
    scene.sign(digest, THEIRS, suffix="")
    assert (await scene.verify(field="both.pub", every_key=True)).verified


async def test_annotations_must_be_signed_along_where_that_is_wanted(scene):
    digest = scene.push()
    scene.sign(digest, payload=simple_payload(digest, annotations={"env": "prod", "by": "ci"}))
    assert (await scene.verify(annotations=(("env", "prod"),))).verified
    found = await scene.verify(annotations=(("env", "test"),))
    assert not found.verified
    assert "wanted annotation env" in found.message


async def test_a_signature_of_another_image_does_not_count(scene):
    digest = scene.push()
    other = scene.push("2.0", labels={"other": "yes"})
    scene.sign(digest, payload=simple_payload(other))
    found = await scene.verify()
    assert not found.verified
    assert "another image" in found.message


async def test_a_text_that_was_changed_after_signing_does_not_count(scene):
    digest = scene.push()
    media_type, payload, annotations = simple_layer(simple_payload(digest), OURS)
    scene.push_signature(digest, (media_type, payload + b" ", annotations))
    found = await scene.verify()
    assert not found.verified
    assert "changed afterwards" in found.message


async def test_a_blob_that_was_changed_on_the_disk_of_the_registry_proves_nothing(scene):
    digest = scene.push(labels={"only": "here"})  # repositories share their blobs
    scene.sign(digest)
    payload = simple_payload(digest)
    (blob,) = [
        path
        for path in scene.registry.folder.glob("data/docker/registry/v2/blobs/sha256/*/*/data")
        if path.read_bytes() == payload
    ]
    blob.write_bytes(payload.replace(b"team", b"evil"))
    found = await scene.verify()
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.TRANSIENT
    assert "other content" in found.message


async def test_bundles_count_in_every_tag_where_they_may_be(scene):
    for number, suffix in enumerate(("", ".sig")):
        digest = scene.push(f"{number}.0", labels={"number": str(number)})
        layer = (BUNDLE, bundle(statement(digest), OURS), None)
        manifest = artifact(scene.registry, scene.key.repository, [layer])
        scene.registry.push_manifest(
            scene.key.repository, signature_tag(digest, suffix), manifest, manifest["mediaType"]
        )
        assert (await scene.verify(tag=f"{number}.0")).verified


async def test_the_list_of_referrers_in_a_tag_is_read_where_the_registry_has_none(scene):
    """A foreign signature there, and something that is no signature, hide nothing."""
    digest = scene.push()
    repository = scene.key.repository
    entries = []
    for signer, kind in ((THEIRS, BUNDLE), (None, "application/spdx+json"), (OURS, BUNDLE)):
        layers = [(BUNDLE, bundle(statement(digest), signer), None)] if signer else []
        manifest = artifact(scene.registry, repository, layers, artifactType=kind)
        pushed = scene.registry.push_manifest(repository, None, manifest, manifest["mediaType"])
        entries.append(
            {"mediaType": manifest["mediaType"], "digest": pushed, "size": size_of(manifest),
             "artifactType": kind}
        )  # fmt: skip
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    scene.registry.push_manifest(repository, signature_tag(digest, ""), index, INDEX)
    assert (await scene.verify()).verified


def size_of(document):
    return len(json.dumps(document).encode())


async def test_an_index_is_proven_by_a_signature_of_the_index(scene):
    images = [("linux/amd64", {}), ("linux/arm64", {})]
    digest = scene.registry.push_index(scene.key.repository, "1.0", images)
    scene.sign(digest)
    found = await scene.verify()
    assert found.verified
    assert found.digest == digest


async def test_a_tag_that_moves_while_it_is_verified_is_not_proven(scene):
    digest = scene.push()
    scene.sign(digest)

    def move(exchange):
        if exchange.method == "GET" and len(moved) == 0 and scene.seen["HEAD"]:
            moved.append(scene.push(labels={"moved": "yes"}))

    moved = []
    scene.on_request = move
    found = await scene.verify()
    assert not found.verified
    assert f"moved from {digest} to {moved[0]}" in found.message
    again = await scene.verify()
    assert not again.verified
    assert moved[0] in again.message


async def test_a_tag_that_is_gone_is_not_proven(scene):
    found = await scene.verify(tag="9.9")
    assert not found.verified
    assert "not there" in found.message


async def test_a_digest_that_is_deployed_itself_needs_no_tag(scene):
    digest = scene.push()
    scene.sign(digest)
    found = await scene.verify(tag="gone", digest=digest)
    assert found.verified


async def test_a_proof_is_kept_and_the_lack_of_one_is_not(scene):
    digest = scene.push()
    assert not (await scene.verify()).verified
    scene.sign(digest)
    assert (await scene.verify()).verified
    assert (await scene.verify()).verified
    assert scene.seen == {"HEAD": 1, "GET": 1}  # the tag, and the ping


async def test_a_proof_is_worth_nothing_for_other_keys(scene):
    scene.sign(scene.push())
    assert (await scene.verify()).verified
    scene.secrets[KEYS] = {"cosign.pub": THEIRS.public_pem}
    assert not (await scene.verify()).verified


async def test_equal_keys_of_different_secrets_cost_one_search(scene):
    digest = scene.push()
    scene.sign(digest, THEIRS)
    others = [ObjectKey(f"team-{number}", "keys") for number in range(5)]
    scene.secrets |= {key: {"cosign.pub": OURS.public_pem + b"\n"} for key in others}
    answers = await scene.ask(*(scene.question(secret=key) for key in others))
    assert [answer.verified for answer in answers] == [False] * 5
    # The tag; then the ping, referrers, two tags, and the signed text.
    assert scene.seen == {"HEAD": 1, "GET": 5}


async def test_other_questions_are_answered_beside(scene):
    scene.sign(scene.push())
    tags, proof = await scene.ask(TagListQuestion(scene.key), scene.question())
    assert "1.0" in tags.tags
    assert proof.verified


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (None, FailureKind.CONFIG, "there is no 'cosign.pub' of Secret argocd/keys"),
        ({}, FailureKind.CONFIG, "there is no 'cosign.pub'"),
        ({"cosign.pub": b"nonsense"}, FailureKind.CONFIG, "no key in PEM form"),
        (RemoteError("the API is away"), FailureKind.CREDENTIALS, "the API is away"),
    ],
)
async def test_without_a_usable_key_nothing_is_asked(scene, data, kind, words):
    scene.secrets[KEYS] = data
    found = await scene.verify()
    assert found.kind is kind
    assert words in found.message
    assert not scene.seen


async def test_a_flood_of_signatures_is_not_read_to_its_end(scene):
    """Whoever may push can add any number; ours may then be hidden, but nothing is let through."""
    digest = scene.push()
    layers = [simple_layer(simple_payload(digest), THEIRS)] * (MAX_LAYERS + 1)
    scene.push_signature(digest, *layers, simple_layer(simple_payload(digest), OURS))
    found = await asyncio.wait_for(scene.verify(), 30)
    assert not found.verified
    assert f"more than {MAX_LAYERS} signatures" in found.message
