"""Settings merged over resource, reference and image."""

from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import matches_recorded
from vectors.resource_rules import RULES, closed_or_recorded, resolution_of

VECTORS = "settings_inheritance"

BY_ROOT = "helmvalues:/"


def test_settings_are_merged_field_by_field(case):
    resolution = resolution_of(case)
    accepted = matches_recorded(case, resolution, change=with_the_usual_values_file)
    if is_flagged(case) and not accepted:
        rule = rule_of(case, RULES) or closed_or_recorded
        accepted = rule(case, resolution)
    assert accepted, resolution
    if case.get("error"):
        assert any(not problem.quiet for problem in resolution.problems)


def with_the_usual_values_file(case, expect):
    """A target that is a directory is of no use: the word alone means the usual file in it."""
    write_back = expect["write_back"]
    if write_back["method"] != "git" or configured_target(case) not in ("helmvalues:", BY_ROOT):
        return expect
    target = f"{write_back['target']}/values.yaml"
    kind = {"source_type": "Helm", "handled_as": "helm"}
    return {**expect, **kind, "write_back": {**write_back, "target": target}}


def configured_target(case):
    spec = case["cr"]["spec"]
    ref = next((ref for ref in spec["applicationRefs"] if is_recorded(case, ref)), {})
    configs = (level.get("writeBackConfig") or {} for level in (ref, spec))
    targets = ((one.get("gitConfig") or {}).get("writeBackTarget") for one in configs)
    return next((one for one in targets if one is not None), "")


def is_recorded(case, ref):
    return ref["namePattern"] == case["expect"].get("ref")


def test_every_setting_tells_where_it_came_from(case):
    resolution = resolution_of(case)
    for image in (image for intent in resolution.intents for image in intent.images):
        assert set(image.origins) == {
            "reference",
            "strategy",
            "force_update",
            "allow_tags",
            "ignore_tags",
            "pull_secret",
            "platforms",
            "target",
            "write_back_target",
            "verify_enabled",
            "verify_key",
            "verify_every_key",
            "verify_annotations",
            "verify_identities",
            "verify_every_identity",
            "downgrade",
            "newest_by",
            "minimum_age",
            "minimum_age_from",
        }
