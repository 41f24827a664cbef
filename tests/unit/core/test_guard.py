"""The downgrade guard: when an older choice may replace the current tag.

Covers the three policies, exclusion by the owner, withdrawal, incomplete lists, and both orders.
"""

import pytest

from argocd_image_updater.core.choice import Choice, NoChoice, Pending
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    Pushed,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
    TagExistsQuestion,
    TagMetadata,
)
from argocd_image_updater.core.guard import Guarded, guard
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, parse_image
from argocd_image_updater.core.settings import Downgrade, ImageSettings, NewestBy, Strategy
from argocd_image_updater.core.strategy import Candidate

REPOSITORY = RepositoryKey("reg.example", "team/app")
PLATFORM = "linux/amd64"


def settings(strategy=Strategy.SEMVER, downgrade=Downgrade.WHEN_EXCLUDED, **more):
    image = parse_image("reg.example/team/app")
    return ImageSettings("app", image, strategy=strategy, downgrade=downgrade, **more)


def choice(chosen, *, listed, kept=None, candidates=None, dropped=None, created=None):
    created = created or {}
    names = candidates if candidates is not None else kept if kept is not None else listed
    return Choice(
        Candidate(chosen, created.get(chosen), "", {}),
        tuple(listed),
        frozenset(kept if kept is not None else listed),
        {name: Candidate(name, created.get(name), "", {}) for name in names},
        dropped or {},
    )


def ask(made, current, *, facts=None, **about):
    return guard(
        settings(**about),
        REPOSITORY,
        choice=made,
        current=ImageTag(current),
        facts=facts or {},
        default_platform=PLATFORM,
    )


def test_a_newer_choice_passes():
    assert ask(choice("1.2.0", listed=["1.1.0", "1.2.0"]), "1.1.0") == Guarded()


def test_a_tag_that_the_constraint_excludes_may_be_left():
    made = choice("1.9.0", listed=["1.9.0", "2.0.0"])
    assert ask(made, "2.0.0") == Guarded(downgrade=True)


def test_a_tag_that_the_filters_exclude_may_be_left():
    made = choice("1.9.0", listed=["1.9.0", "2.0.0"], kept=["1.9.0"])
    assert ask(made, "2.0.0") == Guarded(downgrade=True)


def test_never_holds_an_older_choice_even_when_the_owner_excluded_the_current_tag():
    made = choice("1.9.0", listed=["1.9.0", "2.0.0"], kept=["1.9.0"])
    held = ask(made, "2.0.0", downgrade=Downgrade.NEVER)
    assert isinstance(held, NoChoice)
    assert held.reason is Reason.WOULD_DOWNGRADE
    assert "1.9.0" in held.message
    assert "2.0.0" in held.message


def test_never_lets_a_newer_choice_through():
    made = choice("2.0.0", listed=["1.9.0", "2.0.0"])
    assert ask(made, "1.9.0", downgrade=Downgrade.NEVER) == Guarded()


def test_allow_asks_nothing():
    made = choice("1.0.0", listed=["1.0.0"])
    assert ask(made, "9.9.9", downgrade=Downgrade.ALLOW) == Guarded()


@pytest.mark.parametrize("strategy", [Strategy.ALPHABETICAL, Strategy.DIGEST])
def test_a_scheme_without_order_is_never_guarded(strategy):
    made = choice("a", listed=["a"])
    assert ask(made, "z", strategy=strategy) == Guarded()


def test_a_current_tag_missing_from_the_list_is_asked_for_once():
    made = choice("1.0.0", listed=["1.0.0"])
    assert ask(made, "2.0.0") == Pending(frozenset((TagExistsQuestion(REPOSITORY, "2.0.0"),)))


def test_a_withdrawn_tag_may_be_left_for_an_older_one():
    facts = {TagExistsQuestion(REPOSITORY, "2.0.0"): False}
    made = choice("1.0.0", listed=["1.0.0"])
    assert ask(made, "2.0.0", facts=facts) == Guarded(downgrade=True)


def test_a_tag_that_exists_but_is_not_listed_proves_the_list_incomplete():
    facts = {TagExistsQuestion(REPOSITORY, "2.0.0"): True}
    held = ask(choice("2.1.0", listed=["2.1.0"]), "2.0.0", facts=facts)
    assert isinstance(held, NoChoice)
    assert held.reason is Reason.LIST_INCOMPLETE


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureKind.TRANSIENT, Reason.REGISTRY_ERROR),
        (FailureKind.RATE_LIMITED, Reason.RATE_LIMITED),
        (FailureKind.DENIED, Reason.AUTH_FAILED),
    ],
)
def test_not_knowing_whether_a_tag_was_withdrawn_changes_nothing(kind, reason):
    facts = {TagExistsQuestion(REPOSITORY, "2.0.0"): Failure(kind, "why")}
    held = ask(choice("1.0.0", listed=["1.0.0"]), "2.0.0", facts=facts)
    assert isinstance(held, NoChoice)
    assert held.reason is reason


def test_an_older_build_is_held_when_the_current_image_cannot_be_read():
    facts = {
        MetadataQuestion(REPOSITORY, "b", (PLATFORM,), fresh=True): Failure(
            FailureKind.UNUSABLE, "no config"
        )
    }
    made = choice(
        "a", listed=["a", "b"], candidates=["a"], dropped={"b": "metadata"}, created={"a": 1}
    )
    held = ask(made, "b", strategy=Strategy.NEWEST_BUILD, facts=facts)
    assert isinstance(held, NoChoice)
    assert held.reason is Reason.WOULD_DOWNGRADE


def test_a_build_for_another_platform_counts_as_excluded():
    made = choice(
        "a", listed=["a", "b"], candidates=["a"], dropped={"b": "platform"}, created={"a": 1}
    )
    assert isinstance(ask(made, "b", strategy=Strategy.NEWEST_BUILD), Guarded)


def test_never_compares_build_times_of_a_filtered_tag():
    question = MetadataQuestion(REPOSITORY, "b", (PLATFORM,), fresh=True)
    made = choice("a", listed=["a", "b"], kept=["a"], created={"a": 10})
    about = {"strategy": Strategy.NEWEST_BUILD, "downgrade": Downgrade.NEVER}
    assert ask(made, "b", **about) == Pending(frozenset((question,)))
    newer = ask(made, "b", facts={question: TagMetadata("sha256:1", 20)}, **about)
    assert isinstance(newer, NoChoice)
    older = ask(made, "b", facts={question: TagMetadata("sha256:1", 5)}, **about)
    assert older == Guarded()


def test_a_current_image_without_tag_name_is_not_guarded():
    assert ask(choice("1.0.0", listed=["1.0.0"]), "") == Guarded()


@pytest.mark.parametrize(("pushed_ns", "passes"), [(2, False), (1, True), (None, False)])
def test_a_choice_by_push_is_compared_by_push(pushed_ns, passes):
    made = choice("b", listed=["a", "b"], kept=["b"], created={"b": 1})
    times = {} if pushed_ns is None else {"a": Pushed("sha256:a", pushed_ns)}
    verdict = ask(
        made,
        "a",
        strategy=Strategy.NEWEST_BUILD,
        downgrade=Downgrade.NEVER,
        newest_by=NewestBy.PUSHED,
        facts={PushTimesQuestion(REPOSITORY): PushTimes(times)},
    )
    assert isinstance(verdict, Guarded) == passes
