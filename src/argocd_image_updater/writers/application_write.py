"""Write one plan into one Application of a cluster, whatever happens on the way.

A patch is made for one version of the object and applies to no other. Another version means: read,
compute again, try again, at most five times with pauses that grow. After a fault that leaves open
whether the patch arrived (5xx, a lost connection) the object is read: it was our patch that put the
value there if the API server lists us as the manager of that field.

Source of the rules: docs/write-back.md,
https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import Origin
from argocd_image_updater.core.application_owners import (
    application_set_of,
    generated_warning,
    managers_of,
    owner_of,
    reverted_warning,
)
from argocd_image_updater.core.application_patch import Patch, ValueChange, patch_of
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import ConflictError, RemoteError, UpdaterError
from argocd_image_updater.kube.answers import ObjectMissing, Throttled, VersionMoved
from argocd_image_updater.kube.client import FIELD_MANAGER
from argocd_image_updater.kube.kinds import APPLICATIONS
from argocd_image_updater.net.timing import Backoff
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.writers.write_memory import WriteMemory

ATTEMPTS = 5
PAUSE = Backoff(first_s=0.05, longest_s=2.0)


class WriteFault(UpdaterError):
    """The write of one Application ends; `reason` says how it is reported."""

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ServerAway(UpdaterError):
    """The API server did not answer, however often it was asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """An Application as it was last seen. document: the whole object, None = only its snapshot."""

    application: Application
    document: Mapping[str, Any] | None = None

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = (self.document or {}).get("metadata")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class WriteEnd:
    """How a write ended. found: the object afterwards, where it is known."""

    status: WriteStatus
    patch: Patch | None = None
    found: Found | None = None
    message: str = ""
    reason: Reason | None = None
    warnings: tuple[str, ...] = ()


async def write_application(
    client: KubeClient,
    plan: ApplicationPlan,
    *,
    found: Found,
    memory: WriteMemory,
    check_turn: Callable[[], None],
) -> WriteEnd:
    """Bring a plan into the cluster; found: what is known of the object.

    check_turn: called right before each request that writes; what it raises ends this.

    Raises:
        ConflictError: somebody changed what the plan rests on.
        WriteFault, TargetMismatch: it cannot be written. ServerAway: nobody answers.
        RemoteError, DeniedError: the API server refuses it.
    """
    start = found if found.application.resource_version else None
    return await _Write(client, plan, memory, check_turn=check_turn).run(start)


class _Refused(ConflictError):
    """The API server could not store the object because others write it, too (409)."""


