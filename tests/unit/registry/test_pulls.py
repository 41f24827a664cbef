"""Pulls that are counted: never more than are left beyond the reserve."""

import pytest

from argocd_image_updater.registry.pulls import (
    KNOWN_S,
    UNLIMITED_S,
    PullAccount,
    PullBudget,
    PullBudgets,
)
from argocd_image_updater.registry.quotas import Quota

HUB = Quota(12, limit=100, window_s=21_600.0)


def budget(username="", reserve=10):
    return PullBudget(PullAccount("hub.test:443", username, reserve))


def test_the_reserve_is_left_to_others():
    counted = budget()
    assert not counted.is_known(0.0)
    counted.note(HUB, 0.0)
    assert counted.is_known(0.0)
    assert [counted.take(0.0) for _ in range(4)] == [True, True, False, False]


def test_pulls_under_way_count_as_made_until_an_answer_tells():
    counted = budget()
    counted.note(HUB, 0.0)
    assert counted.take(0.0)
    assert counted.take(0.0)
    counted.settle()
    counted.note(Quota(11, limit=100), 1.0)  # the other one is still under way
    assert not counted.take(1.0)
    counted.settle()
    counted.note(Quota(12, limit=100), 2.0)  # some came back
    assert counted.take(2.0)


def test_a_count_becomes_old_and_an_account_without_one_has_no_limit():
    counted = budget()
    counted.note(HUB, 0.0)
    assert not counted.is_known(KNOWN_S)
    counted.note(None, 0.0)
    assert all(counted.take(0.0) for _ in range(1_000))
    assert counted.is_known(UNLIMITED_S - 1)
    assert not counted.is_known(UNLIMITED_S)


def test_a_refusal_says_whose_pulls_and_when_they_come_back():
    counted = budget()
    counted.note(Quota(3, limit=100, window_s=21_600.0), 0.0)
    assert not counted.take(60.0)
    assert counted.come_back_s(60.0) == 21_600.0
    counted.note(Quota(3, limit=100, window_s=21_600.0), 360.0)
    assert not counted.take(360.0)
    assert counted.come_back_s(360.0) == pytest.approx(21_300.0)
    words = counted.refusal(360.0)
    assert "3 of 100 pulls are left (hub.test:443, anonymous from this address)" in words
    assert "10 are kept for others" in words
    assert "within 5 h 56 min" in words
    counted = budget("somebody")
    counted.note(Quota(0, reset_s=120.0), 0.0)
    assert counted.come_back_s(50.0) == 70.0
    assert "this account" in counted.refusal(50.0)
    assert "somebody" not in counted.refusal(50.0)


def test_accounts_have_budgets_of_their_own(monkeypatch):
    budgets = PullBudgets()
    one, other = PullAccount("h", "a", 0), PullAccount("h", "b", 0)
    assert budgets.of(one) is budgets.of(one)
    assert budgets.of(one) is not budgets.of(other)
    monkeypatch.setattr("argocd_image_updater.registry.pulls.MAX_ACCOUNTS", 2)
    busy = budgets.of(one)
    busy.take(0.0)
    idle = budgets.of(other)
    budgets.of(PullAccount("h", "c", 0))
    assert budgets.of(one) is busy
    assert budgets.of(other) is not idle
