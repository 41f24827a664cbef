"""Flags before the command, bare booleans, and the nearest name."""

import pytest

from argocd_image_updater.cli.arguments import (
    UsageError,
    join_booleans,
    nearest,
    put_command_first,
)
from argocd_image_updater.cli.flags import BY_NAME


@pytest.mark.parametrize(
    ("words", "ordered"),
    [
        ("--metrics-bind-address=:8443 run", "run --metrics-bind-address=:8443"),
        ("--interval 5m run --once", "run --interval 5m --once"),
        ("--once=true run --dry-run", "run --once=true --dry-run"),
        ("--help run", "run --help"),
        ("-h", "-h"),
        ("run --interval 5m", "run --interval 5m"),
        ("", ""),
        ("--interval run", "--interval run"),
    ],
)
def test_flags_may_stand_before_the_command(words, ordered):
    assert put_command_first(words.split(), BY_NAME) == ordered.split()


def test_a_bare_boolean_before_the_command_is_refused_with_both_ways_out():
    with pytest.raises(UsageError, match="write --once=true, or put --once after the command"):
        put_command_first(["--once", "run"], BY_NAME)


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("--once", "--once=true"),
        ("--once=false", "--once=false"),
        ("--once false", "--once=true false"),
        ("--git-commit-user --once", "--git-commit-user --once"),
        ("--git-commit-user", "--git-commit-user"),
        ("-- --once", "-- --once"),
        ("--unknown --once", "--unknown --once=true"),
    ],
)
def test_a_word_after_a_boolean_is_not_its_value(words, joined):
    assert join_booleans(words.split(), BY_NAME) == joined.split()


def test_the_nearest_name_is_found_and_a_far_one_is_not():
    assert nearest("intervall", BY_NAME) == "interval"
    assert nearest("zzzzzz", BY_NAME) == ""
