"""The minimum age of what is chosen: what waits, for how long, and what never does."""

import pytest

from argocd_image_updater.core.ages import FIRST_IMAGES_NS, format_age, parse_age
from argocd_image_updater.core.choice import Choice, NoChoice, Pending, choose, settle_age
from argocd_image_updater.core.due import Due, Policy, Settled, decide_image
from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    Pushed,
    PushTimes,
    PushTimesQuestion,
    RepositoryKey,
    Sighting,
    SightingQuestion,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import AgeFrom, ImageSettings, Strategy

REPOSITORY = RepositoryKey("reg.example", "team/app")
PLATFORM = "linux/amd64"
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
NOW_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z
UNTOLD = Failure(FailureKind.UNTOLD, "reg.example/team/app does not tell when")
OLD, YOUNG = NOW_NS - 4 * DAY_NS, NOW_NS - DAY_NS


def settings(image="reg.example/team/app", strategy=Strategy.SEMVER, **more):
    more.setdefault("minimum_age_ns", 3 * DAY_NS)
    return ImageSettings("app", parse_image(image), strategy=strategy, **more)


class Registry:
    """seen: tag → when it was first seen. digests: what tags point at by now, if something else.

    created: what images say of themselves. pushed: what the registry says of its tags.
    """

    def __init__(self, seen, *, created=None, digests=None, failures=None, pushed=None):
        self.pushed = UNTOLD if pushed is None else PushTimes(pushed)
        self.seen, self.created = seen, created or {}
        self.digests, self.failures = digests or {}, failures or {}
        self.asked = []

    def answer(self, question):
        self.asked.append(question)
        match question:
            case TagListQuestion():
                return TagList(tuple(self.seen))
            case SightingQuestion(tag=tag) if tag in self.failures:
                return self.failures[tag]
            case SightingQuestion(tag=tag, digest=digest, fresh=fresh):
                moved = self.digests.get(tag)
                if moved and (fresh or digest):
                    return Sighting(*moved)
                return Sighting(digest or f"sha256:{tag}", self.seen[tag])
            case MetadataQuestion(tag=tag):
                return TagMetadata(f"sha256:{tag}", self.created.get(tag))
            case PushTimesQuestion():
                return self.pushed
            case DigestQuestion(tag=tag):
                return TagMetadata(f"sha256:{tag}")

    def sightings(self):
        return [item for item in self.asked if isinstance(item, SightingQuestion)]


def until_known(ask, registry):
    facts = {}
    for _ in range(16):
        found = ask(facts)
        if not isinstance(found, Pending):
            return found
        facts |= {question: registry.answer(question) for question in found.questions}
    raise AssertionError("it asks again and again")


def made(wanted, registry, *, running=(), now_ns=NOW_NS):
    def ask(facts):
        found = choose(
            wanted,
            REPOSITORY,
            facts=facts,
            default_platform=PLATFORM,
            current=running,
            now_ns=now_ns,
        )
        if running or not isinstance(found, Choice):
            return found
        return settle_age(
            wanted, REPOSITORY, found, facts=facts, default_platform=PLATFORM, now_ns=now_ns
        )

    return until_known(ask, registry)


def decided(wanted, registry, *live, now_ns=NOW_NS):
    policy = Policy(PLATFORM, lambda *_: REPOSITORY, now_ns=now_ns)
    images = tuple(parse_image(f"reg.example/team/app{tag}") for tag in live)
    return until_known(
        lambda facts: decide_image(wanted, images, namespace="argocd", facts=facts, policy=policy),
        registry,
    )


