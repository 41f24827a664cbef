"""Choosing from facts: what is asked for, and what an incomplete answer does."""

import pytest

from argocd_image_updater.core.choice import Choice, NoChoice, Pending, choose
from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    Pushed,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ImageSettings, NewestBy, Strategy

REPOSITORY = RepositoryKey("reg.example", "team/app")
LIST = TagListQuestion(REPOSITORY)
PLATFORMS = ("linux/amd64",)


def settings(image="reg.example/team/app", strategy=Strategy.SEMVER, **more):
    return ImageSettings("app", parse_image(image), strategy=strategy, **more)


def made(wanted, facts, current=()):
    return choose(wanted, REPOSITORY, facts=facts, default_platform="linux/amd64", current=current)


def metadata(tag, *, fresh=False):
    return MetadataQuestion(REPOSITORY, tag, PLATFORMS, fresh=fresh)


def test_nothing_is_known_without_the_list():
    assert made(settings(), {}) == Pending(frozenset((LIST,)))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureKind.TRANSIENT, Reason.REGISTRY_ERROR),
        (FailureKind.RATE_LIMITED, Reason.RATE_LIMITED),
        (FailureKind.DENIED, Reason.AUTH_FAILED),
        (FailureKind.NOT_FOUND, Reason.REPOSITORY_UNKNOWN),
        (FailureKind.CREDENTIALS, Reason.CREDENTIALS_UNAVAILABLE),
        (FailureKind.REFUSED, Reason.SECRET_REFUSED),
        (FailureKind.CONFIG, Reason.SETTINGS_INVALID),
    ],
)
def test_a_failed_list_ends_with_the_reason_of_its_failure(kind, reason):
    result = made(settings(), {LIST: Failure(kind, "why")})
    assert isinstance(result, NoChoice)
    assert (result.reason, result.message) == (reason, "why")


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"allow_tags": "v1"}, Reason.ALLOW_TAGS_INVALID),
        ({"allow_tags": "regexp:^x"}, Reason.FILTERED_BY_ALLOW_TAGS),
        ({"ignore_tags": ("*",)}, Reason.FILTERED_BY_IGNORE_TAGS),
        ({"image": "reg.example/team/app:^9"}, Reason.CONSTRAINT_UNMATCHED),
        ({"image": "reg.example/team/app:^^9"}, Reason.CONSTRAINT_INVALID),
    ],
)
def test_the_reason_names_the_rule_that_left_nothing(about, reason):
    result = made(settings(**about), {LIST: TagList(("1.0.0", "1.1.0"))})
    assert isinstance(result, NoChoice)
    assert result.reason is reason
    assert result.message


def test_an_empty_repository_has_no_tags():
    result = made(settings(), {LIST: TagList(())})
    assert isinstance(result, NoChoice)
    assert result.reason is Reason.NO_TAGS


def test_newest_build_asks_for_every_kept_tag_at_once():
    wanted = settings(strategy=Strategy.NEWEST_BUILD, ignore_tags=("old",))
    result = made(wanted, {LIST: TagList(("a", "b", "old"))})
    assert result == Pending(frozenset((metadata("a"), metadata("b"))))


def test_newest_build_reads_the_chosen_and_the_running_tag_afresh():
    facts = {
        LIST: TagList(("a", "b", "c")),
        metadata("a"): TagMetadata("sha256:a", 1),
        metadata("b"): TagMetadata("sha256:b", 3),
        metadata("c"): TagMetadata("sha256:c", 2),
    }
    wanted = settings(strategy=Strategy.NEWEST_BUILD)
    result = made(wanted, facts, current=("a", "gone"))
    assert result == Pending(frozenset((metadata("a", fresh=True), metadata("b", fresh=True))))
    facts[metadata("b", fresh=True)] = TagMetadata("sha256:b", 3)
    facts[metadata("a", fresh=True)] = TagMetadata("sha256:new", 9)
    result = made(wanted, facts, current=("a", "gone"))
    assert isinstance(result, Choice)
    assert result.chosen.name == "a"


@pytest.mark.parametrize("now", [Failure(FailureKind.NOT_FOUND, "404"), TagMetadata("sha256:z", 0)])
def test_many_tags_that_moved_since_they_were_remembered_take_few_rounds(now):
    tags = tuple(f"t{number:04}" for number in range(1000))
    facts = {LIST: TagList(tags)}
    facts |= {metadata(tag): TagMetadata("sha256:old", at) for at, tag in enumerate(tags, 1)}
    wanted = settings(strategy=Strategy.NEWEST_BUILD)
    rounds = 0
    while isinstance(result := made(wanted, facts), Pending):
        rounds += 1
        for question in result.questions:
            kept = question.tag == "t0000"
            facts[question] = facts[metadata(question.tag)] if kept else now
    assert isinstance(result, Choice)
    assert result.chosen.name == "t0000"
    assert rounds <= 8


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureKind.TRANSIENT, Reason.METADATA_INCOMPLETE),
        (FailureKind.RATE_LIMITED, Reason.RATE_LIMITED),
        (FailureKind.DENIED, Reason.AUTH_FAILED),
    ],
)
def test_one_image_that_may_be_the_newest_but_cannot_be_read_leaves_the_choice_open(kind, reason):
    facts = {
        LIST: TagList(("a", "b")),
        metadata("a"): TagMetadata("sha256:a", 1),
        metadata("b"): Failure(kind, "why"),
    }
    result = made(settings(strategy=Strategy.NEWEST_BUILD), facts)
    assert isinstance(result, NoChoice)
    assert result.reason is reason
    assert "tag b" in result.message


