"""Which part of a registry a pattern means, and which of several patterns wins."""

import itertools

import pytest

from argocd_image_updater.registry.repository_patterns import best_pattern, parse_pattern


@pytest.mark.parametrize(
    ("pattern", "repository", "matches"),
    [
        ("team-a", "team-a", True),
        ("team-a", "team-a/web", True),
        ("team-a", "team-a/web/nightly", True),
        ("team-a", "team-ab/web", False),
        ("team-a/web", "team-a", False),
        ("team-*", "team-ab/web", True),
        ("*/web", "team-a/web", True),
        ("*/web", "team-a/sub/web", False),
        ("*", "team-a/web", True),
        ("team-a/*-x/y", "team-a/b-x/y/z", True),
        ("a.b", "aXb", False),
    ],
)
def test_whole_components_are_compared_from_the_front(pattern, repository, matches):
    assert parse_pattern(pattern).matches(repository) is matches


@pytest.mark.parametrize("text", ["", "/a", "a/", "a//b", "A", "a?", "[a]", "a b", "a" * 256])
def test_what_could_match_no_repository_is_no_pattern(text):
    with pytest.raises(ValueError, match="must be the path of repositories"):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("repository", "wins"),
    [
        ("team-a/web", "team-a/web"),
        ("team-a/web/x", "team-a/web"),
        ("team-a/api", "team-a"),
        ("team-b/web", "team-*/web"),
        ("team-b/api", "team-*"),
        ("other/web", "*/web"),
        ("other/api", "*"),
    ],
)
def test_the_longest_wins_in_every_order(repository, wins):
    texts = ["*", "team-*", "team-a", "*/web", "team-*/web", "team-a/web"]
    for order in itertools.permutations(texts):
        assert str(best_pattern(map(parse_pattern, order), repository)) == wins


def test_without_a_match_there_is_none():
    assert best_pattern([parse_pattern("team-a")], "team-b") is None
