"""A client gets the recorded results from a scripted registry, and sends credentials nowhere else.

Every request of ours must be one of the recorded pairs of path and authorization; how many there
are, and the page size, is ours to choose.
"""

from urllib.parse import parse_qsl, urlsplit

from argocd_image_updater.core.facts import Failure, TagList
from argocd_image_updater.registry.manifests import ImageIndex, ImageManifest
from registries.identities import OneClient, given
from registries.scripted import ScriptedRegistry

VECTORS = "registry_http_flow"

AUTH_ERROR = "GAP: any 401/403 should count as an authentication error"
PREFER_BEARER = "BUG: prefer Bearer"  # the scripted token service hands out T1

# What the note of a flagged case means for its results, where it is told in words.
BETTER = {
    "link with rel=prev is followed too": {"tags": ["a"]},
    "two links in one header": {"tags": ["a", "b"]},
    "api_url with a path: ping keeps it, later requests lose the last segment": {
        "tags": ["1.0", "1.1"]
    },
    # the script has no such path: with the whole API URL in front there is no list
    "ACR: three actions in the scope": {"error": True, "seen_as_auth_error": False},
    "ping answers 200 but the tag list wants Basic: configured credentials are never sent": {
        "error": True,
        "seen_as_auth_error": True,
    },
}
# Where a better flow sends what the reference does not: the pairs of path and authorization.
BETTER_PAIRS = {
    "ACR: three actions in the scope": {
        ("/token", ""),
        ("/x.azurecr.io/v2/team/app/tags/list", "Bearer T1"),
    },
    "api_url with a path: ping keeps it, later requests lose the last segment": {
        ("/art/docker-local/v2/team/app/tags/list", "")
    },
}


def pairs_of(case):
    """Pairs of path and authorization that may be sent."""
    recorded = {
        (urlsplit(request["url"]).path, request.get("authorization", ""))
        for request in case["expect"]["requests"]
    }
    if case.get("deviation_allowed") == PREFER_BEARER:
        recorded |= {(path, "Bearer T1") for path, _ in recorded}
    return recorded | BETTER_PAIRS.get(case["note"], set())


def queries_of(case):
    """Queries of the token service, which are binding in full."""
    return [
        sorted(parse_qsl(urlsplit(request["url"]).query))
        for request in case["expect"]["requests"]
        if urlsplit(request["url"]).path == "/token"
    ]


async def run_operation(client, operation):
    """Return the result of one operation in the words of the vector file."""
    verb, _, argument = operation.partition(" ")
    ask = {
        "tags": client.list_tags,
        "manifest": client.manifest,
        "blob": client.blob,
        "referrers": client.referrers,
    }[verb]
    answer = await ask(*([argument] if argument else []))
    if isinstance(answer, Failure):
        return {"op": operation, "error": True}
    if isinstance(answer, TagList):
        return {"op": operation, "tags": list(answer.tags)}
    if isinstance(answer, ImageManifest | ImageIndex):
        return {"op": operation, "digest": answer.digest, "media_type": answer.media_type}
    if isinstance(answer, bytes):
        return {"op": operation, "size": len(answer)}
    referrers = [
        {"artifactType": descriptor.artifact_type, "digest": descriptor.digest}
        for descriptor in answer
    ]
    return {"op": operation, "referrers": referrers}


def accepted(case, recorded):
    """All results that may come in the place of a recorded one."""
    results = [recorded]
    flag = case.get("deviation_allowed", "")
    if better := BETTER.get(case["note"]):
        results.append({"op": recorded["op"], **better})
    if flag == AUTH_ERROR and recorded.get("error"):
        results.append({**recorded, "seen_as_auth_error": True})
    return results


async def test_results_and_credentials_are_as_recorded(case):
    credentials = given(case["username"], case["password"])
    async with (
        ScriptedRegistry(case["routes"]) as registry,
        OneClient(
            registry.base + case.get("api_path", ""), case["repository"], credentials=credentials
        ) as client,
    ):
        results = []
        for operation in case["operations"]:
            rejections = credentials.rejections
            result = await run_operation(client, operation)
            if result.get("error"):
                result["seen_as_auth_error"] = credentials.rejections > rejections
            results.append(result)
        sent = registry.requests
    expected = case["expect"]["results"]
    if expected[0]["op"] == "connect":
        assert results[0]["error"]
        assert not [one for one in sent if one.authorization]
        return
    assert len(results) == len(expected)
    for result, recorded in zip(results, expected, strict=True):
        assert result in accepted(case, recorded)
    assert {(urlsplit(one.target).path, one.authorization) for one in sent} <= pairs_of(case)
    asked = [
        sorted(parse_qsl(urlsplit(one.target).query))
        for one in sent
        if urlsplit(one.target).path == "/token"
    ]
    if case["note"] not in BETTER_PAIRS:
        assert all(query in queries_of(case) for query in asked)
