"""Strategies: candidates, choice, order and the trace."""

import pytest

from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.settings import Strategy
from argocd_image_updater.core.strategy import (
    Candidate,
    dated_by_position,
    eligible,
    explain,
    is_older,
    parse_strategy,
    select,
)


def kept(tags, *, allow="", ignore=(), strategy=Strategy.SEMVER, constraint=""):
    return eligible(
        tags,
        allow=parse_allow_tags(allow),
        ignore=parse_ignore_tags(ignore),
        strategy=strategy,
        constraint=constraint,
    )


def trace(tags, *, allow="", ignore=(), strategy, constraint="", candidates=None, dropped=None):
    verdicts = explain(
        tags,
        allow=parse_allow_tags(allow),
        ignore=parse_ignore_tags(ignore),
        strategy=strategy,
        constraint=constraint,
        candidates=candidates,
        dropped=dropped or {},
    )
    return [(verdict.tag, verdict.rule) for verdict in verdicts]


@pytest.mark.parametrize(
    ("text", "strategy", "warning"),
    [
        (None, Strategy.SEMVER, ""),
        ("Digest", Strategy.DIGEST, ""),
        ("D\u0130GEST", Strategy.DIGEST, ""),
        ("latest", Strategy.NEWEST_BUILD, "write 'newest-build'"),
        ("NAME", Strategy.ALPHABETICAL, "write 'alphabetical'"),
        ("", Strategy.SEMVER, "unknown strategy ''"),
        (" semver", Strategy.SEMVER, "unknown strategy"),
        ("newest_build", Strategy.SEMVER, "unknown strategy"),
    ],
)
def test_a_strategy_is_read_whatever_is_written(text, strategy, warning):
    read, said = parse_strategy(text)
    assert read is strategy
    assert warning in said
    assert bool(warning) == bool(said)


def test_a_tag_listed_twice_counts_at_its_later_place():
    assert kept(("a", "b", "a")) == ("b", "a")
    ordered = dated_by_position(kept(("a", "b", "a")), "latest-last")
    assert select(Strategy.NEWEST_BUILD, "", ordered).chosen.name == "a"


def test_strategy_digest_keeps_the_followed_tag_only():
    assert kept(("dev", "Dev", "prod"), strategy=Strategy.DIGEST, constraint="dev") == ("dev",)
    assert kept(("dev",), strategy=Strategy.DIGEST) == ()


@pytest.mark.parametrize(
    ("mode", "dates"),
    [
        ("latest-first", [3, 2, 1]),
        ("LATEST-LAST", [0, 1, 2]),
        ("none", [None, None, None]),
        ("", [None, None, None]),
    ],
)
def test_a_sorted_registry_dates_tags_by_place(mode, dates):
    found = [item.created_ns for item in dated_by_position(("x", "y", "z"), mode)]
    assert found == [None if date is None else date * 10**9 for date in dates]


def test_an_unknown_build_time_is_older_than_any_known_one():
    candidates = [Candidate("z"), Candidate("a", -(10**18))]
    assert select(Strategy.NEWEST_BUILD, "", candidates).chosen.name == "a"
    assert select(Strategy.NEWEST_BUILD, "", candidates[:1]).chosen.name == "z"


@pytest.mark.parametrize(
    ("strategy", "constraint", "tags", "failure", "message"),
    [
        (Strategy.SEMVER, "^1", [], "no-tags", "no tags found"),
        (Strategy.SEMVER, "main", [], "no-tags", "constraint 'main' is invalid"),
        (Strategy.SEMVER, "main", ["x"], "not-versions", "constraint 'main' is invalid"),
        (Strategy.SEMVER, "", ["x", "y"], "not-versions", "none of 2 tags is a version"),
        (Strategy.SEMVER, "main", ["1"], "constraint-invalid", "improper constraint: main"),
        (Strategy.SEMVER, "", ["1-rc1"], "constraint-unmatched", "constraint '*'"),
        (Strategy.DIGEST, "dev", ["prod"], "constraint-unmatched", "constraint 'dev'"),
        (Strategy.NEWEST_BUILD, "main", [], "no-tags", "no tags found"),
    ],
)
def test_no_choice_says_why(strategy, constraint, tags, failure, message):
    selection = select(strategy, constraint, [Candidate(tag) for tag in tags])
    assert selection.chosen is None
    assert selection.failure == failure
    assert message in selection.message


@pytest.mark.parametrize(
    ("strategy", "a", "b", "older"),
    [
        (Strategy.SEMVER, Candidate("1.9"), Candidate("1.10"), True),
        (Strategy.SEMVER, Candidate("1.9"), Candidate("v1.9.0"), False),
        (Strategy.SEMVER, Candidate("1.9"), Candidate("latest"), None),
        (Strategy.NEWEST_BUILD, Candidate("z", 1), Candidate("a", 2), True),
        (Strategy.NEWEST_BUILD, Candidate("z", 2), Candidate("a", 2), False),
        (Strategy.NEWEST_BUILD, Candidate("z"), Candidate("a", 2), None),
        (Strategy.ALPHABETICAL, Candidate("a"), Candidate("b"), None),
        (Strategy.DIGEST, Candidate("a"), Candidate("b"), None),
    ],
)
def test_older_means_older_in_the_order_of_the_strategy(strategy, a, b, older):
    assert is_older(strategy, a, b) is older


def test_the_trace_of_semver_names_a_rule_for_every_tag_newest_first():
    tags = ("latest", "1.0.0", "2.0.0", "1.5.0-rc1", "1.4.0", "1.3.0", "v1.6.0", "debug-1")
    found = trace(
        tags, allow="regexp:[0-9]$", ignore=["v*"], strategy=Strategy.SEMVER, constraint="^1"
    )
    assert found == [
        ("2.0.0", "constraint"),
        ("v1.6.0", "ignoreTags"),
        ("1.5.0-rc1", "preRelease"),
        ("1.4.0", "chosen"),
        ("1.3.0", "kept"),
        ("1.0.0", "kept"),
        ("latest", "allowTags"),
        ("debug-1", "notAVersion"),
    ]


def test_the_trace_of_an_invalid_constraint_blames_the_constraint():
    assert trace(("1.0", "x"), strategy=Strategy.SEMVER, constraint="main") == [
        ("1.0", "constraint"),
        ("x", "notAVersion"),
    ]


def test_the_trace_of_newest_build_tells_what_had_no_metadata():
    candidates = {"a": Candidate("a", 5), "b": Candidate("b", 7), "c": Candidate("c")}
    found = trace(
        ("a", "b", "c", "sig", "arm", "gone"),
        strategy=Strategy.NEWEST_BUILD,
        candidates=candidates,
        dropped={"sig": "metadata: not an image", "arm": "platform"},
    )
    assert found[:2] == [("b", "chosen"), ("a", "kept")]
    assert dict(found) == {
        "a": "kept",
        "b": "chosen",
        "c": "kept",
        "sig": "metadata",
        "arm": "platform",
        "gone": "metadata",
    }


def test_the_trace_of_digest_follows_one_tag():
    assert trace(("dev", "prod"), strategy=Strategy.DIGEST, constraint="dev") == [
        ("prod", "notTheTag"),
        ("dev", "chosen"),
    ]
