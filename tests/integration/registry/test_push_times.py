"""When tags were pushed: what the registries of Google and of Azure answer, over real sockets."""

import json
import time

import pytest

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    Pushed,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
)
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.identities import ONCE
from registries.scripted import ScriptedRegistry

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
LIST = "/v2/team/app/tags/list"
AZURE = "/acme.azurecr.io"  # in the path, for tests have no name of such a host
AZURE_LIST = f"{AZURE}/acr/v1/team/app/_tags"
MS, S = 1_000_000, 1_000_000_000


def page(document, *, following="", status=200):
    headers = [("Content-Type", "application/json")]
    if following:
        headers.append(("Link", f'<{following}>; rel="next"'))
    return [{"status": status, "headers": headers, "body": json.dumps(document)}]


def google(tags, **manifests):
    entries = {
        {"a": A, "b": B, "c": C}[letter]: {
            "imageSizeBytes": "1",
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "tag": names,
            "timeCreatedMs": "0",
            "timeUploadedMs": uploaded_ms,
        }
        for letter, (names, uploaded_ms) in manifests.items()
    }
    return {"child": [], "manifest": entries, "name": "team/app", "tags": tags}


def azure(*tags):
    return {
        "registry": "acme.azurecr.io",
        "imageName": "team/app",
        "tags": [
            {
                "name": name,
                "digest": digest,
                "createdTime": "2020-01-01T00:00:00.0Z",
                "lastUpdateTime": updated,
                "signed": False,
                "changeableAttributes": {"listEnabled": True},
            }
            for name, digest, updated in tags
        ],
    }


async def ask(routes, *, path="", cycles=1):
    """Return the answers of some cycles, and which paths were asked for."""
    routes = {"/v2/": page({}), f"{path}/v2/": page({}), **routes}
    async with ScriptedRegistry(routes) as registry:
        host = registry.base.removeprefix("http://")
        table = load_table(
            f"registries: [{{name: local, prefix: '{host}', api_url: '{registry.base}{path}'}}]"
        )
        network = RegistryNetwork(policy=ONCE)
        store = FactStore.in_memory()
        engine = RegistryEngine(
            network=network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=store,
            unix=time.time,
        )
        question = PushTimesQuestion(RepositoryKey(host, "team/app"))
        answers = []
        for _ in range(cycles):
            engine.begin_cycle(table)
            answers.append((await engine.ask([question]))[question])
        await network.aclose()
        store.close()
        return answers, [target for target in registry.targets() if "tags" in target]


async def test_google_tells_in_the_list_itself_when_manifests_were_uploaded():
    first = google(["1.0", "1.1"], a=(["1.0", "stable"], "1660697581976"), c=([], "1660697581977"))
    second = google(["2.0"], b=(["2.0"], 1_700_000_000_000))
    routes = {
        f"{LIST}?n=1000": page(first, following=f"{LIST}?n=1000&last=1.1"),
        f"{LIST}?n=1000&last=1.1": page(second),
    }
    [answer], asked = await ask(routes)
    assert answer == PushTimes(
        {
            "1.0": Pushed(A, 1_660_697_581_976 * MS),
            "stable": Pushed(A, 1_660_697_581_976 * MS),
            "2.0": Pushed(B, 1_700_000_000 * S),
        }
    )
    assert len(asked) == 2


async def test_azure_tells_in_a_list_of_its_own_when_tags_were_set():
    first = azure(("1.0", A, "2024-01-02T03:04:05.6789Z"), ("1.1", B, "2024-02-02T00:00:00Z"))
    routes = {
        f"{AZURE_LIST}?n=100": page(first, following="/acr/v1/team/app/_tags?n=100&last=1.1"),
        f"{AZURE_LIST}?n=100&last=1.1": page(azure(("1.2", C, "2024-03-02T00:00:00Z"))),
        "/acr/v1/team/app/_tags?n=100&last=1.1": page(azure(("1.2", C, "2024-03-02T00:00:00Z"))),
    }
    [answer], _ = await ask(routes, path=AZURE)
    assert isinstance(answer, PushTimes)
    assert {tag: item.digest for tag, item in answer.tags.items()} == {
        "1.0": A, "1.1": B, "1.2": C,
    }  # fmt: skip
    assert answer.tags["1.0"].pushed_ns == 1_704_164_645_678_900_000


async def test_a_registry_that_does_not_tell_says_so_and_is_asked_once():
    answers, asked = await ask({LIST: page({"name": "team/app", "tags": ["1.0"]})}, cycles=3)
    assert {answer.kind for answer in answers} == {FailureKind.UNTOLD}
    assert answers[0].message.endswith("/team/app does not tell when its tags were pushed")
    assert len(asked) == 1


async def test_a_repository_without_tags_is_asked_again():
    answers, asked = await ask({LIST: page({"name": "team/app", "tags": []})}, cycles=2)
    assert answers == [PushTimes({}), PushTimes({})]
    assert len(asked) == 2


async def test_a_tag_without_a_time_or_a_digest_is_left_out_and_never_guessed():
    document = google(["1.0", "1.1", "1.2"], a=(["1.0"], "soon"), b=(["1.1"], "1660697581976"))
    document["manifest"]["no digest"] = {"tag": ["1.2"], "timeUploadedMs": "1660697581976"}
    [answer], _ = await ask({LIST: page(document)})
    assert set(answer.tags) == {"1.1"}
    old = azure(("1.0", A, "yesterday"), ("1.1", B, "2024-02-02T00:00:00Z"), ("1.2", "", "x"))
    [answer], _ = await ask({AZURE_LIST: page(old)}, path=AZURE)
    assert set(answer.tags) == {"1.1"}


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        ({"tags": ["1.0"], "manifest": ["1.0"]}, 200, FailureKind.UNUSABLE),
        ({"errors": [{"code": "UNAVAILABLE"}]}, 200, FailureKind.UNUSABLE),
        ({}, 503, FailureKind.TRANSIENT),
        ({}, 403, FailureKind.DENIED),
    ],
)
async def test_what_is_no_list_is_a_failure_and_not_a_shorter_list(document, status, kind):
    answers, _ = await ask({LIST: page(document, status=status)}, cycles=2)
    assert all(isinstance(answer, Failure) for answer in answers)
    assert {answer.kind for answer in answers} == {kind}


async def test_a_list_that_leads_back_to_itself_has_an_end():
    routes = {LIST: page(google(["1.0"], a=(["1.0"], "1")), following=f"{LIST}?n=1000")}
    [answer], asked = await ask(routes)
    assert isinstance(answer, Failure)
    assert len(asked) == 1