def test_a_permanent_oddity_drops_its_tag_only():
    facts = {
        LIST: TagList(("a", "sig", "arm", "gone")),
        metadata("a"): TagMetadata("sha256:a", 1),
        metadata("a", fresh=True): TagMetadata("sha256:a", 1),
        metadata("sig"): Failure(FailureKind.UNUSABLE, "no image"),
        metadata("arm"): Failure(FailureKind.NO_PLATFORM, "arm64"),
        metadata("gone"): Failure(FailureKind.NOT_FOUND, "404"),
    }
    result = made(settings(strategy=Strategy.NEWEST_BUILD), facts)
    assert isinstance(result, Choice)
    assert result.chosen.name == "a"
    assert {item.tag: item.rule for item in result.trace()} == {
        "a": "chosen",
        "sig": "metadata",
        "arm": "platform",
        "gone": "metadata",
    }


def test_a_sorted_registry_needs_no_images():
    wanted = settings(strategy=Strategy.NEWEST_BUILD)
    result = made(wanted, {LIST: TagList(("new", "old"), "latest-first")})
    assert isinstance(result, Choice)
    assert result.chosen.name == "new"


def test_digest_asks_for_its_one_tag_and_for_no_list():
    question = DigestQuestion(REPOSITORY, "dev", PLATFORMS)
    wanted = settings("reg.example/team/app:dev", Strategy.DIGEST)
    assert made(wanted, {}) == Pending(frozenset((question,)))
    result = made(wanted, {question: TagMetadata("sha256:d")})
    assert isinstance(result, Choice)
    assert (result.chosen.name, result.chosen.digest) == ("dev", "sha256:d")


def test_digest_without_a_tag_says_what_to_write():
    result = made(settings(strategy=Strategy.DIGEST), {})
    assert isinstance(result, NoChoice)
    assert result.reason is Reason.CONSTRAINT_MISSING
    assert "reg.example/team/app:<tag>" in result.message


def test_digest_of_an_ignored_tag_asks_nobody():
    wanted = settings("reg.example/team/app:dev", Strategy.DIGEST, ignore_tags=("d*",))
    result = made(wanted, {})
    assert isinstance(result, NoChoice)
    assert result.reason is Reason.FILTERED_BY_IGNORE_TAGS


def test_the_constraint_of_newest_build_is_ignored_even_when_malformed():
    wanted = settings("reg.example/team/app:^^1", Strategy.NEWEST_BUILD)
    assert isinstance(made(wanted, {LIST: TagList(("a",))}), Pending)


def by_push(tags, times, **more):
    facts = {
        LIST: TagList(tags, **more),
        PushTimesQuestion(REPOSITORY): times,
    }
    for tag in tags:
        for fresh in (False, True):
            facts[metadata(tag, fresh=fresh)] = TagMetadata(f"sha256:{tag}", 0)
    wanted = settings(strategy=Strategy.NEWEST_BUILD, newest_by=NewestBy.PUSHED)
    return made(wanted, facts)


def pushed(**times):
    return PushTimes({tag: Pushed(f"sha256:{tag}", at_ns) for tag, at_ns in times.items()})


@pytest.mark.parametrize("sort", ["", "latest-first"])
def test_the_newest_by_push_needs_no_creation_time_and_no_order_of_the_list(sort):
    found = by_push(("a", "b", "c"), pushed(a=1, b=3, c=2), sort=sort)
    assert found.chosen.name == "b"
    assert [item.created_ns for item in found.trace()] == [3, 2, 1]


def test_push_times_are_asked_for_before_images_are_read():
    wanted = settings(strategy=Strategy.NEWEST_BUILD, newest_by=NewestBy.PUSHED)
    found = made(wanted, {LIST: TagList(("a",))})
    assert found == Pending(frozenset((PushTimesQuestion(REPOSITORY),)))
    wanted = settings(newest_by=NewestBy.PUSHED)  # semver has no use for it
    assert made(wanted, {LIST: TagList(("1.0",))}).chosen.name == "1.0"


def test_where_the_registry_does_not_tell_push_times_nothing_takes_their_place():
    found = by_push(("a", "b"), Failure(FailureKind.UNTOLD, "it does not tell"))
    assert (found.reason, found.message) == (Reason.PUSH_TIMES_UNKNOWN, "it does not tell")
    found = by_push(("a", "b"), pushed(a=1))
    assert found.reason is Reason.PUSH_TIMES_UNKNOWN
    assert "when tag b was pushed" in found.message
    found = by_push(("a",), Failure(FailureKind.TRANSIENT, "status 503"))
    assert found.reason is Reason.REGISTRY_ERROR