@pytest.mark.parametrize("strategy", [Strategy.SEMVER, Strategy.ALPHABETICAL])
def test_the_best_that_is_old_enough_is_chosen(strategy):
    found = made(
        settings(strategy=strategy), Registry({"1.0.0": OLD, "1.1.0": OLD, "1.2.0": YOUNG})
    )
    assert found.chosen.name == "1.1.0"
    assert [(item.tag, item.ready_ns) for item in found.waiting] == [("1.2.0", YOUNG + 3 * DAY_NS)]
    assert found.due_at_ns == YOUNG + 3 * DAY_NS
    verdicts = {item.tag: (item.rule, item.detail) for item in found.trace()}
    assert verdicts == {
        "1.2.0": ("tooYoung", "until 2027-01-17T08:00:00Z"),
        "1.1.0": ("chosen", ""),
        "1.0.0": ("kept", ""),
    }


def test_newest_build_passes_over_what_is_too_young_whatever_date_it_bears():
    registry = Registry(
        {"a": OLD, "b": YOUNG, "c": OLD}, created={"a": OLD, "b": NOW_NS, "c": OLD - 1}
    )
    found = made(settings(strategy=Strategy.NEWEST_BUILD), registry)
    assert found.chosen.name == "a"
    assert [item.tag for item in found.waiting] == ["b"]
    assert [item.rule for item in found.trace()] == ["tooYoung", "chosen", "kept"]


def test_an_image_that_lies_about_its_date_waits_like_any_other():
    registry = Registry({"1.0.0": YOUNG}, created={"1.0.0": 0})
    assert made(settings(), registry).reason is Reason.TOO_YOUNG


def test_what_became_old_enough_is_looked_at_again_before_it_is_taken():
    registry = Registry(
        {"1.0.0": OLD, "1.1.0": OLD}, digests={"1.1.0": ("sha256:other", NOW_NS - HOUR_NS)}
    )
    found = made(settings(), registry)
    assert found.chosen.name == "1.0.0"
    assert found.waiting[0].ready_ns == NOW_NS - HOUR_NS + 3 * DAY_NS


def test_the_instant_itself_is_old_enough():
    registry = Registry({"1.0.0": NOW_NS - 3 * DAY_NS})
    assert made(settings(), registry).chosen.name == "1.0.0"
    assert made(settings(), registry, now_ns=NOW_NS - 1).reason is Reason.TOO_YOUNG


def test_where_all_are_too_young_nothing_is_chosen_and_the_first_to_be_ready_says_when():
    found = made(settings(), Registry({"1.0.0": YOUNG, "1.1.0": NOW_NS}))
    assert found.reason is Reason.TOO_YOUNG
    assert found.message == (
        "1.1.0 is younger than minimumAge 72h and may be taken from 2027-01-18T08:00:00Z on; "
        "1 more must wait too"
    )
    assert found.due_at_ns == YOUNG + 3 * DAY_NS


def test_without_a_minimum_age_nothing_is_asked():
    registry = Registry({"1.0.0": NOW_NS})
    assert made(settings(minimum_age_ns=0), registry).chosen.name == "1.0.0"
    assert registry.sightings() == []


def test_a_clock_that_nobody_handed_in_makes_everything_too_young():
    found = choose(
        settings(),
        REPOSITORY,
        facts={
            TagListQuestion(REPOSITORY): TagList(("1.0.0",)),
            SightingQuestion(REPOSITORY, "1.0.0"): Sighting("sha256:a", OLD),
            PushTimesQuestion(REPOSITORY): UNTOLD,
        },
        default_platform=PLATFORM,
    )
    assert found.reason is Reason.TOO_YOUNG


@pytest.mark.parametrize("kind", [FailureKind.TRANSIENT, FailureKind.DENIED])
def test_an_age_that_cannot_be_told_leaves_the_choice_open(kind):
    registry = Registry(
        {"1.0.0": OLD, "1.1.0": OLD}, failures={"1.1.0": Failure(kind, "status 503")}
    )
    found = made(settings(), registry)
    assert isinstance(found, NoChoice)
    assert found.reason in {Reason.REGISTRY_ERROR, Reason.AUTH_FAILED}
    assert found.message == "the age of tag 1.1.0 cannot be told: status 503"


