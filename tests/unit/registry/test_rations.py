"""Which images of a repository are read in a cycle, and what is remembered of the others."""

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    MetadataQuestion,
    RepositoryKey,
    TagMetadata,
)
from argocd_image_updater.registry import passed_over
from argocd_image_updater.registry.passed_over import LONGEST_S, PassedOver
from argocd_image_updater.registry.rations import Rations, place_of

REPOSITORY = RepositoryKey("reg.test", "team/app")
GONE = Failure(FailureKind.NOT_FOUND, "not there")
BROKEN = Failure(FailureKind.UNUSABLE, "no image", of_content=True)


def question(tag, platforms=()):
    return MetadataQuestion(REPOSITORY, tag, platforms)


class Time:
    now = 1_000.0

    def __call__(self):
        return self.now


def left_out(rations, tags, most):
    answers = rations.left_out(REPOSITORY, [question(tag) for tag in tags], most=most)
    return {item.tag: answer.kind for item, answer in answers.items()}


def test_what_is_beyond_the_ration_is_postponed_in_the_order_of_names():
    rations = Rations(unix=Time())
    assert left_out(rations, ["c", "a", "b"], 2) == {"c": FailureKind.POSTPONED}
    assert left_out(rations, ["d"], 2) == {"d": FailureKind.POSTPONED}  # the same cycle
    rations.begin_cycle()
    assert left_out(rations, ["c", "d"], 2) == {}


def test_a_tag_without_an_image_is_read_again_after_growing_times():
    time, rations = Time(), Rations(unix=Time())
    rations = Rations(unix=time)
    place, reads = place_of(question("a")), []
    for cycle in range(20):
        time.now = 1_000.0 + 120 * cycle
        rations.begin_cycle()
        if not left_out(rations, ["a"], 10):
            reads.append(cycle)
            rations.learn(place, "a", GONE, lasts=False)
    assert reads == [0, 1, 2, 4, 8, 16]


def test_many_tags_without_an_image_never_keep_the_others_from_being_read():
    time = Time()
    rations = Rations(unix=time)
    tags = [f"a{number}" for number in range(4)] + ["z"]
    known = set()
    cycle = 0
    while cycle < 4:
        cycle += 1
        time.now += 120
        rations.begin_cycle()
        unread = [tag for tag in tags if tag not in known]
        postponed = left_out(rations, unread, 2)
        if FailureKind.POSTPONED not in postponed.values():
            break
        for tag in unread:
            if tag not in postponed:
                rations.learn(place_of(question(tag)), tag, GONE, lasts=False)
    assert cycle == 3
    assert postponed == {f"a{number}": FailureKind.NOT_FOUND for number in (1, 2, 3)}


def test_what_is_stored_or_unlisted_or_may_pass_is_not_remembered():
    rations, place = Rations(unix=Time()), place_of(question("a"))
    for tag in ("a", "b", "c"):
        rations.learn(place, tag, GONE, lasts=False)
    rations.learn(place, "a", TagMetadata("sha256:x"), lasts=True)
    rations.learn(place, "b", BROKEN, lasts=True)
    rations.learn(place, "d", Failure(FailureKind.TRANSIENT, "late"), lasts=False)
    rations.keep(place, {"a", "b", "d"})
    assert left_out(rations, ["a", "b", "c", "d"], 0) == dict.fromkeys(
        "abcd", FailureKind.POSTPONED
    )


def test_the_time_between_two_looks_has_an_end_and_so_has_the_memory(monkeypatch):
    memory = PassedOver()
    memory.note("r", "a", GONE, now=0.0)
    memory.note("r", "a", GONE, now=10 * LONGEST_S)
    assert not memory.is_due("r", "a", now=10 * LONGEST_S + 1)
    assert memory.is_due("r", "a", now=11 * LONGEST_S)
    monkeypatch.setattr(passed_over, "MAX_TAGS", 2)
    memory.note("r", "b", GONE, now=0.0)
    memory.note("r", "c", GONE, now=0.0)
    assert memory.known("r") == {"c"}
