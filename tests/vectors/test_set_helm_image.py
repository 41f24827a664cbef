"""Put one image into the Helm parameters of an Application."""

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, set_image, with_source
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.core.source_type import choose_source
from vectors.flags import is_flagged, rule_of
from vectors.parameter_cases import (
    application_of,
    settings_of,
    shown_parameters,
    source_of,
    tag_of,
    types_of,
)
from vectors.parameter_rules import (
    STAND_IN,
    image_parts,
    with_block,
    with_stand_in,
    with_trimmed_names,
)

VECTORS = "set_helm_image"

REFUSED = "refused"


def test_an_image_is_set_in_helm_parameters(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or only_named_parameters_differ
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["parameters"]


def outcome_of(case):
    """Return the list afterwards; an Application of another type keeps the list it has."""
    application = application_of(case)
    source_type, kind = types_of(case, application)
    source = source_of(application, source_type)
    ref = choose_source(application, source_type)
    try:
        changed = set_image(
            source,
            settings=settings_of(case),
            application_type=kind,
            source_type=source_type,
            tag=tag_of(case),
        )
    except TargetMismatch:
        return REFUSED
    if kind is not ApplicationType.HELM:
        assert changed.helm_parameters == source.helm_parameters
        return REFUSED
    if not case.get("error"):
        assert str(ref) == case["expect"]["writeSource"]
    assert with_source(application, ref, changed).source_at(ref) == changed
    return shown_parameters(changed)


def constraints_do_not_change_identity(case, outcome):
    """The image is written as if its constraint were a plain tag."""
    repository, _ = image_parts(case)
    return outcome == [
        {**item, "value": item["value"].replace(STAND_IN, repository)}
        for item in outcome_of(with_stand_in(case))
    ]


def the_block_is_created(case, outcome):
    return outcome == outcome_of(with_block(case, "helm"))


def names_are_trimmed(case, outcome):
    return outcome == outcome_of(with_trimmed_names(case))


def refused(_case, outcome):
    return outcome == REFUSED


def only_named_parameters_differ(case, outcome):
    """Invariant of this file: a refusal, or parameters the image does not name are as they were."""
    if outcome == REFUSED:
        return True
    application = application_of(case)
    before = shown_parameters(source_of(application, types_of(case, application)[0]))
    helm = (case["image"].get("manifestTargets") or {}).get("helm") or {}
    names = {helm.get("spec"), helm.get("name") or "image.name", helm.get("tag") or "image.tag"}
    names |= {name.strip() for name in names if name}
    return [item for item in outcome if item.get("name") not in names] == [
        item for item in before if item.get("name") not in names
    ]


RULES = {
    "image reference is misread": constraints_do_not_change_identity,
    "Better: report an error": refused,
    "dry source has no matching block": the_block_is_created,
    "Better: trim everywhere": names_are_trimmed,
}
