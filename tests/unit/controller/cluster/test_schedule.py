"""When which resource is due, with a clock that is a number."""

from argocd_image_updater.controller.cluster.schedule import Schedule
from argocd_image_updater.core.application import ObjectKey

A, B = ObjectKey("argocd", "a"), ObjectKey("argocd", "b")


def a_started_schedule(interval_s=60.0):
    """A schedule whose first pass over both resources ended at the second 0."""
    schedule = Schedule(interval_s)
    for key in (A, B):
        schedule.want(key, 0.0)
    assert schedule.due(0.0, [A, B]) == {A, B}
    schedule.over([A, B], [A, B], now_s=0.0)
    return schedule


def test_everything_is_due_again_when_the_interval_is_over():
    schedule = a_started_schedule()

    assert schedule.wait_s(10.0, [A, B]) == 50.0
    assert schedule.due(59.9, [A, B]) == frozenset()
    assert schedule.due(60.0, [A, B]) == {A, B}


def test_an_edited_resource_is_due_at_once_and_alone():
    schedule = a_started_schedule()

    schedule.want(B, 5.0)

    assert schedule.wait_s(5.0, [A, B]) == 0.0
    assert schedule.due(5.0, [A, B]) == {B}


def test_an_edit_does_not_move_the_rhythm_of_the_others():
    schedule = a_started_schedule()
    schedule.want(B, 5.0)

    schedule.over([B], [A, B], now_s=6.0)

    assert schedule.wait_s(6.0, [A, B]) == 54.0


def test_the_interval_counts_from_the_end_of_a_cycle():
    schedule = a_started_schedule()

    schedule.over([A, B], [A, B], now_s=75.0)

    assert schedule.wait_s(75.0, [A, B]) == 60.0


def test_with_interval_0_each_resource_has_its_turn_once_per_edit():
    schedule = a_started_schedule(0.0)
    assert schedule.wait_s(1.0, [A, B]) is None
    assert schedule.due(10_000.0, [A, B]) == frozenset()

    schedule.want(A, 2.0)

    assert schedule.due(2.0, [A, B]) == {A}


def test_a_negative_interval_is_a_pause():
    schedule = Schedule(-1.0)

    schedule.want(A, 0.0)

    assert schedule.due(0.0, [A]) == frozenset()
    assert schedule.wait_s(0.0, [A]) is None


def test_a_resource_that_is_gone_is_not_waited_for():
    schedule = a_started_schedule()
    schedule.want(B, 5.0)

    schedule.forget(B)

    assert schedule.due(5.0, [A]) == frozenset()
    assert schedule.wait_s(5.0, [A]) == 55.0


def test_what_waits_but_is_not_there_any_more_keeps_nobody_awake():
    schedule = a_started_schedule()

    schedule.want(B, 5.0)

    assert schedule.wait_s(5.0, [A]) == 55.0


def test_the_age_of_the_queue_is_that_of_the_oldest_wish():
    schedule = a_started_schedule()
    schedule.want(A, 5.0)
    schedule.want(B, 7.0)

    assert schedule.age_s(9.0) == 4.0
    assert schedule.depth == 2


def test_an_overdue_cycle_counts_as_waiting():
    schedule = a_started_schedule()

    assert schedule.age_s(61.5) == 1.5


def test_what_waits_for_a_moment_is_due_then_and_alone():
    schedule = a_started_schedule()

    schedule.want_at(B, 20.0)
    schedule.want_at(B, 25.0)

    assert schedule.wait_s(10.0, [A, B]) == 10.0
    assert schedule.wait_s(10.0, [A]) == 50.0
    assert schedule.due(19.9, [A, B]) == frozenset()
    assert schedule.due(20.0, [A, B]) == {B}
    assert schedule.age_s(23.0) == 3.0
    schedule.over([B], [A, B], now_s=20.5)
    assert schedule.due(26.0, [A, B]) == frozenset()
    assert schedule.wait_s(26.0, [A, B]) == 34.0


def test_a_moment_comes_also_where_there_is_no_interval():
    schedule = a_started_schedule(interval_s=0)

    schedule.want_at(A, 100.0)

    assert schedule.wait_s(40.0, [A, B]) == 60.0
    assert schedule.due(100.0, [A, B]) == {A}


def test_a_moment_is_forgotten_with_its_resource_and_while_all_is_paused():
    schedule = a_started_schedule()
    schedule.want_at(A, 10.0)
    schedule.forget(A)
    assert schedule.due(20.0, [A, B]) == frozenset()
    paused = Schedule(-1)
    paused.want_at(A, 10.0)
    assert paused.due(20.0, [A]) == frozenset()
    assert paused.wait_s(20.0, [A]) is None
