"""Retries: how many, how long apart, and what ``Retry-After`` means."""

import pytest

from argocd_image_updater.registry.retry import (
    LONGEST_RETRY_AFTER_S,
    RetryPolicy,
    parse_retry_after,
)

NOON = 1_709_294_400.0  # 2024-03-01T12:00:00Z


def wait(attempt, *, elapsed_s=0.0, retry_after_s=None, dice=0.5, **policy):
    return RetryPolicy(**policy).wait_s(
        attempt, elapsed_s=elapsed_s, retry_after_s=retry_after_s, dice=dice
    )


def test_waits_grow_and_are_bounded():
    waits = [
        wait(attempt, dice=1.0, attempts=9, first_wait_s=1, longest_wait_s=5)
        for attempt in range(1, 5)
    ]
    assert waits == [1, 2, 4, 5]


def test_the_wait_is_a_random_part_of_the_span():
    assert wait(1, dice=0.0) == 0.0
    assert wait(1, dice=0.25, first_wait_s=2.0) == 0.5


def test_the_last_attempt_stands():
    assert wait(3, attempts=3) is None
    assert wait(1, attempts=1) is None


def test_the_server_decides_the_wait_unless_it_is_too_long():
    assert wait(1, retry_after_s=7.0) == 7.0
    assert wait(1, retry_after_s=61.0, deadline_s=60.0) is None
    assert wait(1, retry_after_s=7.0, elapsed_s=55.0, deadline_s=60.0) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Fri, 01 Mar 2024 12:00:30 GMT", 30.0),
        ("Fri, 01 Mar 2024 11:00:00 GMT", 0.0),
        ("Fri, 31 Feb 2024 11:00:00 GMT", None),
        ("9" * 400, LONGEST_RETRY_AFTER_S),
        ("Fri, 01 Mar 2999 12:00:30 GMT", LONGEST_RETRY_AFTER_S),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    assert parse_retry_after(text, unix_now=NOON) == seconds
