"""Which mirrors are passed over, for how long, and what is told of it."""

import logging

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry import mirror_health
from argocd_image_updater.registry.mirror_health import MISSES, PAUSES, MirrorHealth

DOWN = Failure(FailureKind.TRANSIENT, "no answer in time")
MISSING = Failure(FailureKind.NOT_FOUND, "not there")
DENIED = Failure(FailureKind.DENIED, "not yours")


class Scene:
    """Health on a clock of its own."""

    def __init__(self):
        self.now = 1_000.0
        timing = Timing(monotonic=lambda: self.now, random=lambda: 0.999)
        self.health = MirrorHealth(timing)

    def asks(self, repository="a", mirror="m.test"):
        with self.health.turn(mirror, repository) as is_asked:
            return is_asked

    def fail(self, failure=DOWN, repository="a"):
        self.health.note_failure("m.test", repository, failure)

    def answer(self, repository="a"):
        self.health.note_answer("m.test", repository)


@pytest.fixture
def scene():
    return Scene()


def test_a_mirror_that_fails_is_passed_over_for_every_repository(scene):
    assert scene.asks()
    scene.fail()
    assert [scene.asks("a"), scene.asks("b"), scene.asks(mirror="other.test")] == [
        False,
        False,
        True,
    ]
    scene.now += PAUSES.first_s
    assert scene.asks("b")


@pytest.mark.parametrize(
    "kind", [FailureKind.DENIED, FailureKind.UNUSABLE, FailureKind.CREDENTIALS]
)
def test_a_refusal_is_about_one_repository(scene, kind):
    scene.fail(Failure(kind, "no"))
    assert [scene.asks("a"), scene.asks("b")] == [False, True]


def test_only_misses_in_a_row_pass_a_repository_over(scene):
    for _ in range(MISSES - 1):
        scene.fail(MISSING)
    scene.answer()
    for _ in range(MISSES - 1):
        scene.fail(MISSING)
        assert scene.asks()
    scene.fail(MISSING)
    assert [scene.asks("a"), scene.asks("b")] == [False, True]


def test_the_time_grows_with_each_failure_up_to_a_limit(scene):
    pauses = []
    for _ in range(8):
        scene.fail()
        began = scene.now
        while not scene.asks():
            scene.now += 15.0
        pauses.append(scene.now - began)
    assert pauses == [60, 120, 240, 480, 960, 1_800, 1_800, 1_800]


def test_failures_under_way_when_it_began_count_once(scene):
    for _ in range(20):
        scene.fail()
    scene.now += PAUSES.first_s
    assert scene.asks()


def test_the_wait_that_a_mirror_asks_for_is_kept(scene):
    scene.fail(Failure(FailureKind.RATE_LIMITED, "slow down", 900.0))
    scene.now += 899.0
    assert not scene.asks()
    scene.now += 1.0
    assert scene.asks()


def test_one_question_finds_out_for_all_whether_it_is_back(scene):
    scene.fail()
    scene.now += PAUSES.first_s
    with scene.health.turn("m.test", "a") as first:
        assert first
        assert not scene.asks("b")
        scene.answer()
        assert scene.asks("b")


def test_a_question_that_is_given_up_leaves_the_turn_to_the_next(scene):
    scene.fail()
    scene.now += PAUSES.first_s
    with pytest.raises(KeyError), scene.health.turn("m.test", "a"):
        raise KeyError
    assert scene.asks()


def test_an_answer_that_was_under_way_does_not_end_the_time(scene):
    scene.fail()
    scene.answer()
    assert not scene.asks()


def test_a_refusal_shows_that_the_mirror_is_back(scene):
    scene.fail()
    scene.now += PAUSES.first_s
    scene.fail(DENIED)
    assert [scene.asks("a"), scene.asks("b")] == [False, True]


def test_the_beginning_and_the_end_are_told_once(scene, caplog):
    with caplog.at_level(logging.INFO):
        scene.fail()
        scene.fail()
        scene.now += PAUSES.longest_s
        scene.fail()
        scene.now += PAUSES.longest_s
        scene.answer()
        scene.answer()
        scene.fail(DENIED)
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("WARNING", "mirror m.test is passed over for a while: no answer in time"),
        ("INFO", "mirror m.test answers again"),
        ("WARNING", "mirror m.test, repository a is passed over for a while: not yours"),
    ]


def test_what_is_remembered_is_bounded(scene, monkeypatch):
    monkeypatch.setattr(mirror_health, "MAX_PLACES", 2)
    for repository in "abcd":
        scene.fail(DENIED, repository)
    assert not scene.asks("d")
    assert scene.asks("a")
