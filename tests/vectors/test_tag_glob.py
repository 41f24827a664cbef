"""Patterns of ignored tags."""

from argocd_image_updater.core.filters import parse_ignore_tags

VECTORS = "tag_glob"


def test_patterns_ignore_a_tag_or_not(case):
    ignore = parse_ignore_tags(case["ignore_tags"])
    assert ignore.ignores(case["tag"]) == case["expect"]["ignored"]
    if case["expect"]["pattern_error"]:
        assert ignore.malformed
