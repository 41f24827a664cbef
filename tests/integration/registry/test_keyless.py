"""Keyless signatures on real registries: under Cosign's tag, and in the list of referrers."""

import json
import socket
import sys
import time

import pytest

from argocd_image_updater.controller.trust_root import MAX_TRUSTED_ROOT_BYTES, TrustRoot
from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    RepositoryKey,
    SignaturePolicy,
    VerificationQuestion,
)
from argocd_image_updater.core.identities import KeylessIdentity
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.distribution import OCI_MANIFEST
from registries.signing import (
    BUNDLE,
    Signer,
    artifact,
    signature_tag,
    simple_layer,
    simple_payload,
    statement,
)
from registries.sigstore import ISSUER, WORKFLOW, OwnSigstore

pytestmark = pytest.mark.lab("docker-registry", "referrers-registry")
OWN, OTHERS = OwnSigstore(), OwnSigstore()
KEY = Signer.ecdsa()
KEYS = ObjectKey("argocd", "keys")
BUILD = KeylessIdentity(identity=WORKFLOW, issuer=ISSUER)
REVIEWER = KeylessIdentity(identity="anna@acme.test", issuer=ISSUER)


class Scene:
    """One repository of a registry; lists: whether it has the list of referrers."""

    def __init__(self, registry, repository, *, lists, folder):
        self.registry = registry
        self.key = RepositoryKey(registry.host, repository)
        self.lists = lists
        self.table = load_table(
            f"registries: [{{name: local, prefix: '{registry.host}', api_url: '{registry.url}'}}]"
        )
        self.file = folder / "trusted_root.json"
        self.file.write_bytes(OWN.trusted_root())
        self.trust_root = TrustRoot(self.file)
        self.proofs = Proofs()
        self.requests = 0
        self.on_request = lambda _exchange: None

    def push(self, **image):
        return self.registry.push_image(self.key.repository, "1.0", **image)

    def sign(self, digest, who=None, *, sigstore=OWN, annotations=None, with_key=False):
        """Sign as `cosign sign` does: a bundle where referrers are listed, else under its tag."""
        payload = simple_payload(digest, annotations=annotations)
        layers = [simple_layer(payload, KEY)] if with_key else []
        if not self.lists:
            layers.append(sigstore.simple_layer(payload, who))
            manifest = artifact(self.registry, self.key.repository, layers)
            tag = signature_tag(digest)
            self.registry.push_manifest(self.key.repository, tag, manifest, OCI_MANIFEST)
            return
        document = sigstore.bundle(statement(digest, annotations=annotations), who)
        layers.append((BUNDLE, json.dumps(document).encode(), None))
        subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
        manifest = artifact(
            self.registry, self.key.repository, layers, subject=subject, artifactType=BUNDLE
        )
        self.registry.push_manifest(self.key.repository, None, manifest, OCI_MANIFEST)

    async def read_secret(self, key):
        return {"cosign.pub": KEY.public_pem} if key == KEYS else None

    def _observe(self, exchange):
        self.requests += 1
        self.on_request(exchange)

    async def verify(self, *identities, secret=None, **policy):
        """Run a cycle with one question."""
        wanted = SignaturePolicy(secret, "cosign.pub", identities=identities or (BUILD,), **policy)
        question = VerificationQuestion(self.key, "1.0", "", wanted)
        network = RegistryNetwork(observe=self._observe)
        store = FactStore.in_memory()
        engine = RegistryEngine(
            network=network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=store,
            unix=time.time,
        )
        engine.begin_cycle(self.table)
        asked = VerifiedRegistries(
            engine,
            read_secret=self.read_secret,
            proofs=self.proofs,
            trust_root=self.trust_root,
        )
        try:
            return (await asked.ask([question]))[question]
        finally:
            await network.aclose()
            store.close()


@pytest.fixture(params=["the tag of Cosign", "the list of referrers"])
def scene(request, repository, tmp_path):
    lists = request.param == "the list of referrers"
    registry = request.getfixturevalue("referrers_registry" if lists else "distribution")
    return Scene(registry, repository, lists=lists, folder=tmp_path)


async def test_an_image_signed_by_the_identity_is_proven_under_its_digest(scene):
    digest = scene.push()
    scene.sign(digest)
    found = await scene.verify()
    assert found.verified
    assert found.digest == digest


NOBODY = {
    "another identity": {"who": OWN.identity("https://forge.test/evil")},
    "another issuer": {"who": OWN.identity(issuer="https://evil.test")},
    "another root of trust": {"sigstore": OTHERS},
}


@pytest.mark.parametrize("what", NOBODY)
async def test_what_somebody_else_signed_is_not_proven_and_says_who_must_sign(scene, what):
    digest = scene.push()
    scene.sign(digest, **NOBODY[what])
    found = await scene.verify()
    assert not found.verified
    assert "one signature was found, none that counts" in found.message
    assert f"{digest} must be signed by {WORKFLOW} of {ISSUER}" in found.message


