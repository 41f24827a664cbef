"""Where a pushed change stands: the stages, which way they may go, and what the decision says."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.application import Application, ObjectKey
from argocd_image_updater.core.decisions import Decision
from argocd_image_updater.core.deployment import Deployment
from argocd_image_updater.core.image_states import image_states
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.refreshes import Push
from argocd_image_updater.core.rollouts import FOLLOWED_S, Rollout, Stage, follow, key_of

SHOP, UPDATER = ObjectKey("argocd", "shop"), ObjectKey("argocd", "updater")
PUSHED_S = 1_795_521_660  # 2026-11-24T12:01:00Z
OURS = "abc1234" + "0" * 33
NOW = "2026-11-24T13:00:00Z"


def decision(
    reason=Reason.ALREADY_SET, *, chosen="1.1", message="values.yaml already asks for 1.1"
):
    return Decision(UPDATER, SHOP, "web", "reg/web", reason, message, chosen=ImageTag(chosen))


def rollout(stage=Stage.WRITTEN, *, chosen="1.1", **push):
    pushed = Push(**{"repository": "r", "branch": "main", "commit": OURS, "tip": OURS, **push})
    return Rollout(key_of(decision()), pushed, chosen, PUSHED_S, stage, "before")


def step(before, found=None, *, deployment, after_s=60, others=()):
    """Follow one rollout once; return the decision and the rollout."""
    application = Application(SHOP, deployment=deployment)
    known = {item.key: item for item in (*others, before)}
    (told,), moved = follow(
        [found or decision()], known, applications={SHOP: application}, now_s=PUSHED_S + after_s
    )
    return told, moved[0] if moved else before


def at(
    revision=OURS, *, sync="Synced", health="Healthy", phase="", message="", operation=""
):  # fmt: skip
    return Deployment(sync, health, (revision,), (), phase, message, (operation or revision,))


STAGES = [
    (at("older"), Stage.WRITTEN, "Argo CD has not seen it"),
    (Deployment(), Stage.WRITTEN, "Argo CD has not seen it"),
    (at(sync="OutOfSync"), Stage.SEEN, "seen, sync status is OutOfSync"),
    (at(sync="OutOfSync", phase="Running"), Stage.SEEN, "Argo CD is syncing"),
    (at(sync="OutOfSync", phase="Failed", message="no quota"), Stage.FAILED,
     "sync failed: no quota"),
    (replace(at(sync="OutOfSync", phase="Running", message="no quota"), is_retried=True),
     Stage.FAILED, "sync failed and is tried again: no quota"),
    (at(sync="OutOfSync", phase="Error"), Stage.FAILED, "sync failed: Error"),
    (at(sync="OutOfSync", phase="Failed", operation="older"), Stage.SEEN,
     "seen, sync status is OutOfSync"),
    (at(health="Progressing"), Stage.SYNCED, "synced, health is Progressing"),
    (at(health="Degraded"), Stage.FAILED, "synced, and health is Degraded"),
]  # fmt: skip


@pytest.mark.parametrize(("deployment", "stage", "words"), STAGES)
def test_each_stage_is_told_with_the_commit(deployment, stage, words):
    told, after = step(rollout(), deployment=deployment)
    assert (told.rollout, after.stage, told.reason) == (stage, stage, Reason.ALREADY_SET)
    since = "in Git since 2026-11-24T12:01:00Z (commit abc1234)"
    assert told.message == f"values.yaml already asks for 1.1; {since}: {words}"


def test_what_is_healthy_needs_no_words():
    found = decision(Reason.UP_TO_DATE, message="")
    told, after = step(rollout(), found, deployment=at())
    assert (told.rollout, told.message) == (Stage.HEALTHY, "")
    assert after.stage is Stage.HEALTHY


def test_a_newer_revision_counts_when_the_image_runs():
    newer = at("newer", health="Progressing")
    assert step(rollout(), deployment=newer)[0].rollout is Stage.WRITTEN
    live = decision(Reason.UP_TO_DATE)
    assert step(rollout(), live, deployment=newer)[0].rollout is Stage.SYNCED


def test_the_tip_of_the_push_counts():
    assert step(rollout(tip="tip"), deployment=at("tip"))[0].rollout is Stage.HEALTHY


@pytest.mark.parametrize(
    ("branch", "later_s", "stage"),
    [("main", 5, Stage.HEALTHY), ("main", -5, Stage.WRITTEN), ("other", 5, Stage.WRITTEN)],
)
def test_what_we_pushed_on_top_of_it_counts(branch, later_s, stage):
    key = replace(rollout().key, alias="other")
    push = Push("r", branch, "later", "later")
    other = replace(rollout(), key=key, push=push, at_s=PUSHED_S + later_s)
    assert step(rollout(), deployment=at("later"), others=[other])[0].rollout is stage


def test_a_dry_source_has_seen_it_before_it_is_hydrated():
    hydrating = Deployment("Synced", "Healthy", ("wet",), (OURS,))
    assert step(rollout(), deployment=hydrating)[0].rollout is Stage.SEEN


def test_the_cycle_of_the_push_itself_says_written():
    told, _ = step(rollout(), decision(Reason.UPDATED, message="m"), deployment=at())
    assert (told.rollout, told.message) == (Stage.WRITTEN, "m")


@pytest.mark.parametrize("later", [60, FOLLOWED_S * 50])
def test_what_was_healthy_once_is_followed_no_more(later):
    before = rollout(Stage.HEALTHY)
    told, after = step(before, deployment=at(health="Degraded"), after_s=later)
    assert (after, told.rollout) == (before, Stage.HEALTHY)


def test_nothing_goes_back():
    before = rollout(Stage.SYNCED)
    assert step(before, deployment=at(sync="OutOfSync"))[1] == before
    assert step(before, deployment=at("older"))[1] == before


def test_a_failure_may_come_and_go_for_an_hour():
    degraded, fine = at(health="Degraded"), at(sync="OutOfSync", phase="Running")
    _, failed = step(rollout(Stage.SYNCED), deployment=degraded)
    assert failed.stage is Stage.FAILED
    assert step(failed, deployment=fine)[1].stage is Stage.SEEN
    late = FOLLOWED_S
    assert step(failed, deployment=fine, after_s=late)[1] == failed
    assert step(rollout(Stage.SYNCED), deployment=degraded, after_s=late)[1].note == "before"
    assert step(failed, deployment=at(), after_s=late)[1].stage is Stage.HEALTHY


def test_after_an_hour_words_stay_and_only_steps_forward_are_told():
    before = rollout(Stage.SEEN)
    late = FOLLOWED_S
    assert step(before, deployment=at(sync="OutOfSync"), after_s=late)[1] == before
    assert step(before, deployment=at(health="Progressing"), after_s=late)[1].stage is Stage.SYNCED


def test_another_choice_is_another_change():
    found = decision(chosen="1.2")
    told, after = step(rollout(), found, deployment=at())
    assert told == found
    assert after == rollout()


def test_other_reasons_keep_their_words():
    found = decision(Reason.REGISTRY_ERROR, message="m")
    told, _ = step(rollout(), found, deployment=at(health="Progressing"))
    assert (told.message, told.rollout) == ("m", Stage.SYNCED)


def state(found, previous=()):
    (entry,) = image_states([found], [], previous=list(previous), now=NOW)["images"]
    return entry


def test_the_status_tells_words_only_while_a_change_is_on_its_way():
    seen = replace(decision(), rollout=Stage.SEEN)
    assert state(seen)["rollout"] == "Seen"
    assert state(seen)["message"] == "values.yaml already asks for 1.1"
    healthy = state(replace(decision(), rollout=Stage.HEALTHY))
    assert healthy["rollout"] == "Healthy"
    assert "message" not in healthy
    assert "message" not in state(replace(decision(Reason.UPDATED), rollout=Stage.WRITTEN))
    assert not {"rollout", "message"} & state(decision()).keys()


def test_the_status_keeps_what_no_cycle_knows_any_more():
    before = state(replace(decision(), rollout=Stage.HEALTHY))
    assert state(decision(), [before])["rollout"] == "Healthy"
    assert "rollout" not in state(decision(chosen="1.2"), [before])
    assert "rollout" not in state(decision(), [before | {"rollout": "Nonsense"}])
    assert "rollout" not in state(decision(), [before | {"rollout": ["Healthy"]}])
