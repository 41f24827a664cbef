"""Wanted platforms against the platform of a manifest."""

from argocd_image_updater.core.platforms import matches, parse_platforms, platform_key
from vectors.flags import is_flagged

VECTORS = "platform_match"

OTHER_NAMES = {"aarch64": "arm64", "x86_64": "amd64", "x86-64": "amd64", "armhf": "arm"}
IMPLIED = {"amd64": "v1", "arm64": "v8"}


def test_a_manifest_offers_a_wanted_platform_or_not(case):
    default = case.get("runtime", "linux/amd64")
    if case.get("no_constraint_when_empty"):
        default = ""
    wanted = parse_platforms(case["platforms"], default=default).wanted
    manifest = case["manifest"]
    parts = (manifest["os"], manifest["architecture"], manifest.get("variant", ""))
    result = {
        "constraint_keys": list(wanted),
        "manifest_key": platform_key(*parts),
        "match": matches(wanted, *parts),
    }
    recorded = {key: case["expect"][key] for key in result if key in case["expect"]}
    shown = {key: result[key] for key in recorded}
    assert shown == recorded or (is_flagged(case) and is_better(case, result))


def is_better(case, result):
    """The same platform matches however it is spelled; a spelling that says nothing never does."""
    wanted = {normal(text) for entry in case["platforms"] for text in entry.split(",")}
    manifest = case["manifest"]
    names = (manifest["os"], manifest["architecture"], manifest.get("variant", ""))
    offered = normal("/".join(name for name in names if name))
    return {normal(key) for key in result["constraint_keys"]} == wanted and result["match"] is (
        offered in wanted
    )


def normal(text):
    """Return system, architecture and variant in one spelling."""
    system, architecture, variant = ([*(part.strip() for part in text.lower().split("/")), "", ""])[
        :3
    ]
    architecture = OTHER_NAMES.get(architecture, architecture)
    return system, architecture, "" if IMPLIED.get(architecture) == variant else variant
