"""Group the plans of one cycle by where they are written.

One batch per repository and pushed branch, so that everything for it becomes one fetch, one commit
series and one push; one group of plans for Applications that are written themselves.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from argocd_image_updater.core.pull_requests import head_branch
from argocd_image_updater.core.template_engine import TemplateFault
from argocd_image_updater.core.templates import (
    branch_hash,
    commit_message,
    default_commit_message,
    fallback_commit_message,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.settings import PullRequest
    from argocd_image_updater.core.target_state import GitDestination


class CommitPer(StrEnum):
    """What one commit holds: the changes of one Application, of one resource, or everything."""

    APPLICATION = "app"
    RESOURCE = "resource"
    ONE = "one"


@dataclass(frozen=True, slots=True)
class CommitGroup:
    """Plans that become one commit."""

    plans: tuple[ApplicationPlan, ...]


@dataclass(frozen=True, slots=True)
class BranchBatch:
    """Everything that is written to one branch of one repository in this cycle.

    request: the pull request that is wanted for it, None = changes are pushed to stay.
    """

    base: BranchKey
    push_branch: str
    commits: tuple[CommitGroup, ...]
    target_key: str = ""
    request: PullRequest | None = None

    @property
    def plans(self) -> tuple[ApplicationPlan, ...]:
        """All plans, in the order of their commits."""
        return tuple(plan for commit in self.commits for plan in commit.plans)


def group_by_branch(plans: Sequence[ApplicationPlan], *, per: CommitPer) -> tuple[BranchBatch, ...]:
    """Return the Git batches, sorted by repository and branch; commits by Application."""
    by_branch: dict[GitDestination, list[ApplicationPlan]] = defaultdict(list)
    for plan in plans:
        if plan.writes and plan.destination is not None:
            by_branch[plan.destination].append(plan)
    batches = (_batch(where, found, per) for where, found in by_branch.items())
    return tuple(
        sorted(
            batches,
            key=lambda batch: (batch.base.repository, batch.base.branch, batch.push_branch),
        )
    )


def written_themselves(plans: Sequence[ApplicationPlan]) -> tuple[ApplicationPlan, ...]:
    """Return the plans whose Application is written itself, sorted by Application."""
    found = (plan for plan in plans if plan.writes and plan.destination is None)
    return tuple(sorted(found, key=lambda plan: plan.intent.application.key))


def _batch(where: GitDestination, plans: Sequence[ApplicationPlan], per: CommitPer) -> BranchBatch:
    commits = _commits(plans, per)
    batch = BranchBatch(where.base, where.push_branch, commits)
    request = batch.plans[0].intent.write_back.pull_request
    if request is None:
        return batch
    changes = [change for plan in batch.plans for change in plan.changes]
    head = head_branch(
        where.target_key, branch_hash(changes), per_version=request.branch_per_version
    )
    return replace(batch, push_branch=head, target_key=where.target_key, request=request)


def _commits(plans: Sequence[ApplicationPlan], per: CommitPer) -> tuple[CommitGroup, ...]:
    groups: dict[object, list[ApplicationPlan]] = defaultdict(list)
    for plan in sorted(plans, key=lambda item: item.intent.application.key):
        groups[_group_of(plan, per)].append(plan)
    return tuple(CommitGroup(tuple(group)) for group in groups.values())


def _group_of(plan: ApplicationPlan, per: CommitPer) -> object:
    if per is CommitPer.ONE:
        return None
    if per is CommitPer.RESOURCE:
        return plan.intent.resource
    return plan.intent.resource, plan.intent.application.key


def message_of(plans: Sequence[ApplicationPlan], *, template: str) -> str:
    """Return the commit message for plans that share a commit.

    A combined commit gets a headline with the number of Applications, then their own messages. A
    template that fails while it runs gives the fallback message of that Application, one that
    gives only blanks the built-in one.
    """
    messages = [_message(plan, template) for plan in plans]
    if len(messages) == 1:
        return messages[0]
    headline = f"build: automatic update of {len(messages)} applications"
    return "\n\n".join([headline, *(message.strip("\n") for message in messages)]) + "\n"


def _message(plan: ApplicationPlan, template: str) -> str:
    name = plan.intent.application.key.name
    try:
        message = commit_message(name, plan.changes, template=template)
    except TemplateFault:
        return fallback_commit_message(name)
    return message if message.strip() else default_commit_message(name, plan.changes)
