"""Settings read from the annotations of an Application."""

from vectors.flags import is_flagged, rule_of
from vectors.resource_cases import matches_recorded
from vectors.resource_rules import RULES, closed_or_recorded, resolution_of

VECTORS = "annotations"


def test_annotations_give_the_settings(case):
    resolution = resolution_of(case)
    accepted = matches_recorded(case, resolution)
    if is_flagged(case) and not accepted:
        rule = rule_of(case, RULES) or closed_or_recorded
        accepted = rule(case, resolution)
    assert accepted, resolution
