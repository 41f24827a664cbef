"""The memory of writes as a cycle uses it: what is asked, what is remembered, and what is not."""

from dataclasses import replace

import pytest

from argocd_image_updater.controller.flips import Flips
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.snapshot import Snapshot
from argocd_image_updater.core.write_history import planned_values
from argocd_image_updater.state.writes import WriteHistory
from argocd_image_updater.writers.result import WriteResult, WriteStatus
from unit.core.flips import plan
from unit.core.resolving import application, resource

NOW_S = 1_800_000_000
SNAPSHOT = Snapshot((resource(name="updater"),), (application("shop"), application("other")))


@pytest.fixture
def history(tmp_path):
    opened = WriteHistory.open(tmp_path / "writes.db")
    yield opened
    opened.close()


def flips(history, *, at_s=NOW_S, dry_run=False, snapshot=SNAPSHOT):
    return Flips(history, snapshot, dry_run=dry_run, unix=lambda: at_s)


async def cycle(history, *plans, status=WriteStatus.WRITTEN, **options):
    """Hold and remember as one cycle does; return the plans that were left."""
    memory = flips(history, **options)
    left = await memory.hold(plans)
    await memory.remember([WriteResult(item, status, "file") for item in left if item.writes])
    assert memory.warnings() == ()
    return left


def reasons(plans):
    return [decision.reason for item in plans for decision in item.decisions]


def fields(item):
    return [key for value in planned_values(item) for key in value.fields]


async def test_a_written_value_is_not_brought_back(history):
    there, back = plan(("1.0", "1.1")), plan(("1.1", "1.0"))
    assert await cycle(history, there) == (there,)
    assert reasons(await cycle(history, back, at_s=NOW_S + 60)) == [Reason.OSCILLATING]


@pytest.mark.parametrize("status", [WriteStatus.UNCHANGED, WriteStatus.FAILED])
async def test_what_was_not_written_is_not_remembered(history, status):
    await cycle(history, plan(("1.0", "1.1")), status=status)
    assert history.read(fields(plan(("1.0", "1.1")))) == {}


async def test_a_dry_run_shows_what_is_held_and_remembers_nothing(history):
    await cycle(history, plan(("1.0", "1.1")), dry_run=True, status=WriteStatus.WOULD_WRITE)
    assert history.read(fields(plan(("1.0", "1.1")))) == {}
    await cycle(history, plan(("1.0", "1.1")))
    back = plan(("1.1", "1.0"))
    assert reasons(await cycle(history, back, dry_run=True)) == [Reason.OSCILLATING]
    assert all(not known.holds for known in history.read(fields(back)).values())


async def test_a_hold_lasts_over_restarts_and_ends_after_a_day(tmp_path):
    back = plan(("1.1", "1.0"))
    for at_s, step, expected in (
        (0, plan(("1.0", "1.1")), Reason.WOULD_UPDATE),
        (60, back, Reason.OSCILLATING),
        (80_000, back, Reason.OSCILLATING),
        (60 + 86_400, back, Reason.WOULD_UPDATE),
    ):
        history = WriteHistory.open(tmp_path / "writes.db")
        assert reasons(await cycle(history, step, at_s=NOW_S + at_s)) == [expected]
        history.close()


async def test_edited_settings_let_go(history):
    await cycle(history, plan(("1.0", "1.1")))
    back = plan(("1.1", "1.0"))
    assert reasons(await cycle(history, back)) == [Reason.OSCILLATING]
    edited = resource(name="updater", commonUpdateSettings={"allowTags": "any"})
    changed = replace(SNAPSHOT, resources=(edited,))
    assert reasons(await cycle(history, back, snapshot=changed)) == [Reason.WOULD_UPDATE]


class Untouched:
    def __getattr__(self, name):
        raise AssertionError(f"the history was asked to {name}")


async def test_plans_without_writes_ask_nothing():
    idle = tuple(plan(None, application=f"a{number}") for number in range(100))
    memory = flips(Untouched())
    assert await memory.hold(idle) is idle
    await memory.remember([])


async def test_without_a_history_nothing_is_held():
    plans = (plan(("1.0", "1.1")),)
    memory = flips(None)
    assert await memory.hold(plans) is plans
    await memory.remember([WriteResult(plans[0], WriteStatus.WRITTEN, "file")])
    assert memory.warnings() == ()
