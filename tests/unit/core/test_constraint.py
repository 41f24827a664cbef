"""Version constraints: limits, texts of errors, and the pre-release question."""

import pytest

from argocd_image_updater.core.constraint import InvalidConstraint, parse_constraint
from argocd_image_updater.core.version import parse_version


def test_an_overlong_constraint_is_refused_with_the_limit():
    with pytest.raises(InvalidConstraint, match="longer than 2048 characters"):
        parse_constraint(">=1 " * 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latest", "improper constraint: latest"),
        ("1 ||", "improper constraint: an alternative is empty"),
        ("1 || >=", "improper constraint: >="),
        ("^1 - 2", r"improper constraint: \^>= 1, <= 2"),
        ("1.4*", r"constraint parser error: 4\* in 1.4\* is neither a number"),
        ("1.2.3-rc.01", "constraint parser error: pre-release rc.01"),
    ],
)
def test_an_error_names_the_part_that_was_not_understood(text, message):
    with pytest.raises(InvalidConstraint, match=message):
        parse_constraint(text)


def test_an_error_says_what_to_write():
    with pytest.raises(InvalidConstraint) as raised:
        parse_constraint(">=1<2")
    assert "space or a comma" in raised.value.hint


@pytest.mark.parametrize(
    ("constraint", "version", "hidden"),
    [
        ("^1", "1.4.0-rc1", True),
        ("^1", "2.0.0-rc1", False),  # the caret looks at the numbers
        ("^1 || 2.0.0-rc1", "1.4.0-rc1", True),
        ("^1-0", "1.4.0-rc1", False),
        ("^1", "3.0.0", False),
        ("^1", "0.9.0-rc1", False),
        (">=99", "1.0.0-rc1", False),
    ],
)
def test_a_pre_release_is_hidden_where_nothing_else_is_wrong_with_it(constraint, version, hidden):
    parsed = parse_constraint(constraint)
    assert parsed.only_hides_prerelease(parse_version(version)) is hidden
