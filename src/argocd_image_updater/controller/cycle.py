"""One cycle: resolve → gather and plan → group → write → report.

Everything left of the writes can be computed twice without harm. One broken resource, Application
or image never stops another: each ends with its own reason in the report.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.controller.flips import Flips
from argocd_image_updater.controller.gather import gather
from argocd_image_updater.controller.reporting import report_cycle
from argocd_image_updater.core.batches import CommitPer, group_by_branch, written_themselves
from argocd_image_updater.core.conflicts import resolve_conflicts
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resolution import Resolution, resolve
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.shards import WHOLE, own_part, own_snapshot, ownership_of
from argocd_image_updater.errors import internal_fault
from argocd_image_updater.writers.branches import write_branches
from argocd_image_updater.writers.result import WriteReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from argocd_image_updater.controller.flips import RemembersWrites
    from argocd_image_updater.controller.gather import AsksRegistries, AsksRepositories
    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.batches import BranchBatch
    from argocd_image_updater.core.due import Policy
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.resolution import Context
    from argocd_image_updater.core.resource import Resource
    from argocd_image_updater.core.settings import ApplicationIntent
    from argocd_image_updater.core.shards import Share
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.writers.branches import Pusher
    from argocd_image_updater.writers.result import WriteResult


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cycle is; phases: ``reading``, ``registries``, ``repositories``, ``writing``."""

    phase: str
    done: int
    total: int


def _anybody() -> None: ...


async def _unheard(_results: Sequence[WriteResult]) -> None: ...


class FindsCredentials(Protocol):
    """Gives each image that names no credentials those that are found for it."""

    async def complete(
        self, intents: Sequence[ApplicationIntent]
    ) -> Sequence[ApplicationIntent]: ...


class FollowsRollouts(Protocol):
    """Remembers what was pushed, and says in later cycles where it stands."""

    async def remember(self, results: Iterable[WriteResult]) -> None: ...

    async def follow(
        self, report: CycleReport, applications: Iterable[Application]
    ) -> CycleReport: ...


class WritesApplications(Protocol):
    """Writes plans into the Applications themselves: manifest files or the cluster."""

    async def __call__(self, plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport: ...


class WritesRequests(Protocol):
    """Writes batches to the branches of pull requests."""

    async def __call__(
        self, batches: Sequence[BranchBatch], *, template: str, dry_run: bool
    ) -> WriteReport: ...


@dataclass(frozen=True, slots=True)
class Services:
    """The edges that a cycle uses.

    check_turn: called right before anything is written; raises where this process may not.
    history: of writes, by which flips are held; None = none are. credentials: None = nothing is
    looked for. tell_pushed: called with what became of each branch; never fails. rollouts: None =
    what becomes of a push is not followed.
    """

    registries: AsksRegistries
    repositories: AsksRepositories
    git: Pusher
    write_requests: WritesRequests
    write_applications: WritesApplications
    check_turn: Callable[[], None] = _anybody
    history: RemembersWrites | None = None
    credentials: FindsCredentials | None = None
    tell_pushed: Callable[[Sequence[WriteResult]], Awaitable[None]] = _unheard
    rollouts: FollowsRollouts | None = None


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """What holds for every cycle of a process."""

    commit_per: CommitPer = CommitPer.APPLICATION
    commit_template: str = ""
    dry_run: bool = False


async def run_cycle(
    snapshot: Snapshot,
    *,
    context: Context,
    policy: Policy,
    services: Services,
    settings: CycleSettings,
    due: Collection[ObjectKey] | None = None,
    share: Share = WHOLE,
    on_progress: Callable[[Progress], None] | None = None,
) -> CycleReport:
    """Run one cycle over the resources that are due and report it.

    due: None = every resource of the snapshot. Those that are not due still keep what is theirs.
    share: what is done here; other replicas do the rest, and it is not in the report.
    """

    def progress(phase: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(Progress(phase, done, total))

        return tell

    # Beside the event loop: patterns and Applications may be many, and a Lease must be renewed.
    resolved = await asyncio.to_thread(resolve_all, snapshot, context)
    resolutions = own_part(_due(resolved, due), share)
    ownership = ownership_of(resolutions, share.shards)
    flips = Flips(services.history, snapshot, dry_run=settings.dry_run)
    snapshot = own_snapshot(_about(snapshot, due), share)
    intents = [intent for resolution in resolutions for intent in resolution.intents]
    if services.credentials is not None:
        intents = list(await services.credentials.complete(intents))
    plans = await gather(
        intents,
        policy=policy,
        registries=services.registries,
        repositories=services.repositories,
        on_progress=progress("registries"),
    )
    plans = await flips.hold(plans)
    writing = progress("writing")
    work = sum(1 for plan in plans if plan.writes)
    writing(0, work)
    services.check_turn()
    written = await _write(plans, services=services, settings=settings)
    await flips.remember(written.results)
    if services.rollouts is not None:
        await services.rollouts.remember(written.results)
    writing(work, work)
    report = report_cycle(snapshot, resolutions, plans, written=written, dry_run=settings.dry_run)
    if services.rollouts is not None:
        report = await services.rollouts.follow(report, snapshot.applications)
    return replace(report, ownership=ownership, warnings=(*flips.warnings(), *report.warnings))


def resolve_all(snapshot: Snapshot, context: Context) -> Sequence[Resolution]:
    """Return what each resource wants, with conflicts between them settled."""
    found = [
        _resolve(resource, snapshot, context)
        for resource in sorted(snapshot.resources, key=lambda item: item.key)
    ]
    return resolve_conflicts(found)


def _due(
    resolutions: Sequence[Resolution], due: Collection[ObjectKey] | None
) -> Sequence[Resolution]:
    """Return those that are worked on now: conflicts are settled between all before."""
    if due is None:
        return resolutions
    return [item for item in resolutions if item.resource.key in due]


def _about(snapshot: Snapshot, due: Collection[ObjectKey] | None) -> Snapshot:
    """Return the snapshot without resources, and their problems, that are not due."""
    if due is None:
        return snapshot
    return replace(
        snapshot,
        resources=tuple(item for item in snapshot.resources if item.key in due),
        problems=tuple(
            item for item in snapshot.problems if item.resource is None or item.resource in due
        ),
    )


def _resolve(resource: Resource, snapshot: Snapshot, context: Context) -> Resolution:
    try:
        return resolve(resource, snapshot.applications, context=context)
    except Exception as error:  # noqa: BLE001 - one resource's fault must not end the others
        problem = Problem(Reason.INTERNAL_ERROR, internal_fault(error), resource=resource.key)
        return Resolution(resource, problems=(problem,), failed=True)


async def _write(
    plans: Sequence[ApplicationPlan], *, services: Services, settings: CycleSettings
) -> WriteReport:
    batches = group_by_branch(plans, per=settings.commit_per)
    branches, requests, applications = await asyncio.gather(
        write_branches(
            [batch for batch in batches if batch.request is None],
            git=services.git,
            template=settings.commit_template,
            dry_run=settings.dry_run,
            tell=services.tell_pushed,
        ),
        services.write_requests(
            [batch for batch in batches if batch.request is not None],
            template=settings.commit_template,
            dry_run=settings.dry_run,
        ),
        services.write_applications(written_themselves(plans), dry_run=settings.dry_run),
    )
    return WriteReport(
        results=branches.results + requests.results + applications.results,
        commits=branches.commits + requests.commits,
        patches=applications.patches,
    )
