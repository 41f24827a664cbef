"""Laws of the minimum age: nothing too young is taken, and time only lets more through."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.choice import Choice, Pending, choose, settle_age
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
from argocd_image_updater.core.strategy import Candidate, ranked

REPOSITORY = RepositoryKey("reg.example", "app")
PLATFORM = "linux/amd64"
START_NS = 1_800_000_000_000_000_000  # so that every creation time below is one that can be

tags = st.integers(0, 30).map("1.{}.0".format) | st.sampled_from(("edge", "2.0.0-rc1", "v3"))
instants = st.integers(START_NS, START_NS + 100)


@st.composite
def worlds(draw):
    """Settings, and by tag: when it was first seen, when it says it was built, when it moved."""
    names = draw(st.lists(tags, min_size=1, max_size=12, unique=True))
    strategy = draw(st.sampled_from(Strategy))
    image = f"reg.example/app:{names[0]}" if strategy is Strategy.DIGEST else "reg.example/app"
    settings = ImageSettings(
        "app",
        parse_image(image),
        strategy=strategy,
        minimum_age_ns=draw(st.integers(1, 60)),
        minimum_age_from=draw(st.sampled_from(AgeFrom)),
    )
    seen = {name: draw(instants) for name in names}
    created = {name: draw(st.none() | st.just(0) | instants) for name in names}
    # A tag that was pushed again: what was seen last is not what it points at.
    moved = {name: draw(st.none() | instants) for name in names}
    pushed = draw(st.none() | st.fixed_dictionaries({}, optional=dict.fromkeys(names, instants)))
    return settings, seen, created, moved, pushed


def pointed_at(world, tag):
    return f"sha256:{tag}" if world[3][tag] is None else f"sha256:{tag}-new"


def push_times(world):
    pushed = world[4]
    if pushed is None:
        return Failure(FailureKind.UNTOLD, "it does not tell")
    return PushTimes({tag: Pushed(pointed_at(world, tag), at_ns) for tag, at_ns in pushed.items()})


def found_at(world, now_ns, running=()):
    settings, seen, created, moved, _ = world

    def answer(question):
        match question:
            case TagListQuestion():
                return TagList(tuple(seen))
            case SightingQuestion(tag=tag, digest=digest, fresh=fresh):
                if moved[tag] is not None and (fresh or digest):
                    return Sighting(f"sha256:{tag}-new", max(seen[tag], moved[tag]))
                return Sighting(f"sha256:{tag}", seen[tag])
            case MetadataQuestion(tag=tag, fresh=fresh):
                is_new = moved[tag] is not None and fresh
                return TagMetadata(f"sha256:{tag}{'-new' if is_new else ''}", created[tag])
            case PushTimesQuestion():
                return push_times(world)
            case DigestQuestion(tag=tag):
                return TagMetadata(pointed_at(world, tag))

    facts = {}
    for _ in range(16):
        found = choose(
            settings,
            REPOSITORY,
            facts=facts,
            default_platform=PLATFORM,
            current=running,
            now_ns=now_ns,
        )
        if isinstance(found, Choice):
            found = settle_age(
                settings,
                REPOSITORY,
                found,
                facts=facts,
                default_platform=PLATFORM,
                now_ns=now_ns,
            )
        if not isinstance(found, Pending):
            return found
        facts |= {question: answer(question) for question in found.questions}
    raise AssertionError("it asks again and again")


def since_ns(world, tag):
    """Return since when a tag counts, told another way than the product does."""
    settings, seen, created, moved, pushed = world
    first_ns = seen[tag] if moved[tag] is None else max(seen[tag], moved[tag])
    first_ns = min(first_ns, (pushed or {}).get(tag, first_ns))
    if settings.minimum_age_from is AgeFrom.CREATED and created[tag]:
        return min(first_ns, created[tag])
    return first_ns


def place(world, tag):
    settings, seen, created, *_ = world
    constraint = settings.reference.tag.name if settings.reference.tag else ""
    order = ranked(settings.strategy, constraint, (Candidate(name, created[name]) for name in seen))
    return [item.name for item in order].index(tag)


@given(worlds(), instants)
def test_what_is_chosen_is_never_too_young(world, now_ns):
    found = found_at(world, now_ns)
    if isinstance(found, Choice):
        assert since_ns(world, found.chosen.name) + world[0].minimum_age_ns <= now_ns


@given(worlds(), instants, st.data())
def test_what_runs_is_never_made_older_than_the_rules_ask_for(world, now_ns, data):
    running = data.draw(st.sampled_from(sorted(world[1])))
    found = found_at(world, now_ns, (running,))
    if isinstance(found, Choice) and world[0].strategy is not Strategy.DIGEST:
        old_enough = since_ns(world, found.chosen.name) + world[0].minimum_age_ns <= now_ns
        assert old_enough
        constraint_admits = running in [
            item.name for item in ranked(world[0].strategy, "", map(Candidate, world[1]))
        ]
        if constraint_admits:
            assert place(world, found.chosen.name) <= place(world, running)


@given(worlds(), instants, st.integers(0, 200))
def test_time_only_lets_better_tags_through(world, now_ns, later_ns):
    first, second = found_at(world, now_ns), found_at(world, now_ns + later_ns)
    if isinstance(first, Choice):
        assert isinstance(second, Choice)
        assert place(world, second.chosen.name) <= place(world, first.chosen.name)


@given(worlds(), instants)
def test_when_it_will_be_ready_is_when_something_changes_and_not_later(world, now_ns):
    found = found_at(world, now_ns)
    if found.due_at_ns is None:
        return
    assert found.due_at_ns > now_ns
    if all(value is None for value in world[3].values()):  # nothing was pushed again
        before = found_at(world, found.due_at_ns - 1)
        assert type(before) is type(found)
        if isinstance(found, Choice):
            assert before.chosen == found.chosen
        else:
            assert found.reason is Reason.TOO_YOUNG
            assert isinstance(found_at(world, found.due_at_ns), Choice)
