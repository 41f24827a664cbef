"""Expressions of allowed tags."""

from argocd_image_updater.core.filters import parse_allow_tags

VECTORS = "allow_tags"


def test_an_expression_allows_a_tag_or_not(case):
    allow = parse_allow_tags(case["allow_tags"])
    assert {"valid": allow.valid, "allowed": allow.allows(case["tag"])} == case["expect"]
    assert bool(allow.error) != allow.valid