def test_a_listed_tag_that_is_not_there_is_left_out():
    gone = Failure(FailureKind.NOT_FOUND, "tag 1.1.0 is listed but not there")
    found = made(settings(), Registry({"1.0.0": OLD, "1.1.0": OLD}, failures={"1.1.0": gone}))
    assert found.chosen.name == "1.0.0"
    assert found.trace()[0].rule == "metadata"
    found = made(settings(), Registry({"1.1.0": OLD}, failures={"1.1.0": gone}))
    assert found.reason is Reason.NO_CANDIDATE


def test_the_search_among_many_young_tags_has_an_end():
    registry = Registry({f"1.{number}.0": YOUNG for number in range(500)} | {"0.1.0": OLD})
    found = made(settings(), registry)
    assert found.reason is Reason.TOO_YOUNG
    assert len(registry.sightings()) == 50


def test_few_tags_are_looked_at_where_the_first_is_old_enough():
    registry = Registry({f"1.{number}.0": OLD for number in range(500)})
    assert made(settings(), registry).chosen.name == "1.499.0"
    assert len(registry.sightings()) <= 5


def test_the_constraint_is_heeded_by_the_search():
    registry = Registry({"1.0.0": OLD, "1.1.0": YOUNG, "2.0.0": OLD, "edge": OLD})
    assert made(settings("reg.example/team/app:^1"), registry).chosen.name == "1.0.0"


def test_created_counts_where_the_owner_says_so():
    wanted = settings(minimum_age_from=AgeFrom.CREATED)
    registry = Registry({"1.0.0": NOW_NS, "1.1.0": NOW_NS}, created={"1.0.0": OLD, "1.1.0": YOUNG})
    assert made(wanted, registry).chosen.name == "1.0.0"


@pytest.mark.parametrize("created_ns", [0, FIRST_IMAGES_NS - 1, None, NOW_NS])
def test_a_creation_time_that_cannot_be_does_not_count(created_ns):
    wanted = settings(minimum_age_from=AgeFrom.CREATED)
    registry = Registry({"1.0.0": YOUNG}, created={"1.0.0": created_ns})
    assert made(wanted, registry).due_at_ns == YOUNG + 3 * DAY_NS


def test_a_registry_that_tells_when_tags_were_pushed_ends_the_wait_of_what_was_not_seen_before():
    pushed = {
        "1.0.0": Pushed("sha256:1.0.0", OLD),
        "1.1.0": Pushed("sha256:1.1.0", OLD),
        "1.2.0": Pushed("sha256:1.2.0", YOUNG),
    }
    registry = Registry(dict.fromkeys(pushed, NOW_NS), pushed=pushed)
    found = made(settings(), registry)
    assert found.chosen.name == "1.1.0"
    assert found.due_at_ns == YOUNG + 3 * DAY_NS
    state = decided(
        settings("reg.example/team/app:1.0.0", Strategy.DIGEST), registry, ":1.0.0@sha256:00"
    )
    assert isinstance(state, Due)


def test_what_was_seen_before_it_is_said_to_be_pushed_keeps_its_time():
    pushed = {"1.0.0": Pushed("sha256:1.0.0", NOW_NS)}
    assert made(settings(), Registry({"1.0.0": OLD}, pushed=pushed)).chosen.name == "1.0.0"


def test_when_another_image_was_pushed_under_the_tag_says_nothing():
    pushed = {"1.0.0": Pushed("sha256:another", OLD)}
    registry = Registry({"1.0.0": YOUNG}, pushed=pushed)
    assert made(settings(), registry).reason is Reason.TOO_YOUNG


def test_push_times_are_asked_for_only_where_they_could_end_a_wait():
    registry = Registry({"1.0.0": OLD, "1.1.0": OLD})
    made(settings(), registry)
    assert PushTimesQuestion(REPOSITORY) not in registry.asked
    made(settings(), Registry({"1.0.0": YOUNG}))


