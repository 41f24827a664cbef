"""Read the image that an Application's source asks for now."""

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, current_image
from vectors.flags import is_flagged, rule_of
from vectors.parameter_cases import application_of, settings_of, source_of, types_of
from vectors.parameter_rules import image_parts, with_trimmed_names

VECTORS = "get_current_from_params"

REFUSED = "refused"


def test_the_image_a_source_asks_for_is_read(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or nothing_is_made_up
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["image"]


def outcome_of(case):
    application = application_of(case)
    source_type, kind = types_of(case, application)
    try:
        return current_image(
            source_of(application, source_type),
            settings=settings_of(case),
            application_type=kind,
            source_type=source_type,
        )
    except TargetMismatch:
        return REFUSED


def names_are_trimmed(case, outcome):
    return outcome == outcome_of(with_trimmed_names(case))


def constraints_do_not_change_identity(case, outcome):
    """The image is looked for as if its constraint were a plain tag."""
    repository, _ = image_parts(case)
    other = {**case, "image": {**case["image"], "imageName": f"{repository}:1"}}
    return outcome == outcome_of(other)


def nothing_is_made_up(case, outcome):
    """Invariant of this file: a refusal, nothing, or texts that stand in the source."""
    application = application_of(case)
    source = source_of(application, types_of(case, application)[0])
    texts = {item.value for item in (*(source.helm_parameters or ()), *(source.plugin_env or ()))}
    texts.update(source.kustomize_images or ())
    joined = {f"{name}:{tag}" for name in texts for tag in texts}
    left_side_cut = {text.partition("=")[2] for text in texts}
    return outcome in {REFUSED, ""} | texts | joined | left_side_cut


RULES = {
    "Better: trim everywhere": names_are_trimmed,
    "image reference is misread": constraints_do_not_change_identity,
}
