"""What is remembered of a push, what is followed, and what costs nothing."""

from dataclasses import replace

import pytest

from argocd_image_updater.controller.rollouts import Rollouts
from argocd_image_updater.core.application import Source
from argocd_image_updater.core.deployment import Deployment
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.refreshes import Push
from argocd_image_updater.core.report import CycleReport
from argocd_image_updater.core.rollouts import Stage
from argocd_image_updater.state.rollouts import RolloutStore
from argocd_image_updater.writers.result import WriteResult, WriteStatus
from unit.core.flips import URL, plan

NOW_S = 1_800_000_000
PUSH = Push(URL, "main", "c1", "c1", is_default=True)
SYNCED = Deployment("Synced", "Healthy", ("c1",))


@pytest.fixture
def store(tmp_path):
    opened = RolloutStore.open(tmp_path / "rollouts.db")
    yield opened
    opened.close()


def written(status=WriteStatus.WRITTEN, *, push=PUSH, source=None):
    item = plan(("1.0", "1.1"), source=source)
    return WriteResult(item, status, "values.yaml on main", push=push)


def report(reason=Reason.ALREADY_SET):
    (found,) = plan(("1.0", "1.1")).decisions
    return CycleReport(decisions=(replace(found, reason=reason, chosen=ImageTag("1.1")),))


def application(deployment):
    return replace(written().plan.intent.application, deployment=deployment)


async def test_a_push_is_followed_until_it_is_healthy_also_after_a_restart(store):
    await Rollouts(store, unix=lambda: NOW_S).remember([written()])
    for deployment, stage in (
        (Deployment("Synced", "Healthy", ("c0",)), Stage.WRITTEN),
        (Deployment("OutOfSync", "Healthy", ("c1",)), Stage.SEEN),
        (SYNCED, Stage.HEALTHY),
        (Deployment("Synced", "Degraded", ("c2",)), Stage.HEALTHY),
    ):
        restarted = Rollouts(store, unix=lambda: NOW_S + 60)
        found = await restarted.follow(report(), [application(deployment)])
        assert [item.rollout for item in found.decisions] == [stage]


@pytest.mark.parametrize(
    "result",
    [
        written(push=None),
        written(WriteStatus.WOULD_WRITE),
        written(WriteStatus.UNCHANGED),
        written(WriteStatus.FAILED),
        written(push=replace(PUSH, branch="proposal", is_default=False)),
        written(source=Source(URL, "shop", "v1.0")),
    ],
    ids=["no push", "dry run", "unchanged", "failed", "another branch", "a tag is deployed"],
)
async def test_what_was_not_brought_to_argo_cd_is_not_followed(store, result):
    rollouts = Rollouts(store, unix=lambda: NOW_S)
    await rollouts.remember([result])
    before = report()
    assert await rollouts.follow(before, [application(SYNCED)]) is before
    assert store.read() == ()


async def test_a_cycle_that_moves_nothing_does_not_write():
    class Counted:
        writes = reads = 0

        def read(self):
            self.reads += 1
            return ()

        def keep(self, _items, *, now_s):
            assert now_s == NOW_S
            self.writes += 1

    store = Counted()
    rollouts = Rollouts(store, unix=lambda: NOW_S)
    await rollouts.follow(report(), [application(SYNCED)])
    await rollouts.remember([written()])
    for _ in range(3):
        await rollouts.follow(report(), [application(SYNCED)])
    assert (store.reads, store.writes) == (1, 2)
