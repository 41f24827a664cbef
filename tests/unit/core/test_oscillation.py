"""Which writes are held because they would bring back what we replaced, and for how long."""

import pytest

from argocd_image_updater.core.application import EnvEntry, ObjectKey, Source
from argocd_image_updater.core.oscillation import FLIP_WINDOW_S, HOLD_S, hold_flips
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome, Reason
from argocd_image_updater.core.snapshot import Snapshot
from argocd_image_updater.core.write_history import Writer, planned_values, settings_of
from unit.core.flips import NAME, RESOURCE, Memory, image, plan
from unit.core.resolving import annotated, application, resource

NOON_S = 1_800_000_000
MINUTE_S = 60


@pytest.fixture
def memory():
    return Memory()


def hold(memory, *plans, now_s=NOON_S):
    """Hold what must be held, and remember what begins."""
    found = hold_flips(plans, memory.fields, settings=memory.settings_of(*plans), now_s=now_s)
    memory.hold(found.begun)
    return found


def is_held(memory, item, *, now_s=NOON_S):
    """Tell whether the only write of a plan is held; without a trace in the memory."""
    settings = memory.settings_of(item)
    (found,) = hold_flips([item], memory.fields, settings=settings, now_s=now_s).plans
    (decision,) = found.decisions
    assert (decision.reason is Reason.OSCILLATING) == (not found.writes)
    return not found.writes


def test_the_first_return_is_held_with_both_values_and_both_writers(memory):
    memory.write(plan(("1.0", "1.5"), application="a"), at_s=NOON_S - 3 * MINUTE_S)
    memory.write(plan(("1.0", "2.0"), application="b"), at_s=NOON_S - 2 * MINUTE_S)
    found = hold(memory, plan(("2.0", "1.5"), application="a"))
    (held,) = found.plans
    assert (held.writes, held.pins, held.changes, held.destination) == ((), (), (), None)
    (decision,) = held.decisions
    assert OUTCOME_OF[decision.reason] is Outcome.HELD
    assert (decision.change, decision.written_to) == (None, "")
    assert decision.message == (
        "held until 2027-01-16T08:00:00Z or until the settings change: reg.example/web:1.5 would "
        "come back, which reg.example/web:2.0 replaced at 2027-01-15T07:58:00Z (ImageUpdater "
        "argocd/updater, Application argocd/b, image web); it was written at 2027-01-15T07:57:00Z "
        "(ImageUpdater argocd/updater, Application argocd/a, image web)"
    )
    assert [key.place for key, _ in found.begun] == ["helm image.name", "helm tag0"]
    assert len({begun for _, begun in found.begun}) == 1


def test_a_value_that_we_only_replaced_is_held_too(memory):
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S - MINUTE_S)
    (held,) = hold(memory, plan(("1.1", "1.0"))).plans
    (decision,) = held.decisions
    assert decision.reason is Reason.OSCILLATING
    assert "it was written" not in decision.message


@pytest.mark.parametrize("steps", [[], [("1.0", "1.1")], [("1.0", "1.1"), ("1.1", "1.2")]])
def test_a_new_value_is_never_held(memory, steps):
    for step in steps:
        memory.write(plan(step), at_s=NOON_S)
    assert not is_held(memory, plan((steps[-1][1] if steps else "1.0", "9")))


def test_what_somebody_else_reverts_is_written_again(memory):
    for minute in range(5):
        step = plan(("1.0", "1.1"))
        assert not is_held(memory, step, now_s=NOON_S + minute * MINUTE_S)
        memory.write(step, at_s=NOON_S + minute * MINUTE_S)


def test_a_value_that_comes_back_later_is_written(memory):
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S)
    back = plan(("1.1", "1.0"))
    assert is_held(memory, back, now_s=NOON_S + FLIP_WINDOW_S)
    assert not is_held(memory, back, now_s=NOON_S + FLIP_WINDOW_S + 1)


