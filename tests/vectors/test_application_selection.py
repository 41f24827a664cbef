"""Which Applications a resource selects, by which reference, with which images."""

from argocd_image_updater.core.reference import ImageReference, hub_equivalent, same_image
from argocd_image_updater.core.selection import specificity
from vectors.resource_cases import check_write_back, read_resource, resolve_case

VECTORS = "application_selection"

# Better results that the case tells in words; everything else is as recorded.
BETTER = {
    "webhook: Docker Hub image written without registry does match ghcr event": [],
    "webhook: library prefix": ["b"],
}


def event_filter(event):
    """A plain stand-in for the rules of events: the pushed image, Docker Hub however spelled."""
    if event is None:
        return None
    pushed = ImageReference(event["registryUrl"], event["repository"])
    return lambda image: same_image(image, pushed) or hub_equivalent(image, pushed)


def test_applications_are_selected_by_the_most_specific_reference(case):
    secrets = case.get("secrets")
    resolution = resolve_case(
        case, case["apps"], secrets=secrets, event_filter=event_filter(case.get("webhook_event"))
    )
    if case.get("error"):
        assert resolution.failed
        assert resolution.problems
        assert not resolution.intents
        return
    assert not resolution.failed
    better = BETTER.get(case["name"]) if "deviation" in case else None
    selected = {name: item for name, item in case["expect"]["apps"].items() if item["selected"]}
    ours = {str(intent.application.key): intent for intent in resolution.intents}
    assert list(ours) == sorted(ours)
    if better is not None:
        assert [image.alias for intent in ours.values() for image in intent.images] == better
        return
    assert set(ours) == set(selected)
    for name, expect in selected.items():
        intent = ours[name]
        assert intent.pattern == expect["ref"]
        assert [image.alias for image in intent.images] == expect["images"]
        assert intent.source_type == expect["source_type"]
        assert intent.application_type == expect["handled_as"]
        check_write_back(intent, expect["write_back"])


def test_specificity_has_the_recorded_score(case):
    if case.get("error"):
        return
    scores = [specificity(ref) for ref in read_resource(case["cr"]).refs]
    assert scores == case["expect"]["specificity"]
