"""Write plans of method ``argocd`` into the Applications of a cluster.

One request for each Application in the usual case: the patch is made for the newest version that is
known and holds for no other. On another version everything is computed again on what is there now.
Where nobody can tell whether a patch arrived, the object is read and looked at. One Application
never stops another; an API server that has gone away is not waited for by every one of them.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import Application
from argocd_image_updater.core.application_patch import Patch, patch_of
from argocd_image_updater.core.parameters.dispatch import TargetMismatch
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import PatchRecord
from argocd_image_updater.errors import ConflictError, DeniedError, UpdaterError, internal_fault
from argocd_image_updater.kube.kinds import APPLICATIONS
from argocd_image_updater.writers.application_write import (
    Found,
    ServerAway,
    WriteEnd,
    WriteFault,
    write_application,
)
from argocd_image_updater.writers.result import WriteReport, WriteResult, WriteStatus
from argocd_image_updater.writers.write_memory import WriteMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.store import ClusterStore

OPEN_WRITES = 16  # as many as the client has open requests
# So many Applications in a row that the API server did not answer for: the rest is left.
MOST_UNANSWERED = OPEN_WRITES

_End = tuple[WriteResult, PatchRecord | None]


def _anybody() -> None: ...


class ApplicationWriter:
    """Keep one for the life of the process: it remembers what it has written.

    store: follows the Applications, and so mostly knows of an edit before it is in the way.
    check_turn: called right before each request; raises where this process may not write.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        store: ClusterStore | None = None,
        open_writes: int = OPEN_WRITES,
        memory: WriteMemory | None = None,
        check_turn: Callable[[], None] = _anybody,
    ) -> None:
        self._client = client
        self._store = store
        self._open_writes = open_writes
        self._memory = memory or WriteMemory()
        self._check_turn = check_turn

    async def __call__(self, plans: Sequence[ApplicationPlan], *, dry_run: bool) -> WriteReport:
        """Write all plans, or tell what would be written; results in the order of the plans."""
        if dry_run:
            ends = {id(plan): _told(plan) for plan in plans}
        else:
            run = _Run(self._client, self._store, self._memory, check_turn=self._check_turn)
            ends = await run.write(plans, at_once=self._open_writes)
        found = [ends[id(plan)] for plan in plans]
        return WriteReport(
            results=tuple(result for result, _ in found),
            patches=tuple(patch for _, patch in found if patch is not None),
        )


class _Run:
    """The writes of one cycle. Plans for one Application go one after the other."""

    def __init__(
        self,
        client: KubeClient,
        store: ClusterStore | None,
        memory: WriteMemory,
        *,
        check_turn: Callable[[], None],
    ) -> None:
        self._client = client
        self._store = store
        self._memory = memory
        self._check_turn = check_turn
        self._ends: dict[int, _End] = {}
        self._unanswered = 0  # in a row

    async def write(self, plans: Sequence[ApplicationPlan], *, at_once: int) -> dict[int, _End]:
        groups: dict[ObjectKey, list[ApplicationPlan]] = defaultdict(list)
        for plan in plans:
            groups[plan.intent.application.key].append(plan)
        waiting = iter(groups.values())

        async def work() -> None:
            for group in waiting:  # shared by all workers
                await self._write_group(group)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(at_once, len(groups))):
                workers.create_task(work())
        return self._ends

    async def _write_group(self, plans: Sequence[ApplicationPlan]) -> None:
        found: Found | None = None
        for plan in plans:
            end = await self._write_one(plan, found or self._known(plan))
            found = end.found
            self._ends[id(plan)] = _end_of(plan, end)

    def _known(self, plan: ApplicationPlan) -> Found:
        """Return the Application of a plan as it was last seen by anybody here."""
        planned = plan.intent.application
        item = self._store.find(APPLICATIONS, planned.key) if self._store else None
        newest = item.value if item is not None else None
        if isinstance(newest, Application) and newest.resource_version != planned.resource_version:
            return Found(newest)
        return Found(planned)

    async def _write_one(self, plan: ApplicationPlan, found: Found) -> WriteEnd:
        if self._unanswered >= MOST_UNANSWERED:
            message = "the API server stopped answering; the next cycle tries again"
            return WriteEnd(WriteStatus.FAILED, message=message, reason=Reason.WRITE_FAILED)
        try:
            end = await write_application(
                self._client,
                plan,
                found=found,
                memory=self._memory,
                check_turn=self._check_turn,
            )
        except ServerAway as error:
            self._unanswered += 1
            return _failed(Reason.WRITE_FAILED, error)
        except (WriteFault, TargetMismatch) as error:
            return _failed(error.reason, error)
        except ConflictError as error:
            return _failed(Reason.CONFLICT, error)
        except DeniedError as error:
            fault = f"Application {plan.intent.application.key} was not written: {error}"
            return _failed(Reason.WRITE_FAILED, DeniedError(fault, hint=error.hint))
        except UpdaterError as error:
            return _failed(Reason.WRITE_FAILED, error)
        except Exception as error:  # noqa: BLE001 - the other Applications are written
            message = internal_fault(error)
            return WriteEnd(WriteStatus.FAILED, message=message, reason=Reason.INTERNAL_ERROR)
        self._unanswered = 0
        return end


def _failed(reason: Reason, error: UpdaterError) -> WriteEnd:
    text = f"{error}; {error.hint}" if error.hint else str(error)
    return WriteEnd(WriteStatus.FAILED, message=text, reason=reason)


def _told(plan: ApplicationPlan) -> _End:
    """Return what would be written, on the state that was decided on."""
    try:
        patch = patch_of(plan, plan.intent.application)
    except TargetMismatch as error:
        return _end_of(plan, _failed(error.reason, error))
    except Exception as error:  # noqa: BLE001 - the other Applications are told
        message = internal_fault(error)
        end = WriteEnd(WriteStatus.FAILED, message=message, reason=Reason.INTERNAL_ERROR)
        return _end_of(plan, end)
    status = WriteStatus.WOULD_WRITE if patch.operations else WriteStatus.UNCHANGED
    return _end_of(plan, WriteEnd(status, patch=patch))


def _end_of(plan: ApplicationPlan, end: WriteEnd) -> _End:
    key = plan.intent.application.key
    where = f"Application {key}"
    message = end.message
    if end.status is WriteStatus.UNCHANGED:
        message = message or "the Application says it already"
    result = WriteResult(plan, end.status, where, message, reason=end.reason, warnings=end.warnings)
    if end.status not in (WriteStatus.WRITTEN, WriteStatus.WOULD_WRITE):
        return result, None
    written = end.status is WriteStatus.WRITTEN
    return result, PatchRecord(key, where, (end.patch or Patch()).diff, written=written)
