"""Durations in Go syntax: accepted spellings, refused ones, and how they are printed."""

import pytest

from argocd_image_updater.core.durations import format_duration, parse_duration

MS, S = 10**6, 10**9


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("300ms", 300 * MS),
        ("90s", 90 * S),
        ("1h30m", 5400 * S),
        ("1.5h", 5400 * S),
        ("-5s", -5 * S),
        ("+5s", 5 * S),
        ("0", 0),
        ("-0", 0),
        (".5s", 500 * MS),
        ("1.s", S),
        ("1us", 1000),
        ("1µs", 1000),
        ("1ns", 1),
        ("0.3333333333333333333h", 1_199_999_999_999),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
    ],
)
def test_a_go_duration_is_read(text, duration_ns):
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "invalid duration"),
        ("-", "invalid duration"),
        ("5", "missing unit"),
        ("5d", 'unknown unit "d"'),
        ("1h5", "missing unit"),
        ("s", "invalid duration"),
        (".s", "invalid duration"),
        ("1 s", "unknown unit"),
        ("1..5s", "missing unit"),
        ("\u0661s", "invalid duration"),
        ("9223372036854775808ns", "longer than 292 years"),
        ("1" * 200 + "s", "invalid duration"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0s"),
        (120 * S, "2m0s"),
        (1500 * MS, "1.5s"),
        (300 * MS, "300ms"),
        (1500, "1.5µs"),
        (7, "7ns"),
        (3600 * S, "1h0m0s"),
        (-5 * S, "-5s"),
        (100 * 3600 * S + 1, "100h0m0.000000001s"),
    ],
)
def test_a_duration_is_printed_as_go_prints_it(duration_ns, text):
    assert format_duration(duration_ns) == text