class _Write:
    """The attempts for one Application."""

    def __init__(
        self,
        client: KubeClient,
        plan: ApplicationPlan,
        memory: WriteMemory,
        *,
        check_turn: Callable[[], None],
    ) -> None:
        self._check_turn = check_turn
        self._client = client
        self._plan = plan
        self._memory = memory
        self._key = plan.intent.application.key
        self._sent: Patch | None = None  # nobody knows whether it arrived

    async def run(self, found: Found | None) -> WriteEnd:
        fault: RemoteError | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._pause(attempt)
            try:
                return await self._attempt(found or await self._read())
            except ObjectMissing:
                raise self._gone() from None
            except VersionMoved as moved:
                found, fault = self._decoded(moved.current), None
            except _Refused:
                found, fault = None, None
            except RemoteError as error:
                if isinstance(error, Throttled) or not error.temporary:
                    raise
                found, fault = None, error
        if fault is not None:
            raise ServerAway(self._unanswered(fault))
        raise ConflictError(
            f"Application {self._key} was changed by others at each of {ATTEMPTS} attempts; the "
            "next cycle tries again"
        )

    async def _attempt(self, found: Found) -> WriteEnd:
        patch = self._patch(found)
        if found.document is None and self._reverts(found, patch):
            found = await self._read()  # the whole object tells who it was
            patch = self._patch(found)
        if not patch.operations:
            return self._already(found)
        document = await self._send(patch, found)
        return self._written(patch, found, self._decoded(document))

    def _patch(self, found: Found) -> Patch:
        """Return the patch for the object as it is.

        Raises:
            WriteFault: it is being deleted.
        """
        if found.application.deleting:
            message = f"Application {self._key} is being deleted"
            raise WriteFault(Reason.APPLICATION_SKIPPED, message)
        ours = self._memory.values(found.application)
        return patch_of(self._plan, found.application, ours=ours)

    async def _send(self, patch: Patch, found: Found) -> Mapping[str, Any]:
        self._check_turn()
        try:
            return await self._client.patch_version(
                APPLICATIONS,
                self._key,
                patch.operations,
                resource_version=found.application.resource_version,
            )
        except (ObjectMissing, VersionMoved):
            raise
        except ConflictError as error:
            raise _Refused(str(error)) from None
        except RemoteError as error:
            if error.temporary and not isinstance(error, Throttled):
                self._sent = patch
            raise

    def _already(self, found: Found) -> WriteEnd:
        """End where everything stands there: ours if a lost patch of ours has put it there."""
        sent = self._sent
        if sent is None or not sent.is_stored(found.application):
            return WriteEnd(WriteStatus.UNCHANGED, found=found)
        managers = managers_of(found.metadata, sent.changes[0].place)
        if managers and FIELD_MANAGER not in managers:
            return WriteEnd(WriteStatus.UNCHANGED, found=found)
        return self._written(sent, found, found)

    def _written(self, patch: Patch, before: Found, after: Found) -> WriteEnd:
        """End with what was written.

        Raises:
            WriteFault: the API server took the patch and does not have the values.
        """
        if not patch.is_stored(after.application):
            raise WriteFault(
                Reason.WRITE_FAILED,
                f"the API server accepted the change of Application {self._key} and did not keep "
                f"{patch.changes[0].place.list_path}",
                hint="its CustomResourceDefinition is older than this field, or an admission "
                "webhook takes it out: install the definitions of your Argo CD version",
            )
        warnings = self._warnings(patch, before, after)
        self._memory.remember(after.application, patch.changes)
        return WriteEnd(WriteStatus.WRITTEN, patch, after, warnings=warnings)

    def _warnings(self, patch: Patch, before: Found, after: Found) -> tuple[str, ...]:
        """Return what to tell of others that write the same values."""
        reverts: dict[str, ValueChange] = {}
        for change in sorted(self._reverts(before, patch), key=lambda item: item.old is None):
            reverts.setdefault(change.place.list_path, change)
        if reverts:
            return tuple(
                reverted_warning(
                    owner_of(before.metadata, change.place, ourselves=FIELD_MANAGER),
                    change,
                    before=before.application,
                )
                for change in reverts.values()
            )
        name = application_set_of(after.metadata)
        if not name or not self._memory.warn_once(after.application):
            return ()
        return (generated_warning(name, patch.changes[0].place, before=before.application),)

    def _reverts(self, found: Found, patch: Patch) -> tuple[ValueChange, ...]:
        return self._memory.reverted(found.application, patch.changes)

    async def _read(self) -> Found:
        return self._decoded(await self._client.get(APPLICATIONS, self._key))

    def _decoded(self, document: Mapping[str, Any] | None) -> Found:
        """Return an object of the API.

        Raises:
            WriteFault: there is none any more, or it cannot be read.
        """
        if document is None:
            raise self._gone()
        application, problems, _ = decode_application(document, origin=Origin())
        if application is None:
            raise WriteFault(problems[0].reason, problems[0].message)
        return Found(application, document)

    def _gone(self) -> WriteFault:
        message = f"Application {self._key} was deleted meanwhile"
        return WriteFault(Reason.APPLICATION_SKIPPED, message)

    def _unanswered(self, fault: RemoteError) -> str:
        state = "was not written" if self._sent is None else "may have been written or not"
        return f"Application {self._key} {state}: {fault}; the next cycle looks again"

    async def _pause(self, failures: int) -> None:
        timing = self._client.timing
        await timing.sleep(PAUSE.wait_s(failures, dice=timing.random()))