def test_what_runs_is_up_to_date_however_young_it_is():
    registry = Registry({"1.0.0": OLD, "1.1.0": YOUNG})
    state = decided(settings(), registry, ":1.1.0")
    assert (state.reason, state.due_at_ns) == (Reason.UP_TO_DATE, None)
    assert registry.sightings() == []


def test_where_only_the_age_is_in_the_way_that_is_the_reason():
    state = decided(settings(), Registry({"1.0.0": OLD, "1.1.0": YOUNG}), ":1.0.0")
    assert isinstance(state, Settled)
    assert (state.reason, state.due_at_ns) == (Reason.TOO_YOUNG, YOUNG + 3 * DAY_NS)
    assert state.message == (
        "1.1.0 is younger than minimumAge 72h and may be taken from 2027-01-17T08:00:00Z on"
    )
    assert state.pin.name == "1.0.0"  # it is written along like one that is up to date


def test_a_better_tag_that_waits_does_not_stop_one_that_need_not():
    state = decided(settings(), Registry({"1.0.0": OLD, "1.1.0": OLD, "1.2.0": YOUNG}), ":1.0.0")
    assert isinstance(state, Due)
    assert (state.tag.name, state.due_at_ns) == ("1.1.0", YOUNG + 3 * DAY_NS)


def test_a_young_tag_that_runs_in_one_place_is_not_spread_to_others_before_its_time():
    state = decided(settings(), Registry({"1.0.0": OLD, "1.1.0": YOUNG}), ":1.0.0", ":1.1.0")
    assert (state.reason, state.due_at_ns) == (Reason.TOO_YOUNG, YOUNG + 3 * DAY_NS)
    state = decided(settings(), Registry({"1.0.0": OLD, "1.1.0": OLD}), ":1.0.0", ":1.1.0")
    assert isinstance(state, Due)
    assert state.tag.name == "1.1.0"


def test_a_new_digest_waits_until_it_is_old_enough():
    wanted = settings("reg.example/team/app:edge", Strategy.DIGEST)
    running = f":edge@sha256:{'0' * 64}"
    state = decided(wanted, Registry({"edge": YOUNG}), running)
    assert (state.reason, state.due_at_ns) == (Reason.TOO_YOUNG, YOUNG + 3 * DAY_NS)
    assert state.chosen.digest == "sha256:edge"
    assert [item.rule for item in state.trace()] == ["tooYoung"]
    assert isinstance(decided(wanted, Registry({"edge": OLD}), running), Due)


def test_a_digest_is_judged_by_itself_and_not_by_what_its_tag_points_at_later():
    wanted = settings("reg.example/team/app:edge", Strategy.DIGEST)
    registry = Registry({"edge": OLD})
    decided(wanted, registry, ":edge")
    assert [item.digest for item in registry.sightings()] == ["sha256:edge"]


@pytest.mark.parametrize(
    ("text", "age_ns", "shown"),
    [
        ("3d", 3 * DAY_NS, "72h"),
        ("72h", 3 * DAY_NS, "72h"),
        ("1d12h", 36 * HOUR_NS, "36h"),
        ("90m", HOUR_NS * 3 // 2, "1h30m"),
        ("10m", HOUR_NS // 6, "10m"),
        ("1h30s", HOUR_NS + 30 * 10**9, "1h0m30s"),
        ("0", 0, "0s"),
        ("0d", 0, "0s"),
    ],
)
def test_an_age_is_written_with_days_or_as_a_duration(text, age_ns, shown):
    assert parse_age(text) == age_ns
    assert format_age(age_ns) == shown


@pytest.mark.parametrize("text", ["", "3", "3 days", "-3d", "12h3d", "1.5d", "99999d", "d", "3D"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(ValueError, match="must be an age such as 3d, 72h or 1d12h"):
        parse_age(text)
