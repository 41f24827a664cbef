"""Base branch, push branch, pull request labels and target key."""

import re

from argocd_image_updater.core.inheritance import layers_of, merge_write_back
from argocd_image_updater.core.write_back import resolve_write_back
from argocd_image_updater.core.write_back_texts import parse_branches
from argocd_image_updater.errors import ConfigError
from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import read_application
from vectors.test_write_back_target import write_back_config

VECTORS = "branch_spec"

REFUSED = "refused"


def test_branches_are_resolved(case):
    outcome = outcome_of(case)
    if is_flagged(case) and outcome != recorded(case):
        rule = rule_of(case, RULES) or recorded_or_refused
        assert rule(case, outcome), outcome
    else:
        assert outcome == recorded(case)


def outcome_of(case):
    """Return what is resolved, with the keys that the case records."""
    application = read_application(case["application"])
    config = write_back_config(case["write_back_config"])
    settings = merge_write_back(layers_of((("spec.writeBackConfig", config),)))
    try:
        placement = resolve_write_back(
            application, settings, controller_namespace="argocd", standalone=False
        )
        branches = parse_branches(case.get("branch") or "")
    except ConfigError:
        return REFUSED
    ours = placement.write_back
    assert ours.push_branch == branches.push
    request = ours.pull_request
    shown = {
        "base": branches.base,
        "target": branches.push,
        "checkout": ours.base_branch,
        "repository": ours.repository,
        "target_key": ours.target_key,
        "pull_request": request.provider if request else None,
        "labels": list(request.labels if request else ()),
    }
    keys = case.get("expect") or ("base", "target", "checkout")
    return {key: shown[key] for key in keys}


def recorded(case):
    return REFUSED if case.get("error") else case["expect"]


def split_outside_templates(case):
    """Return base and target, cut at the first colon that is not inside ``{{ }}``."""
    text = (case.get("branch") or "").strip()
    hidden = re.sub(r"\{\{.*?\}\}", lambda match: "x" * len(match[0]), text)
    at = hidden.find(":")
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])


def colons_of_templates_do_not_split(case, outcome):
    """A chart's version is no branch, and without a values file there is nothing to write to."""
    source = case["application"]["spec"].get("source") or {}
    base, target = split_outside_templates(case)
    if case.get("error"):
        checkout = base or source.get("targetRevision", "")
        return outcome == {"base": base, "target": target, "checkout": checkout}
    better = {**case["expect"], "base": base, "target": target, "checkout": base}
    return outcome in (REFUSED, better)


def recorded_or_refused(_case, outcome):
    """Invariant of this file: what cannot be understood is refused, never guessed."""
    return outcome == REFUSED


RULES = {"sections 5 and 6.1": colons_of_templates_do_not_split}
