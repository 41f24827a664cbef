"""Wanted platforms: every platform, lists in one text, warnings."""

import pytest

from argocd_image_updater.core.platforms import matches, parse_platforms
from argocd_image_updater.core.whitespace import trim


def test_a_star_lifts_the_restriction():
    platforms = parse_platforms(["linux/amd64", " * "], default="linux/arm64")
    assert platforms.wanted == ()
    assert matches(platforms.wanted, "plan9", "mips")


def test_an_empty_list_means_the_given_platform():
    assert parse_platforms([], default="linux/arm64").wanted == ("linux/arm64",)
    assert parse_platforms([], default="").wanted == ()


def test_commas_separate_platforms_within_one_text():
    wanted = parse_platforms(["linux/x86_64, linux/arm/v7,"], default="").wanted
    assert wanted == ("linux/amd64", "linux/arm/v7")


@pytest.mark.parametrize("entry", ["linux", "any", "all", "", "linux/*"])
def test_an_entry_that_is_no_platform_is_named_and_matches_no_image(entry):
    platforms = parse_platforms([entry, "linux/arm64"], default="")
    assert len(platforms.warnings) == 1
    assert repr(entry) in platforms.warnings[0]
    assert not matches(platforms.wanted, "linux", "amd64")
    assert matches(platforms.wanted, "linux", "arm64")


@pytest.mark.parametrize(
    ("wanted", "manifest", "expected"),
    [
        ("linux/amd64/v1", ("linux", "amd64", ""), True),
        ("linux/amd64/v2", ("linux", "amd64", ""), False),
        ("linux/arm/v7", ("linux", "arm", ""), False),
        ("linux/arm", ("Linux", "ARM", "v6"), True),
        ("linux/arm64/v8", ("linux", "aarch64", ""), True),
        ("linux/arm64", ("linux", "arm64", "v8"), True),
    ],
)
def test_a_variant_that_is_not_named_is_the_base_of_its_architecture(wanted, manifest, expected):
    assert matches(parse_platforms([wanted], default="").wanted, *manifest) is expected


def test_trimming_takes_white_space_only():
    assert trim("\u00a0\x85 a b\u3000\t") == "a b"
    assert trim("\x1ca\x1f") == "\x1ca\x1f"
