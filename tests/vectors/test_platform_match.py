"""Wanted platforms against the platform of a manifest."""

from argocd_image_updater.core.platforms import matches, parse_platforms, platform_key

VECTORS = "platform_match"

# What the notes of these cases ask for in words: the wanted key as compared.
BETTER_KEYS = {
    "linux/amd64/v1": "linux/amd64/v1",
    "linux/arm64/v8": "linux/arm64/v8",
    "Linux/amd64": "linux/amd64",
    "linux/AMD64": "linux/amd64",
    "linux/arm/V7": "linux/arm/v7",
    "linux / amd64": "linux/amd64",
    "linux/aarch64": "linux/arm64",
}


def test_a_manifest_offers_a_wanted_platform_or_not(case):
    default = "" if case.get("no_constraint_when_empty") else case.get("runtime", "linux/amd64")
    wanted = parse_platforms(case["platforms"], default=default).wanted
    manifest = case["manifest"]
    parts = (manifest["os"], manifest["architecture"], manifest.get("variant", ""))
    result = {
        "constraint_keys": list(wanted),
        "manifest_key": platform_key(*parts),
        "match": matches(wanted, *parts),
    }
    assert result in (case["expect"], better(case))


def better(case):
    if "deviation_allowed" not in case or not set(case["platforms"]) <= set(BETTER_KEYS):
        return None
    keys = sorted(BETTER_KEYS[platform] for platform in case["platforms"])
    return {**case["expect"], "constraint_keys": keys, "match": True}
