"""Signatures in a scripted registry prove an image, or do not.

What the file records of lookups is for information. A case that is flagged may be answered in the
better way that its words name, which the table below knows.
"""

import asyncio
import json

from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import (
    RepositoryKey,
    SignaturePolicy,
    VerificationFact,
    VerificationQuestion,
)
from registries.identities import OneClient
from registries.scripted import ScriptedRegistry
from vectors.flags import flag_text, is_flagged

VECTORS = "cosign_verify"
REPOSITORY = RepositoryKey("reg.test", "team/app")
POLICY = SignaturePolicy(ObjectKey("argocd", "keys"), "cosign.pub")
BASE = "/v2/team/app"


class OneRegistry:
    """The part of an engine that is asked: one client, and no other questions."""

    def __init__(self, client):
        self._client = client

    def client(self, repository):
        assert repository == REPOSITORY
        return self._client

    async def ask(self, questions, **_):
        assert not questions
        return {}


def routes_of(case):
    """Return the table of the scripted registry."""
    found = {"/v2/": [answer("{}")]}
    for reference, manifest in {
        **case["manifests_by_tag"], **case["manifests_by_digest"],
    }.items():  # fmt: skip
        headers = [("Content-Type", manifest["media_type"])]
        found[f"{BASE}/manifests/{reference}"] = [answer(manifest["content"], headers)]
    for digest, blob in case["blobs"].items():
        found[f"{BASE}/blobs/{digest}"] = [answer(blob["content"])]
    listed = case["referrers"]
    if listed is not None:
        index = {"schemaVersion": 2, "manifests": listed}
        broken = {"status": 500, "body": "broken"}
        digest = case.get("known_manifest_digest") or digest_of_tag(case)
        found[f"{BASE}/referrers/{digest}"] = [
            broken if listed == "error" else answer(json.dumps(index))
        ]
    return found


def answer(body, headers=()):
    return {"status": 200, "headers": list(headers), "body": body}


def digest_of_tag(case):
    """Return what the recorded lookups say the tag is."""
    asked = (one.split(" ") for one in case["expect"]["fetches"])
    return next((argument for verb, argument in asked if verb == "referrers"), "")


async def verify(case):
    """Return our answer to a case."""

    async def read_secret(key):
        assert key == POLICY.secret
        return {POLICY.key: case["public_key"].encode()}

    question = VerificationQuestion(
        REPOSITORY, "1.0", case.get("known_manifest_digest", ""), POLICY
    )
    async with (
        ScriptedRegistry(routes_of(case)) as registry,
        OneClient(registry.base, REPOSITORY.repository) as client,
    ):
        asked = VerifiedRegistries(OneRegistry(client), read_secret=read_secret, proofs=Proofs())
        answers = await asyncio.wait_for(asked.ask([question]), 30)
        return answers[question]


async def test_an_image_is_proven_as_recorded_or_better(case):
    found = await verify(case)
    verified = isinstance(found, VerificationFact) and found.verified
    assert verified == expected(case), found
    assert verified or found.message


def expected(case):
    """Return the better result where it is known; what is not known is never proof."""
    recorded = case["expect"]["verified"]
    if not is_flagged(case):
        return recorded
    text = flag_text(case)
    return next((better for words, better in BETTER.items() if words in text), False)


BETTER = {
    "until one signature verifies": True,
    "try all keys": True,
    "only the cosign signing predicate": False,
    "cosign supports": True,
    "other bundle versions": True,
    "look at all layers": True,
    "resolve the tag again": False,
}
