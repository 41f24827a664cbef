"""Settings merged over resource, reference and image."""

from vectors.resource_cases import check_write_back, lower_keys, resolve_case, shown_image

VECTORS = "settings_inheritance"

REFUSED = "refused"
# Better results that the case tells in words; everything else is as recorded.
BETTER = {
    "writeBack target 'kustomization.yaml'": REFUSED,
    "writeBack target 'helmvalues.yaml'": REFUSED,
    "writeBack target 'helmvalues/x.yaml'": REFUSED,
    "writeBack default target, path outside": REFUSED,
    "verification useAnnotations: ref-level verification applies, spec-level does not": {
        "verify": True,
        "cosign_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    },
}
# A target that is a directory is of no use: the word alone means the usual file in it.
OUR_TARGETS = {"writeBack target 'helmvalues:'": "apps/web/values.yaml"}


def test_settings_are_merged_field_by_field(case):
    resolution = resolve_case(case, [case["app"]], secrets=case["secrets"])
    better = BETTER.get(case["name"]) if "deviation" in case else None
    if case.get("error") or better == REFUSED:
        assert not resolution.intents
        assert any(not problem.quiet for problem in resolution.problems)
        return
    expect = case["expect"]
    if not expect["selected"]:
        assert not resolution.intents
        return
    [intent] = resolution.intents
    assert intent.pattern == expect["ref"]
    assert intent.source_type == expect["source_type"]
    assert intent.application_type == expect["handled_as"]
    recorded = expect["write_back"]
    target = OUR_TARGETS.get(case["name"], recorded["target"])
    check_write_back(intent, recorded | {"target": target})
    namespace = intent.application.key.namespace
    ours = [
        shown_image(image, secrets=case["secrets"], namespace=namespace) for image in intent.images
    ]
    assert ours == [image | (better or {}) for image in lower_keys(expect["images"])]


def test_every_setting_tells_where_it_came_from(case):
    resolution = resolve_case(case, [case["app"]], secrets=case["secrets"])
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
            "verify_enabled",
            "verify_key",
            "downgrade",
        }
