"""Tag filters: messages, rejected escapes and limits."""

import pytest

from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags


@pytest.mark.parametrize("text", ["^1", "regexp:[", "glob:1.*", "any "])
def test_an_invalid_filter_allows_no_tag_and_says_what_to_write(text):
    allow = parse_allow_tags(text)
    assert allow.kind == "none"
    assert not allow.allows("1")
    assert repr(text) in allow.error
    assert "regexp:<expression>" in allow.error or "RE2" in allow.error


@pytest.mark.parametrize(
    ("expression", "valid"),
    [
        (r"a\C", False),
        (r"\\\C", False),
        (r"\Qx\E\C", False),
        (r"\\C", True),
        (r"\Q\C\E", True),
        (r"\Q\C", True),
        (r"[\\]C", True),
    ],
)
def test_single_bytes_are_refused_outside_quotes(expression, valid):
    assert parse_allow_tags(f"regexp:{expression}").valid is valid


def test_a_huge_expression_is_refused_and_a_hard_one_is_fast():
    assert not parse_allow_tags(r"regexp:(\pL{100}){10}(\PL{1000})(\pN{1000})").valid
    hard = parse_allow_tags("regexp:^(a|a|b)*$")
    assert not hard.allows("a" * 20_000 + "c")


def test_text_that_is_no_utf_8_is_only_a_text_that_does_not_match():
    assert not parse_allow_tags("regexp:^a").allows("\udcff")
    assert not parse_allow_tags("regexp:\udcff").allows("a")


def test_malformed_patterns_are_named_once_and_ignore_nothing():
    ignore = parse_ignore_tags(["[", "v*", "["])
    assert ignore.malformed == ("[",)
    assert ignore.ignores("v1")
    assert not ignore.ignores("[")
    assert ignore.pattern_for("v1") == "v*"
    assert ignore.pattern_for("1") == ""
