"""Laws of holding flips, for any writers, values and times."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.oscillation import FLIP_WINDOW_S, HOLD_S, hold_flips
from unit.core.flips import Memory, plan

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),  # who writes
        st.integers(0, 4),  # which value
        st.integers(0, 3 * FLIP_WINDOW_S),  # how much later
    ),
    max_size=25,
)


def run(steps, memory):
    """Let writers write one field in turn; yield every value that was written, with its time."""
    now_s, current = 1_800_000_000, "start"
    for who, number, later_s in steps:
        now_s += later_s
        wanted = f"v{number}"
        if wanted == current:
            continue
        item = plan((current, wanted), application=who)
        settings = memory.settings_of(item)
        found = hold_flips([item], memory.fields, settings=settings, now_s=now_s)
        memory.hold(found.begun)
        (left,) = found.plans
        if left.writes:
            memory.write(left, at_s=now_s)
            current = wanted
            yield wanted, now_s


@given(STEPS)
def test_no_value_comes_back_soon_unless_it_was_held_for_a_day(steps):
    written = list(run(steps, Memory()))
    for index, (value, now_s) in enumerate(written):
        earlier = [when for one, when in written[:index] if one == value]
        if earlier:
            _, previous_s = written[index - 1]
            assert now_s - previous_s > FLIP_WINDOW_S or now_s - earlier[-1] >= HOLD_S


@given(st.lists(st.integers(0, FLIP_WINDOW_S), max_size=25))
def test_values_that_never_come_back_are_never_held(pauses):
    steps = [("abc"[number % 3], number, pause) for number, pause in enumerate(pauses)]
    assert len(list(run(steps, Memory()))) == len(steps)


@given(STEPS)
def test_settings_that_change_at_each_write_hold_nothing(steps):
    memory = Memory()
    now_s, current = 1_800_000_000, "start"
    for number, (_, value, later_s) in enumerate(steps):
        now_s += later_s
        memory.settings["a"] = f"s{number}"
        item = plan((current, f"v{value}"), application="a")
        found = hold_flips([item], memory.fields, settings=memory.settings_of(item), now_s=now_s)
        assert found.plans == (item,)
        memory.write(item, at_s=now_s)
        current = f"v{value}"
