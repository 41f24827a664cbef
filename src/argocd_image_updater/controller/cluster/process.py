"""The controller as one process: opens its parts, waits for its turn, works until it is stopped.

Order: the settings files, the access to the cluster, the servers for probes and metrics (every
replica has them), the watches (so that a replica that takes over knows everything already), the
right to work, the engines. They close in the reverse order, the Lease when the work has ended.

Source of the rules: docs/controller.md, docs/high-availability.md.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from argocd_image_updater.controller.cluster.loop import Loop
from argocd_image_updater.controller.cluster.namespaces import resolve_namespaces
from argocd_image_updater.controller.cluster.outlets import ClusterOutlets
from argocd_image_updater.controller.cluster.schedule import Schedule
from argocd_image_updater.controller.cluster.serving import serves_metrics, serving
from argocd_image_updater.controller.cluster.session import ClusterSession
from argocd_image_updater.controller.cluster.statuses import Statuses
from argocd_image_updater.controller.cluster.turns import Always, LeaseTurns, Turns
from argocd_image_updater.controller.metrics import Metrics
from argocd_image_updater.controller.settings_files import SettingsFiles
from argocd_image_updater.controller.trust import SSH_CONFIG_PATH
from argocd_image_updater.core.shards import STATUS_SHARD, WHOLE
from argocd_image_updater.git.signers import check_signing
from argocd_image_updater.kube.client import KubeClient
from argocd_image_updater.kube.config import load_access, pod_namespace
from argocd_image_updater.kube.destinations import ClusterDestinations
from argocd_image_updater.kube.events import EventWriter
from argocd_image_updater.kube.kinds import APPLICATIONS, IMAGE_UPDATERS
from argocd_image_updater.kube.secrets import ClusterSecrets
from argocd_image_updater.kube.shards.lease_record import lease_name
from argocd_image_updater.kube.shards.lease_writer import new_identity
from argocd_image_updater.kube.shards.leases import LeaseLost, ShardLeases
from argocd_image_updater.kube.shards.reports import RECENT_S, ShardReports
from argocd_image_updater.kube.status import StatusWriter
from argocd_image_updater.kube.store import ClusterStore
from argocd_image_updater.kube.tasks import end_tasks
from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.state.directory import check_state_directory
from argocd_image_updater.web.readiness import Readiness
from argocd_image_updater.writers.applications import ApplicationWriter
from argocd_image_updater.writers.refreshes import ApplicationRefresher

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from argocd_image_updater.controller.cluster.options import ControllerOptions
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.shards import Share

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")
# Every namespace has answered, or failed, within this time; the others go on without it.
FIRST_READ_S = 60.0
STANDBY = "standby"


class Stops(Protocol):
    """Whether the user wants the process to end, and how long running work may take then."""

    @property
    def event(self) -> asyncio.Event: ...

    async def finish(self, work: Coroutine[Any, Any, _Result]) -> _Result: ...


async def run_controller(
    options: ControllerOptions, *, stop: Stops, log: Callable[[CycleReport], None]
) -> CycleReport | None:
    """Be the controller until a stop is requested; with ``once`` return the report of the pass.

    log: writes a report as log lines.

    Raises:
        ConfigError: it cannot start. LeaseLost: it must not go on.
    """
    async with Controller(options, log=log) as controller:
        return await controller.run(stop)


class Controller:
    """Use as an async context manager: inside, probes are served and the cluster is watched."""

    def __init__(self, options: ControllerOptions, *, log: Callable[[CycleReport], None]) -> None:
        self._options = options
        self._log = log
        self._readiness = Readiness(is_warm=not options.waits_for_first_pass)
        self._metrics = Metrics(
            is_served=serves_metrics(options), repeats=options.interval_s > 0 and not options.once
        )
        self._schedule = Schedule(0.0 if options.once else options.interval_s)
        self._files = SettingsFiles(
            options.registries_conf_path,
            options.commit_template_path,
            ssh_config_path=SSH_CONFIG_PATH,
            observe=lambda failure: self._metrics.settings_read(is_good=not failure),
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            await self._open(opened)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def _open(self, opened: AsyncExitStack) -> None:
        options = self._options
        # What cannot be used ends the start here, not the day on which this replica takes over.
        await asyncio.to_thread(self._files.load)
        await asyncio.to_thread(check_state_directory, options.state_dir)
        if not options.dry_run:
            await check_signing(options.git.signing, options.environment)
        access = await load_access(options.environment, kubeconfig=options.kubeconfig)
        self._namespaces = resolve_namespaces(
            options,
            pod_namespace=await asyncio.to_thread(pod_namespace),
            client_namespace=access.namespace,
        )
        proxies = read_proxies(options.environment)
        # Leases have requests of their own: they wait for no write that a slow webhook holds up.
        self._client, self._lease_client = (
            KubeClient(access, observe=self._metrics.observe_kube, proxy_for=proxies.proxy_for)
            for _ in range(2)
        )
        for client in (self._client, self._lease_client):
            opened.push_async_callback(client.close)
        await opened.enter_async_context(
            serving(
                options,
                readiness=self._readiness,
                metrics=self._metrics,
                client=self._client,
                hostname=socket.gethostname(),
            )
        )
        self._store = ClusterStore(self._client, namespaces=self._namespaces.watched)
        await opened.enter_async_context(self._store)

    async def run(self, stop: Stops) -> CycleReport | None:
        """Wait for the turn of this replica, then work; see `run_controller`."""
        if not self._options.leader_election:
            self._note_share(WHOLE)
            return await self._work(Always(), stop)
        identity, namespace, shards = new_identity(), self._namespaces.lease, self._options.shards
        leases = ShardLeases(
            self._lease_client,
            namespace=namespace,
            identity=identity,
            shards=shards,
            hindered=self._note_hindrance,
        )
        reports = ShardReports(
            self._client,
            namespace=namespace,
            identity=identity,
            shards=shards,
            # Each shard has its own rhythm: one new tag reaches all of them within this time.
            recent_s=RECENT_S + max(0.0, self._options.interval_s),
        )
        async with leases, reports:
            if not await _reached(leases.wait_held(), stop.event):
                return None
            _LOG.info("this replica works: %s", identity)

            def note(share: Share) -> None:
                reports.hold(share.held)
                self._note_share(share)

            turns = LeaseTurns(leases, told=note)
            return await _while_held(self._work(turns, stop, reports=reports), leases)

    async def _work(
        self, turns: Turns, stop: Stops, *, reports: ShardReports | None = None
    ) -> CycleReport | None:
        if not await _reached(self._store.wait_ready(FIRST_READ_S), stop.event):
            return None
        self._tell_what_is_there()
        session = ClusterSession(
            self._options,
            namespaces=self._namespaces,
            store=self._store,
            secrets=ClusterSecrets(self._client),
            destinations=ClusterDestinations(self._client),
            files=self._files,
            write_applications=ApplicationWriter(
                self._client, store=self._store, check_turn=turns.check
            ),
            turns=turns,
            observe=self._metrics.observe_registry,
            observe_cache=self._metrics.observe_cache,
            refresher=self._refresher(),
        )
        statuses = Statuses(
            store=self._store, writer=StatusWriter(self._client), turns=turns, reports=reports
        )
        async with session:
            self._metrics.follow_git(lambda: session.git_statistics)
            loop = self._loop(session, turns, statuses)
            if self._options.once:
                await turns.settle()
                unread = self._store.unread(IMAGE_UPDATERS)
                for scope in unread:
                    _LOG.error("%s: not read, so that its resources have no turn", scope)
                report = await stop.finish(_one_pass(loop))
                return None if unread else report  # a pass over what is not seen is none
            others = asyncio.create_task(statuses.follow_others(dry_run=self._options.dry_run))
            try:
                await stop.finish(loop.run(stop.event))
            finally:
                await end_tasks(others)
        return None

    def _refresher(self) -> ApplicationRefresher | None:
        if not self._options.refresh_after_push:
            return None
        return ApplicationRefresher(
            self._client, store=self._store, observe=self._metrics.observe_refresh
        )

    def _loop(self, session: ClusterSession, turns: Turns, statuses: Statuses) -> Loop:
        schedule = self._schedule
        outlets = ClusterOutlets(
            statuses=statuses,
            events=EventWriter(self._client, disabled=not self._options.events),
            metrics=self._metrics,
            applications=lambda: session.applications,
            log=self._log,
        )
        loop = Loop(
            store=self._store,
            session=session,
            outlets=outlets,
            schedule=schedule,
            turns=turns,
            ready=self._ready,
        )
        self._metrics.follow_queue(depth=lambda: schedule.depth, age_s=loop.queue_age_s)
        return loop

    def _tell_what_is_there(self) -> None:
        resources = self._store.keys(IMAGE_UPDATERS)
        if not resources or self._options.interval_s < 0:
            # No cycle will; else who writes the status tells it for all replicas.
            for fault in self._store.faults():
                _LOG.error("%s", fault)
        if self._options.dry_run:
            _LOG.info("dry run: nothing is written to Git or to Applications; the status is")
        _LOG.info(
            "watching %s: %d ImageUpdaters and %d Applications are there",
            self._namespaces.watched_text,
            len(resources),
            len(self._store.keys(APPLICATIONS)),
        )

    def _note_share(self, share: Share) -> None:
        """Tell probes and metrics what this replica works on."""
        self._readiness.leads = bool(share.held)
        self._readiness.role = _role(share)
        self._metrics.set_leader(lease_name(STATUS_SHARD), is_leader=share.writes_status)
        self._metrics.set_shards(len(share.held))

    def _note_hindrance(self, problem: str) -> None:
        """Tell probes why a replica without work cannot get any."""
        if not self._readiness.leads:
            self._readiness.role = f"{STANDBY}: {problem}" if problem else STANDBY

    def _ready(self) -> None:
        self._readiness.is_warm = True


def _role(share: Share) -> str:
    if share.shards == 1:
        return "leader" if share.held else STANDBY
    shards = ", ".join(map(str, sorted(share.held)))
    return f"working on shard {shards} of {share.shards}" if shards else STANDBY


async def _one_pass(loop: Loop) -> CycleReport | None:
    """Work on the resources that are there, once."""
    return await loop.cycle(await loop.look_around())


async def _reached(waiting: Coroutine[Any, Any, Any], end: asyncio.Event) -> bool:
    """Wait for something, or the end; return whether it was reached first."""
    tasks = asyncio.create_task(waiting), asyncio.create_task(end.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
            return True
        return False
    finally:
        await end_tasks(*tasks)


async def _while_held(work: Coroutine[Any, Any, _Result], leases: ShardLeases) -> _Result:
    """Return the result of work; it is cut off when the right to it is lost.

    Raises:
        LeaseLost: it was cut off, and has cleaned up.
    """
    task = asyncio.create_task(work)
    lost = asyncio.create_task(leases.lost.wait())
    try:
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        await end_tasks(task, lost)
    raise LeaseLost(f"this replica must not go on: {leases.loss}")
