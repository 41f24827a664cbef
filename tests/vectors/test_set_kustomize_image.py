"""Put one image into the Kustomize overrides of an Application."""

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, set_image
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import choose_source
from vectors.flags import is_flagged, rule_of
from vectors.parameter_cases import application_of, settings_of, source_of, tag_of, types_of
from vectors.parameter_rules import image_parts, override_lists, split_override, tag_suffix

VECTORS = "set_kustomize_image"

REFUSED = "refused"


def test_an_image_is_set_in_kustomize_overrides(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or other_images_are_left_alone
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["images"]


def outcome_of(case):
    """Return the list afterwards; an Application of another type keeps the list it has."""
    application = application_of(case)
    source_type, kind = types_of(case, application)
    source = source_of(application, source_type)
    ways = {
        "settings": settings_of(case),
        "application_type": kind,
        "source_type": source_type,
        "tag": tag_of(case),
    }
    try:
        changed = set_image(source, **ways)
    except TargetMismatch:
        return REFUSED
    if kind is not ApplicationType.KUSTOMIZE:
        assert changed.kustomize_images == source.kustomize_images
        return REFUSED
    if not case.get("error"):
        assert str(choose_source(application, source_type)) == case["expect"]["writeSource"]
    assert already_set(changed, **ways)
    assert set_image(changed, **ways) == changed
    return list(changed.kustomize_images)


def list_before(case):
    application = application_of(case)
    source_type, _ = types_of(case, application)
    return list(source_of(application, source_type).kustomize_images or ())


def only_the_image_is_set(case, outcome):
    """One entry per left side, at the first position; entries of other images as they were."""
    return outcome in override_lists(case, list_before(case))


def repeated_entries_are_one(case, outcome):
    """One of entries that say the same, at the first position."""
    is_one = outcome == list(dict.fromkeys(case["expect"]["images"]))
    return is_one or only_the_image_is_set(case, outcome)


def the_block_is_created(case, outcome):
    return outcome == override_lists(case, [])[0]


def refused(_case, outcome):
    return outcome == REFUSED


def other_images_are_left_alone(case, outcome):
    """Invariant of this file: a refusal, or the image is set and other images are as they were."""
    if outcome == REFUSED:
        return True
    repository, plain = image_parts(case)
    others = [text for text in list_before(case) if name_of(text) != plain.name]
    return [text for text in outcome if name_of(text) != plain.name] == others and any(
        text.endswith(repository + tag_suffix(case)) for text in outcome
    )


def name_of(text):
    return parse_image(split_override(text)[2]).name


RULES = {
    "duplicates": repeated_entries_are_one,
    "same registry-with-port": only_the_image_is_set,
    "(left side of '=')": only_the_image_is_set,
    "image reference is misread": only_the_image_is_set,
    "Matching ignores the registry": only_the_image_is_set,
    "dry source has no matching block": the_block_is_created,
    "Better: report an error": refused,
}
