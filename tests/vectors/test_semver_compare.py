"""Order of versions and of names."""

from argocd_image_updater.core.settings import Strategy
from argocd_image_updater.core.strategy import Candidate, select
from argocd_image_updater.core.version import parse_version

VECTORS = "semver_compare"


def test_tags_sort_like_this(case):
    versions = [tag for tag in case["tags"] if parse_version(tag)]
    versions.sort(key=lambda tag: (parse_version(tag).precedence, tag))
    assert versions == case["expect"]["semver"]
    assert sorted(case["tags"]) == case["expect"]["alphabetical"]


def test_the_last_in_order_is_chosen(case):
    candidates = [Candidate(tag) for tag in case["tags"]]
    for strategy, constraint in ((Strategy.SEMVER, "*-0"), (Strategy.ALPHABETICAL, "")):
        chosen = select(strategy, constraint, candidates).chosen
        assert [chosen.name if chosen else None] == (case["expect"][strategy.value][-1:] or [None])
