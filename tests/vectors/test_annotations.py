"""Settings read from the annotations of an Application."""

from vectors.resource_cases import check_write_back, lower_keys, resolve_case, shown_image

VECTORS = "annotations"

REFUSED = "refused"
# Better results that the case tells in words; everything else is as recorded.
BETTER = {
    "helm annotation with underscore alias for slash": {"helm_name": "n"},
    "write-back-target 'kustomization.yaml'": REFUSED,
    "write-back-target 'helmvalues.yaml'": REFUSED,
}


def test_annotations_give_the_settings(case):
    resource = {
        "metadata": {"name": "iu", "namespace": "argocd"},
        "spec": {"applicationRefs": [{"namePattern": "*", "useAnnotations": True}]},
    }
    resolution = resolve_case({"cr": resource}, [case["app"]])
    better = BETTER.get(case["name"]) if "deviation" in case else None
    if case.get("error") or better == REFUSED:
        assert not resolution.intents
        assert resolution.problems
        return
    expect = case["expect"]
    if not expect["selected"]:
        assert not resolution.intents
        return
    [intent] = resolution.intents
    assert intent.source_type == expect["source_type"]
    assert intent.application_type == expect["handled_as"]
    check_write_back(intent, expect["write_back"])
    ours = [shown_image(image, secrets={}, namespace="argocd") for image in intent.images]
    assert ours == [image | (better or {}) for image in lower_keys(expect["images"])]
