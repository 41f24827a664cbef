"""Waits after failures: longer and longer, up to a limit, and never all together."""

from argocd_image_updater.net.timing import Backoff


def test_waits_double_up_to_the_longest():
    waits = [Backoff(1, 30).wait_s(failures, dice=1.0) for failures in range(1, 8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_chance_shortens_a_wait_by_half_at_the_most():
    backoff = Backoff(1, 30)
    assert [backoff.wait_s(3, dice=dice) for dice in (0.0, 0.5)] == [2, 3]


def test_failures_without_end_do_not_overflow():
    assert Backoff(1, 30).wait_s(10**9, dice=1.0) == 30
