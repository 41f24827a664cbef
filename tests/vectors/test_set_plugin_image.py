"""Put one image into the environment of a configuration management plugin."""

import pytest

from argocd_image_updater.core.parameters.dispatch import TargetMismatch, already_set, set_image
from argocd_image_updater.core.parameters.plugin import set_plugin, variable_names
from argocd_image_updater.core.source_type import choose_source
from vectors.flags import is_flagged, rule_of
from vectors.parameter_cases import (
    application_of,
    settings_of,
    shown_env,
    source_of,
    tag_of,
    types_of,
)
from vectors.parameter_rules import STAND_IN, image_parts, with_block, with_stand_in

VECTORS = "set_plugin_image"

REFUSED = "refused"


def test_an_image_is_set_in_plugin_variables(case):
    if names_no_variable(case):
        check_that_nothing_is_written(case)
        return
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or only_named_variables_differ
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]["env"]


def names_no_variable(case):
    return not case.get("error") and not variable_names(settings_of(case).target)


def ways_of(case, application):
    source_type, kind = types_of(case, application)
    return {
        "settings": settings_of(case),
        "application_type": kind,
        "source_type": source_type,
        "tag": tag_of(case),
    }


def check_that_nothing_is_written(case):
    """For the image as a whole this is an error, not an update."""
    application = application_of(case)
    ways = ways_of(case, application)
    source = source_of(application, ways["source_type"])
    settings = ways["settings"]
    unchanged = set_plugin(
        source.plugin_env or (), target=settings.target, image=settings.reference
    )
    assert shown_env(source) == case["expect"]["env"]
    assert unchanged == (source.plugin_env or ())
    with pytest.raises(TargetMismatch):
        set_image(source, **ways)


def outcome_of(case):
    application = application_of(case)
    ways = ways_of(case, application)
    try:
        changed = set_image(source_of(application, ways["source_type"]), **ways)
    except TargetMismatch:
        return REFUSED
    if not case.get("error"):
        ref = choose_source(application, ways["source_type"])
        assert str(ref) == case["expect"]["writeSource"]
    assert already_set(changed, **ways)
    return shown_env(changed)


def constraints_do_not_change_identity(case, outcome):
    """The image is written as if its constraint were a plain tag."""
    repository, _ = image_parts(case)
    return outcome == [
        {**item, "value": item["value"].replace(STAND_IN, repository)}
        for item in outcome_of(with_stand_in(case))
    ]


def the_block_is_created(case, outcome):
    return outcome == outcome_of(with_block(case, "plugin"))


def refused(_case, outcome):
    return outcome == REFUSED


def only_named_variables_differ(case, outcome):
    """Invariant of this file: a refusal, or variables the image does not name are as they were."""
    if outcome == REFUSED:
        return True
    application = application_of(case)
    before = shown_env(source_of(application, types_of(case, application)[0]))
    plugin = (case["image"].get("manifestTargets") or {}).get("plugin") or {}
    names = {plugin.get(key) for key in ("spec", "name", "tag")}
    return [item for item in outcome if item["name"] not in names] == [
        item for item in before if item["name"] not in names
    ]


RULES = {
    "image reference is misread": constraints_do_not_change_identity,
    "dry source has no matching block": the_block_is_created,
    "Better: report": refused,
}
