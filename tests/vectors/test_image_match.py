"""Configured images against running ones: live lookup, re-selection, equality for overrides."""

from argocd_image_updater.core.reference import (
    live_matches,
    parse_image,
    reselect_for_digest,
    same_for_override,
    same_image,
)
from vectors.flags import is_flagged

VECTORS = "image_match"


def test_a_configured_image_finds_these_running_ones(case):
    found = matched(case)
    accepted = found in (case["expect"], better(case))
    if not accepted and is_flagged(case) and "better" not in case:
        accepted = indexes_are_of_the_same_name(case, found)
    assert accepted, found


def matched(case):
    configured = parse_image(f"app={case['configured']}")
    original = parse_image(case["kustomize_name"]) if case["kustomize_name"] else None
    live = [parse_image(text) for text in case["app_images"]]
    found = live_matches(live, configured, kustomize_image=original)
    result = {"matches": bool(found), "match_index": live.index(found[0]) if found else None}
    if "latest_digest" in case:
        constraint = configured.tag.name if configured.tag else ""
        again = reselect_for_digest(
            live, configured, constraint=constraint, digest=case["latest_digest"]
        )
        result["digest_match_index"] = live.index(again) if again else None
    if len(live) == 1:
        result["same_for_override"] = same_for_override(configured, live[0])
        if found:
            result["differs_from_match"] = not same_image(configured, live[0])
    return result


def indexes_are_of_the_same_name(case, found):
    """Invariant of this file: what matches ends in the last path element that is configured."""
    wanted = {last_element(case["configured"]), last_element(case["kustomize_name"] or "")}
    index = found["match_index"]
    return index is None or last_element(case["app_images"][index]) in wanted


def last_element(text):
    return text.partition("@")[0].rpartition("/")[2].partition(":")[0]


def better(case):
    """Whoever is (not) the same image by its better identity is (not) the same for overrides."""
    if "better" not in case:
        return None
    wanted = {**case["expect"], **case["better"]}
    if "same_for_override" in wanted and not case["kustomize_name"]:
        wanted["same_for_override"] = wanted["matches"]
        wanted.pop("differs_from_match", None)
        if wanted["matches"]:
            wanted["differs_from_match"] = False
    return wanted
