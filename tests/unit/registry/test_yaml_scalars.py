"""Scalars of YAML 1.1 and durations in Go's syntax."""

import pytest
import yaml

from argocd_image_updater.registry.yaml_scalars import (
    parse_duration_ns,
    read_bool,
    read_duration,
    read_int,
    read_text,
)


def node(text: str) -> yaml.Node:
    return yaml.compose(text, Loader=yaml.SafeLoader)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0b101", 5),
        ("0o17", 15),
        ("-0x10", -16),
        ("08", 8),
        ("+5", 5),
        ("-3.7", -3),
        ("1e3", 1000),
        ("9223372036854775807", 2**63 - 1),
        ("~", 0),
    ],
)
def test_numbers_have_the_forms_of_yaml_1_1(text, value):
    assert read_int(node(text)) == value


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "'5'", "true", "1:30", "_", ".inf", "1e999", "[1]", "0x", "_1"]
)
def test_other_texts_are_no_numbers(text):
    with pytest.raises(ValueError, match="whole number"):
        read_int(node(text))


@pytest.mark.parametrize("text", ["tRue", "'yes'", "1", "yess", "[]"])
def test_other_texts_are_no_truth_values(text):
    with pytest.raises(ValueError, match="true or false"):
        read_bool(node(text))


def test_a_text_is_taken_as_it_is_written():
    assert read_text(node("1.50")) == "1.50"
    assert read_text(node("'null'")) == "null"
    assert read_text(node("null")) == ""


def test_durations_add_up_their_parts():
    assert parse_duration_ns("1h30m.5s") == 5_400_500_000_000
    assert parse_duration_ns("-1.5us") == -1_500
    assert parse_duration_ns("+0") == 0
    assert read_duration(node("3600")) == (3.6e-06, True)
    assert read_duration(node("0")) == (0.0, False)


@pytest.mark.parametrize("text", ["", "5", "1 h", "1d", "h", ".s", "1h-5m", "--1s", "1e3s"])
def test_other_texts_are_no_durations(text):
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration_ns(text)


def test_a_duration_beyond_64_bits_is_refused():
    with pytest.raises(ValueError, match="292 years"):
        parse_duration_ns("2562048h")
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration_ns("9" * 1_000 + "h")
