"""A client gets the recorded results from a scripted registry, and sends credentials nowhere else.

Every request of ours must be one of the recorded pairs of path and authorization; how many there
are, and the page size, is ours to choose.
"""

import base64
import json
from urllib.parse import parse_qsl, urlsplit

from argocd_image_updater.core.facts import Failure, TagList
from argocd_image_updater.registry.manifests import ImageIndex, ImageManifest
from registries.identities import OneClient, given
from registries.scripted import ScriptedRegistry
from vectors.flags import flag_text, is_flagged, rule_of

VECTORS = "registry_http_flow"


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


async def play(case):
    """Return our results and the requests that the registry received."""
    credentials = given(case.get("username", ""), case.get("password", ""))
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
        return results, registry.requests


async def test_results_and_credentials_are_as_recorded(case):
    results, sent = await play(case)
    expected = case["expect"]["results"]
    if expected[0]["op"] == "connect":
        assert results[0]["error"]
        assert not [one for one in sent if one.authorization]
        return
    assert len(results) == len(expected)
    for result, recorded in zip(results, expected, strict=True):
        assert result == recorded or is_better(case, result, recorded), result
    assert all(may_be_sent(case, one) for one in sent)


def is_better(case, result, recorded):
    if not is_flagged(case):
        return False
    rule = rule_of(case, RULES) or nothing_is_made_up
    return rule(case, result, recorded)


def may_be_sent(case, request):
    """Whether a path gets an authorization, and the token service a query, that are recorded.

    In a flagged case a token of the script may go to any path of the registry, once the token
    service was asked for this repository.
    """
    path, authorization = urlsplit(request.target).path, request.authorization
    recorded = {
        (urlsplit(one["url"]).path, one.get("authorization", ""))
        for one in case["expect"]["requests"]
    }
    if path == "/token" and not (is_flagged(case) and asks_for_the_repository(case, request)):
        return (path, authorization) in recorded and query_of(request.target) in [
            query_of(one["url"])
            for one in case["expect"]["requests"]
            if urlsplit(one["url"]).path == path
        ]
    if (path, authorization) in recorded:
        return True
    known = {""} | {f"Bearer {token}" for token in tokens_of(case)}
    if "on any request" in flag_text(case):
        known.add(basic_of(case))
    return is_flagged(case) and authorization in known


def basic_of(case):
    pair = f"{case.get('username', '')}:{case.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def asks_for_the_repository(case, request):
    scopes = [value for name, value in query_of(request.target) if name == "scope"]
    return all(value.startswith(f"repository:{case['repository']}:") for value in scopes)


def query_of(url):
    return sorted(parse_qsl(urlsplit(url).query))


def bodies_of(case):
    """Yield path and decoded body of every answer of the script that is a JSON object."""
    for path, answers in case["routes"].items():
        for answer in answers:
            try:
                body = json.loads(answer.get("body") or "")
            except ValueError:
                continue
            if isinstance(body, dict):
                yield path, answer, body


def tokens_of(case):
    bodies = [body for path, _, body in bodies_of(case) if path.startswith("/token")]
    return {body[key] for body in bodies for key in ("token", "access_token") if body.get(key)}


def tags_through_next_links(case, *, api_path=""):
    """Return the tags of the script from page to page, over links to the next one only.

    None where the script has no such list.
    """
    pages = {path: (answer, body) for path, answer, body in bodies_of(case)}
    path, tags = f"{api_path}/v2/{case['repository']}/tags/list", []
    if path not in pages:
        return None
    seen = set()
    while path in pages and path not in seen:
        seen.add(path)
        answer, body = pages[path]
        tags += body.get("tags") or []
        path = next_link(answer)
    return tags


def next_link(answer):
    for name, value in answer.get("headers") or ():
        for link in value.split(",") if name.lower() == "link" else ():
            target, _, parameters = link.partition(";")
            if "next" in parameters:
                return target.strip(" <>").removeprefix("{{BASE}}")
    return ""


def refusals_count(_case, result, recorded):
    """An answer of 401 or 403 is a refusal of the credentials, whatever stands in it."""
    return bool(recorded.get("error")) and result == {**recorded, "seen_as_auth_error": True}


def only_next_pages_are_read(case, result, recorded):
    wanted = tags_through_next_links(case, api_path=case.get("api_path", ""))
    return result == {**recorded, "tags": wanted}


def the_whole_path_is_kept(case, result, recorded):
    """Requests go below the whole API URL; where the script has nothing there, it is an error."""
    wanted = tags_through_next_links(case, api_path=case.get("api_path", ""))
    if wanted is None:
        return bool(result.get("error")) and not result["seen_as_auth_error"]
    return result == {"op": recorded["op"], "tags": wanted}


def another_try_may_help(case, result, recorded):
    """What a registry answers later counts, or the failure stays one."""
    return bool(result.get("error")) or nothing_is_made_up(case, result, recorded)


def challenges_are_answered(case, result, recorded):
    """Either the credentials are sent and serve, or the refusal counts as one."""
    if result.get("error"):
        return result["seen_as_auth_error"]
    return nothing_is_made_up(case, result, recorded)


def nothing_is_made_up(case, result, recorded):
    """Invariant of this file: an error, or values that stand in the script."""
    if result.get("error"):
        return True
    text = json.dumps(case["routes"])
    given = result.get("tags") or [result.get("digest", "")]
    given = given + [one["digest"] for one in result.get("referrers", ())]
    return result["op"] == recorded["op"] and all(value in text for value in given)


RULES = {
    "401/403 should count": refusals_count,
    "rel=next": only_next_pages_are_read,
    "api_url with a path": the_whole_path_is_kept,
    "keep the whole path": the_whole_path_is_kept,
    "GAP: retry": another_try_may_help,
    "prefer Bearer": nothing_is_made_up,
    "follow pages": nothing_is_made_up,
    "on any request": challenges_are_answered,
}