def test_slow_turns_are_held_at_the_second_return(memory):
    hours = iter(range(0, 100, 6))
    for old, new in (("1.0", "1.1"), ("1.1", "1.0"), ("1.0", "1.1")):
        at_s = NOON_S + next(hours) * 3600
        assert not is_held(memory, plan((old, new)), now_s=at_s)
        memory.write(plan((old, new)), at_s=at_s)
    assert is_held(memory, plan(("1.1", "1.0")), now_s=NOON_S + next(hours) * 3600)


def test_a_hold_ends_after_a_day_and_the_next_return_is_held_again(memory):
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S)
    back = plan(("1.1", "1.0"))
    hold(memory, back, now_s=NOON_S + MINUTE_S)
    for later_s in (2 * MINUTE_S, FLIP_WINDOW_S + MINUTE_S, HOLD_S):
        again = hold(memory, back, now_s=NOON_S + later_s)
        assert not again.plans[0].writes
        assert again.begun == ()
    assert not is_held(memory, back, now_s=NOON_S + MINUTE_S + HOLD_S)
    memory.write(back, at_s=NOON_S + MINUTE_S + HOLD_S)
    assert is_held(memory, plan(("1.0", "1.1")), now_s=NOON_S + 2 * MINUTE_S + HOLD_S)


@pytest.mark.parametrize("jump_s", [-10 * HOLD_S, 10 * HOLD_S])
def test_a_jump_of_the_clock_ends_a_hold(memory, jump_s):
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S)
    back = plan(("1.1", "1.0"))
    hold(memory, back, now_s=NOON_S)
    assert not is_held(memory, back, now_s=NOON_S + jump_s)


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("settings", ["other", ""])
def test_a_change_of_either_writer_ends_a_hold(memory, who, settings):
    """Empty settings stand for a writer that is gone."""
    memory.write(plan(("1.0", "1.5"), application="a"), at_s=NOON_S)
    memory.write(plan(("1.0", "2.0"), application="b"), at_s=NOON_S)
    back = plan(("2.0", "1.5"), application="a")
    hold(memory, back)
    assert is_held(memory, back)
    memory.settings[who] = settings
    assert not is_held(memory, back)


def test_a_change_of_one_who_only_wants_it_back_ends_a_hold(memory):
    memory.write(plan(("1.0", "2.0"), application="b"), at_s=NOON_S)
    back = plan(("2.0", "1.0"), application="a")
    hold(memory, back)
    assert is_held(memory, back)
    memory.settings["a"] = "other"
    assert not is_held(memory, back)


def test_a_third_writer_is_held_for_itself(memory):
    memory.write(plan(("1.0", "1.5"), application="a"), at_s=NOON_S)
    memory.write(plan(("1.0", "2.0"), application="b"), at_s=NOON_S)
    hold(memory, plan(("2.0", "1.5"), application="a"))
    assert is_held(memory, plan(("2.0", "1.5"), application="c"))


def test_the_other_images_of_a_plan_are_written(memory):
    memory.write(plan(("1.0", "1.1"), ("1.0", "1.1")), at_s=NOON_S)
    (left,) = hold(memory, plan(("1.1", "1.0"), ("1.1", "1.2"), None)).plans
    assert [item.reason for item in left.decisions] == [
        Reason.OSCILLATING, Reason.WOULD_UPDATE, Reason.UP_TO_DATE,
    ]  # fmt: skip
    assert [write.settings.alias for write in left.writes] == ["web1"]
    assert [change.alias for change in left.changes] == ["web1"]
    assert left.destination is not None


def test_plans_without_writes_and_without_memory_stay_the_same_objects(memory):
    idle, new = plan(None), plan(("1.0", "1.1"), application="new")
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S)
    found = hold(memory, idle, new)
    assert found.plans[0] is idle
    assert found.plans[1] is new


def test_two_aliases_of_one_value_are_seen(memory):
    two = (image("one", helm_tag="tag"), image("two", helm_tag="tag"))
    memory.write(plan(("1.0", "1.5"), ("1.0", "2.0"), images=two), at_s=NOON_S)
    (held,) = hold(memory, plan(("2.0", "1.5"), None, images=two)).plans
    assert held.decisions[0].reason is Reason.OSCILLATING


