"""Where a pushed change stands: written, seen by Argo CD, synced, healthy, or failed.

Seen means that Argo CD compared our commit or one that we pushed on top of it, or the image runs.
A stage goes forward only, but for failures within the first hour: after it, and when it has become
healthy once, an Application may change its health as often as it likes and nothing is told.
Source of the rules: docs/status.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from argocd_image_updater.core.deployment import UNKNOWN_DEPLOYMENT
from argocd_image_updater.core.instants import NS_PER_S, instant_of
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.deployment import Deployment
    from argocd_image_updater.core.refreshes import Push

FOLLOWED_S = 60 * 60
_COMMIT_DIGITS = 7


class Stage(StrEnum):
    """How far a pushed change has come."""

    WRITTEN = "Written"
    SEEN = "Seen"
    FAILED = "Failed"
    SYNCED = "Synced"
    HEALTHY = "Healthy"


_ORDER = tuple(Stage)  # as a change goes forward
_NOT_SEEN = "Argo CD has not seen it"
# Of which the message says where the change stands.
_TOLD = frozenset({Reason.ALREADY_SET, Reason.UP_TO_DATE})
_FAILURES = frozenset({"Failed", "Error"})


@dataclass(frozen=True, slots=True, order=True)
class RolloutKey:
    """One image of one Application, as a resource configures it."""

    resource: ObjectKey
    application: ObjectKey
    alias: str
    image: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """The last change of an image that was pushed.

    chosen: the text of its tag. note: where it stands, for people.
    """

    key: RolloutKey
    push: Push
    chosen: str
    at_s: int
    stage: Stage = Stage.WRITTEN
    note: str = _NOT_SEEN

    @property
    def sentence(self) -> str:
        """Say since when it is in Git, and where it stands."""
        since = instant_of(self.at_s * NS_PER_S)
        return f"in Git since {since} (commit {self.push.commit[:_COMMIT_DIGITS]}): {self.note}"


def key_of(decision: Decision) -> RolloutKey:
    """Return what the rollout of an image is kept under."""
    return RolloutKey(decision.resource, decision.application, decision.alias, decision.image)


def follow(
    decisions: Iterable[Decision],
    rollouts: Mapping[RolloutKey, Rollout],
    *,
    applications: Mapping[ObjectKey, Application],
    now_s: int,
) -> tuple[tuple[Decision, ...], tuple[Rollout, ...]]:
    """Return the decisions with where their changes stand, and the rollouts that have moved."""
    tips = _Tips(rollouts.values())
    found: list[Decision] = []
    moved: list[Rollout] = []
    for decision in decisions:
        before = rollouts.get(key_of(decision))
        if before is None or decision.chosen is None or decision.chosen.text != before.chosen:
            found.append(decision)
            continue
        application = applications.get(decision.application)
        deployment = application.deployment if application else UNKNOWN_DEPLOYMENT
        after = before
        if decision.reason is not Reason.UPDATED:  # else what is known is from before the push
            is_live = decision.reason is Reason.UP_TO_DATE
            stage, note = _look(deployment, tips.at_or_past(before), is_live=is_live)
            after = _step(before, stage, note=note, now_s=now_s)
        if after != before:
            moved.append(after)
        found.append(_told(decision, after))
    return tuple(found), tuple(moved)


class _Tips:
    """The commits that hold a change: its own, and what we pushed to the branch afterwards."""

    def __init__(self, rollouts: Iterable[Rollout]) -> None:
        self._pushed: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
        for item in rollouts:
            branch = item.push.repository, item.push.branch
            self._pushed[branch].add((item.at_s, item.push.tip))

    def at_or_past(self, rollout: Rollout) -> frozenset[str]:
        push = rollout.push
        pushed = self._pushed[push.repository, push.branch]
        later = {tip for at_s, tip in pushed if at_s > rollout.at_s}
        return frozenset({push.commit, push.tip, *later})


def _look(deployment: Deployment, commits: frozenset[str], *, is_live: bool) -> tuple[Stage, str]:
    """Return how far a change has come by what Argo CD says now."""
    is_compared = not commits.isdisjoint(deployment.revisions)
    if not is_live and not is_compared and commits.isdisjoint(deployment.dry_revisions):
        return Stage.WRITTEN, _NOT_SEEN
    failed = deployment.phase in _FAILURES or deployment.is_retried
    if failed and not commits.isdisjoint(deployment.operation_revisions):
        again = " and is tried again" if deployment.is_retried else ""
        return Stage.FAILED, f"sync failed{again}: {deployment.message or deployment.phase}"
    if deployment.sync_status != "Synced" or not (is_live or is_compared):
        syncing = deployment.phase == "Running"
        status = deployment.sync_status or "not known"
        return Stage.SEEN, "Argo CD is syncing" if syncing else f"seen, sync status is {status}"
    match deployment.health:
        case "Healthy":
            return Stage.HEALTHY, "synced and healthy"
        case "Degraded":
            return Stage.FAILED, "synced, and health is Degraded"
    return Stage.SYNCED, f"synced, health is {deployment.health or 'not known'}"


def _step(before: Rollout, stage: Stage, *, note: str, now_s: int) -> Rollout:
    """Return a rollout after a look: what is no step forward counts for a while, or not at all."""
    if before.stage is Stage.HEALTHY:
        return before
    ahead = _ORDER.index(stage) - _ORDER.index(before.stage)
    fails = Stage.FAILED in {stage, before.stage} and stage is not Stage.WRITTEN
    is_new = now_s - before.at_s < FOLLOWED_S
    if ahead > 0 or (is_new and (ahead == 0 or fails)):
        return replace(before, stage=stage, note=note)
    return before


def _told(decision: Decision, rollout: Rollout) -> Decision:
    told = replace(decision, rollout=rollout.stage)
    if rollout.stage is Stage.HEALTHY or decision.reason not in _TOLD:
        return told
    before = f"{decision.message}; " if decision.message else ""
    return replace(told, message=f"{before}{rollout.sentence}")
