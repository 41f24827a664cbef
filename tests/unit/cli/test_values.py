"""Booleans and whole numbers, on the command line and in the environment."""

import pytest

from argocd_image_updater.cli.values import (
    parse_bool,
    parse_environment_bool,
    parse_environment_int,
    parse_int,
)


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_a_flag_takes_every_go_spelling_of_true(text):
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_a_flag_takes_every_go_spelling_of_false(text):
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["yes", "", "tRUE", "on", "2"])
def test_a_flag_refuses_other_words(text):
    with pytest.raises(ValueError, match="true or false"):
        parse_bool(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("0b101", 5),
        ("1_000", 1000),
        ("0x_ff", 255),
    ],
)
def test_a_flag_takes_numbers_of_every_base(text, number):
    assert parse_int(text) == number


@pytest.mark.parametrize(
    "text", ["", "x", "08", "1.0", "0x", " 1", "1_", "\u0661", str(2**63), "9" * 99]
)
def test_a_flag_refuses_what_is_no_number(text):
    with pytest.raises(ValueError, match="whole number"):
        parse_int(text)


@pytest.mark.parametrize("text", ["TRUE", "true", "tRuE"])
def test_a_variable_is_true_in_any_case(text):
    assert parse_environment_bool(text) is True


@pytest.mark.parametrize("text", ["yes", "1", "t", " true"])
def test_a_variable_takes_no_other_word(text):
    with pytest.raises(ValueError, match="true or false"):
        parse_environment_bool(text)


def test_a_variable_must_be_decimal_and_within_its_range():
    assert parse_environment_int("007", range(1, 11)) == 7
    for text in ("0", "11", "0x5", "5.0", ""):
        with pytest.raises(ValueError, match="from 1 to 10"):
            parse_environment_int(text, range(1, 11))