@pytest.mark.parametrize(
    "spelling",
    [
        "https://git.example.com/acme/deploy",
        "https://Git.Example.com/acme/deploy.git/",
        "https://bot@git.example.com/acme/deploy.git",
        "ssh://git@git.example.com/acme/deploy.git",
        "ssh://git@git.example.com:22/acme/deploy.git",
        "git@git.example.com:acme/deploy.git",
    ],
)
def test_a_repository_is_the_same_however_it_is_spelled(memory, spelling):
    memory.write(plan(("1.0", "1.5"), application="a"), at_s=NOON_S)
    memory.write(plan(("1.0", "2.0"), application="b", url=spelling), at_s=NOON_S)
    assert is_held(memory, plan(("2.0", "1.5"), application="a"))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"url": "https://git.example.com:8443/acme/deploy.git"},
        {"url": "https://git.example.com/acme/other.git"},
        {"branch": "dev"},
        {"push_branch": "refs/heads/updates"},
        {"path": "other.yaml"},
        {"method": "argocd"},
    ],
)
def test_another_place_is_another_field(memory, elsewhere):
    memory.write(plan(("1.0", "1.1")), at_s=NOON_S)
    assert not is_held(memory, plan(("1.1", "1.0"), **elsewhere))


def test_a_branch_is_the_same_by_its_full_name_and_the_default_one_by_head(memory):
    memory.write(plan(("1.0", "1.1"), branch="main"), at_s=NOON_S)
    assert is_held(memory, plan(("1.1", "1.0"), push_branch="refs/heads/main", branch="dev"))
    memory.write(plan(("1.0", "1.1"), branch="HEAD"), at_s=NOON_S)
    assert is_held(memory, plan(("1.1", "1.0"), branch=""))


def test_an_application_that_is_written_itself_has_fields_of_its_own(memory):
    memory.write(plan(("1.0", "1.1"), method="argocd", application="a"), at_s=NOON_S)
    assert is_held(memory, plan(("1.1", "1.0"), method="argocd", application="a"))
    assert not is_held(memory, plan(("1.1", "1.0"), method="argocd", application="b"))


def test_a_write_tells_its_fields_and_values():
    (value,) = planned_values(plan(("1.0", "1.1"), images=(image(helm_name="n", helm_tag="t"),)))
    assert value.writer == Writer(RESOURCE, ObjectKey("argocd", "shop"), "web")
    assert [key.place for key in value.fields] == ["helm n", "helm t"]
    assert {key.destination for key in value.fields} == {
        "git.example.com/acme/deploy main values.yaml"
    }
    assert (value.old, value.new) == (f"{NAME}:1.0", f"{NAME}:1.1")
    (forced,) = planned_values(plan(("", "1.1")))
    assert forced.old == ""


def writer(one, of):
    return Writer(one.key, of.key, "web")


def digest(one, of):
    return settings_of(Snapshot((one,), (of,)), [writer(one, of)])[writer(one, of)]


def test_the_settings_of_a_writer_are_its_resource_and_the_marks_of_its_application():
    same = digest(resource(), application())
    assert same == digest(resource(), application(source=Source("https://else", "p")))
    assert same == digest(resource(created="2024-01-01T00:00:00Z"), application())
    assert same == digest(resource(), application(annotations={"other.io/x": "y"}))
    plugin = application(source=Source(plugin_env=(EnvEntry("A", "b"),)), live_images=("x:1",))
    assert same == digest(resource(), plugin)
    changed = [
        digest(resource(commonUpdateSettings={"updateStrategy": "alphabetical"}), application()),
        digest(resource(), annotated(image_list="a=b")),
        digest(resource(), application(labels={"team": "x"})),
    ]
    assert len({same, *changed}) == 4


def test_a_writer_that_is_gone_has_no_settings():
    one, of = resource(), application()
    wanted = [writer(one, of)]
    assert settings_of(Snapshot((), (of,)), wanted) == {}
    assert settings_of(Snapshot((one,), ()), wanted) == {}
