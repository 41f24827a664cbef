"""Globs: texts of errors, and patterns that ruin a naive matcher."""

import pytest

from argocd_image_updater.core.globs import MalformedGlob, compile_glob


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("web[", "must end with ]"),
        ("a\\", "backslash"),
        ("[-a]", r"write \\- for -"),
        ("[]", r"write \\] for ]"),
    ],
)
def test_a_malformed_pattern_is_named_with_the_cure(pattern, hint):
    with pytest.raises(MalformedGlob) as raised:
        compile_glob(pattern)
    assert repr(pattern) in str(raised.value)
    assert hint.replace("\\\\", "\\") in raised.value.hint


@pytest.mark.parametrize("pattern", ["*a" * 40 + "*b", "*" + "?" * 40 + "b*c", "*" * 5000 + "b"])
def test_many_stars_are_no_danger(pattern):
    assert not compile_glob(pattern).matches("a" * 20_000)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*[/b]*c", "b/c", False),  # the first place that fits is the only one tried
        ("*[/b]*c", "/bc", True),
        ("*/*", "a/b/c", False),
        ("*a", "/a", False),
        ("*", "", True),
        ("**", "", True),
        ("a*", "a\nb", True),
    ],
)
def test_a_star_never_crosses_a_slash(pattern, text, matches):
    assert compile_glob(pattern).matches(text) is matches