async def test_an_unsigned_image_is_not_proven(scene):
    scene.push()
    assert "no signature was found" in (await scene.verify()).message


async def test_a_signature_of_another_image_is_not_proven(scene):
    digest = scene.push()
    scene.sign(digest)
    scene.push(labels={"another": "image"})
    assert not (await scene.verify()).verified


async def test_a_tag_that_moves_while_it_is_verified_is_not_proven(scene):
    digest = scene.push()
    scene.sign(digest)
    seen, moved = set(), []

    def move(exchange):
        seen.add(exchange.method)
        if seen == {"GET", "HEAD"} and exchange.method == "GET" and not moved:
            moved.append(scene.push(labels={"moved": "yes"}))

    scene.on_request = move
    assert f"moved from {digest} to" in (await scene.verify()).message


async def test_wanted_annotations_must_be_signed_along(scene):
    digest = scene.push()
    wanted = (("env", "prod"),)
    scene.sign(digest, annotations={"env": "test"})
    assert "wanted annotation env" in (await scene.verify(annotations=wanted)).message
    scene.sign(digest, annotations={"env": "prod"})
    assert (await scene.verify(annotations=wanted)).verified


async def test_where_all_identities_must_sign_one_is_not_enough(scene):
    scene.sign(scene.push())
    assert (await scene.verify(REVIEWER, BUILD)).verified
    found = await scene.verify(REVIEWER, BUILD, every_identity=True)
    assert "1 of the 2 identities that must all have signed" in found.message
    assert "and 1 more" in found.message


async def test_a_key_and_an_identity_must_both_have_signed(scene):
    digest = scene.push()
    scene.sign(digest)
    found = await scene.verify(secret=KEYS)
    assert not found.verified
    assert "must be signed with the key in Secret argocd/keys" in found.message
    assert WORKFLOW not in found.message  # that part is proven
    scene.sign(digest, OWN.identity("https://forge.test/evil"), with_key=True)
    if scene.lists:  # the other signature is still there
        assert (await scene.verify(secret=KEYS)).verified
    else:
        assert WORKFLOW in (await scene.verify(secret=KEYS)).message
        scene.sign(digest, with_key=True)
        assert (await scene.verify(secret=KEYS)).verified


async def test_a_proof_is_kept_until_identity_or_root_of_trust_change(scene):
    scene.sign(scene.push())
    assert (await scene.verify()).verified
    scene.requests = 0
    assert (await scene.verify()).verified
    assert scene.requests == 2  # the tag, and the ping
    assert not (await scene.verify(REVIEWER)).verified
    scene.file.write_bytes(OTHERS.trusted_root())
    assert not (await scene.verify()).verified
    scene.file.write_bytes(OWN.trusted_root())
    assert (await scene.verify()).verified


NO_TRUST = {
    "no file": (lambda file: file.unlink(), "cannot be read: No such file"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "cannot be read"),
    "nothing in it": (lambda file: file.write_bytes(b""), "is no root of trust"),
    "too much": (
        lambda file: file.write_bytes(b" " * (MAX_TRUSTED_ROOT_BYTES + 1)),
        "has more than",
    ),
}


@pytest.mark.parametrize("what", NO_TRUST)
async def test_a_root_of_trust_that_cannot_be_used_is_said_and_not_replaced(scene, what):
    scene.sign(scene.push())
    change, words = NO_TRUST[what]
    change(scene.file)
    found = await scene.verify()
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.CONFIG
    assert words in found.message
    assert str(scene.file) in found.message
    assert scene.requests == 0


async def test_without_the_library_the_extra_is_named(scene, monkeypatch):
    scene.sign(scene.push())
    monkeypatch.delitem(sys.modules, "argocd_image_updater.verify.trust", raising=False)
    monkeypatch.delattr("argocd_image_updater.verify.trust", raising=False)
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    found = await scene.verify()
    assert found.kind is FailureKind.CONFIG
    assert "argocd-image-updater[keyless]" in found.message


async def test_without_a_file_that_of_the_public_instance_counts(scene):
    scene.sign(scene.push())
    scene.trust_root = TrustRoot()
    found = await scene.verify()
    assert "none that counts (not proven" in found.message


async def test_nobody_but_the_registry_is_asked(scene, monkeypatch):
    scene.sign(scene.push())
    hosts = []
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def noted_look_up(host, *more, **options):
        hosts.append(host)
        return look_up(host, *more, **options)

    def noted_connect(self, address):
        hosts.append(address[0])
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", noted_look_up)
    monkeypatch.setattr(socket.socket, "connect", noted_connect)
    assert (await scene.verify()).verified
    assert set(hosts) <= {"127.0.0.1", "localhost"}
