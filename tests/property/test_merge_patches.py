"""A merge patch leads from one object to the other, whatever they hold."""

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.merge_patch import merge_patch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.status import (
    as_meant,
    desired_status,
    kept_after,
    outcomes_of,
    status_patch,
)
from unit.core.reporting import KEY, a_decision, a_report

NAMES = st.sampled_from(["a", "b", "c", "d", "conditions", "images", "reasons", "lastCheckedAt"])
LEAVES = st.text(max_size=3) | st.integers(-2, 2)


def objects(leaves):
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=10,
    )
    return st.dictionaries(NAMES, values, max_size=5)


REPORTS = st.lists(
    st.builds(
        a_decision,
        st.sampled_from(Reason),
        application=st.sampled_from(["web", "api"]),
        alias=st.sampled_from(["", "x", "y"]),
        message=st.text(max_size=20),
    ),
    max_size=5,
).map(lambda decisions: a_report(*decisions, errors=len(decisions) // 2))


def applied(target, patch):
    """RFC 7386, section 2, word by word."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = applied(found.get(name), value)
    return found


@given(objects(LEAVES | st.none()), objects(LEAVES))
def test_the_patch_makes_one_object_of_the_other(previous, desired):
    assert applied(previous, merge_patch(previous, desired)) == desired


@given(objects(LEAVES))
def test_equal_objects_need_no_patch(value):
    assert merge_patch(value, value) == {}


@given(objects(LEAVES | st.none()), REPORTS)
def test_the_patch_of_a_status_makes_the_desired_one_and_a_second_changes_nothing(previous, report):
    outcome = outcomes_of(report)[KEY]
    desired = desired_status(previous, outcome, now="2026-01-01T00:00:00Z")
    stored = applied(previous, status_patch(previous, desired))
    assert stored == desired
    again = desired_status(stored, outcome, now="2026-01-01T00:00:00Z")
    assert status_patch(stored, again) == {"lastCheckedAt": "2026-01-01T00:00:00Z"}


@given(REPORTS, st.sets(st.sampled_from(["images", "reasons", "imagesOmitted"])))
def test_a_server_that_drops_members_costs_one_write_more_and_no_second(report, dropped):
    outcome, stored, kept = outcomes_of(report)[KEY], {}, {}
    patches = []
    for second in range(3):
        meant = as_meant(stored, kept)
        desired = desired_status(meant, outcome, now=f"2026-01-01T00:00:0{second}Z")
        patches.append(status_patch(meant, desired))
        stored = applied(stored, patches[-1])
        stored = {name: value for name, value in stored.items() if name not in dropped}
        kept = kept_after(kept, patch=patches[-1], desired=desired, answer=stored)
    assert all(set(patch) == {"lastCheckedAt"} for patch in patches[1:])
