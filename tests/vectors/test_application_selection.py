"""Which Applications a resource selects, by which reference, with which images."""

from argocd_image_updater.core.reference import ImageReference, hub_equivalent, same_image
from argocd_image_updater.core.selection import specificity
from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import read_resource, resolve_case, shown_intent

VECTORS = "application_selection"


def event_filter(event):
    """A plain stand-in for the rules of events: the pushed image, Docker Hub however spelled."""
    if event is None:
        return None
    pushed = pushed_image(event)
    return lambda image: same_image(image, pushed) or hub_equivalent(image, pushed)


def pushed_image(event):
    return ImageReference(event.get("registryUrl", ""), event["repository"])


def resolved(case, event):
    return resolve_case(
        case, case["apps"], secrets=case.get("secrets"), event_filter=event_filter(event)
    )


def test_applications_are_selected_by_the_most_specific_reference(case):
    resolution = resolved(case, case.get("webhook_event"))
    names = [str(intent.application.key) for intent in resolution.intents]
    assert names == sorted(names)
    accepted = is_recorded(case, resolution)
    if is_flagged(case) and not accepted:
        rule = rule_of(case, RULES) or nothing_beyond_what_is_recorded
        accepted = rule(case, resolution)
    assert accepted, resolution


def is_recorded(case, resolution):
    if case.get("error"):
        return resolution.failed and bool(resolution.problems) and not resolution.intents
    recorded = selected_apps(case)
    ours = {str(intent.application.key): intent for intent in resolution.intents}
    return (
        not resolution.failed
        and set(ours) == set(recorded)
        and all(shown_intent(ours[name], like=item) == item for name, item in recorded.items())
    )


def selected_apps(case):
    apps = (case.get("expect") or {}).get("apps") or {}
    return {name: item for name, item in apps.items() if item["selected"]}


def images_by_application(resolution):
    return {
        str(intent.application.key): [image.alias for image in intent.images]
        for intent in resolution.intents
    }


def hosts_and_library_are_compared(case, resolution):
    """The images of an event are those of the same registry and name, Docker Hub's normalised."""
    pushed = normal_identity(pushed_image(case["webhook_event"]))
    everything = resolved(case, None)
    kept = {
        str(intent.application.key): [
            image.alias for image in intent.images if normal_identity(image.reference) == pushed
        ]
        for intent in everything.intents
    }
    return images_by_application(resolution) == {
        name: images for name, images in kept.items() if images
    }


def normal_identity(image):
    registry = image.registry or "docker.io"
    if registry in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        return "docker.io", image.name.removeprefix("library/")
    return registry, image.name


def nothing_beyond_what_is_recorded(case, resolution):
    """Invariant of this file: only recorded Applications and images, or a problem that says why."""
    recorded = selected_apps(case)
    ours = images_by_application(resolution)
    missing = set(recorded) - set(ours)
    return (
        set(ours) <= set(recorded)
        and all(set(images) <= set(recorded[name]["images"]) for name, images in ours.items())
        and (not missing or bool(resolution.problems))
    )


RULES = {
    "matches events of any registry": hosts_and_library_are_compared,
    "implicit library/": hosts_and_library_are_compared,
}


def test_specificity_has_the_recorded_score(case):
    recorded = (case.get("expect") or {}).get("specificity")
    if recorded is None:
        return
    scores = [specificity(ref) for ref in read_resource(case["cr"]).refs]
    assert scores == recorded
