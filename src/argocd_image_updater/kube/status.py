"""Writes what cycles made of ImageUpdaters into their status, and lets go of deleted ones.

Promises: 1. only what differs is sent, and the time of the check; 2. what cannot be written costs a
warning, never the cycle; 3. conditions of others survive, also those written at the same moment;
4. a watch that is behind our own writes misleads nobody. A finalizer is never added.

Source of the rules: docs/status.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.bounded_text import first_of
from argocd_image_updater.core.conditions import has_foreign
from argocd_image_updater.core.merge_patch import merge_patch
from argocd_image_updater.core.status import (
    Kept,
    as_meant,
    begun_status,
    desired_status,
    kept_after,
    outcomes_of,
    status_patch,
)
from argocd_image_updater.errors import ConflictError, RemoteError, UpdaterError, internal_fault
from argocd_image_updater.kube.answers import ObjectMissing, Throttled
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS
from argocd_image_updater.net.timing import Backoff

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.status import ResourceOutcome
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.decoding import Decoded

# Added by the first controllers; a resource that has it cannot be deleted without us.
FINALIZER = "resources-finalizer.argocd-image-updater.argoproj.io"
OPEN_REQUESTS = 8  # half of the client's, so that events are not kept waiting
ATTEMPTS = 5
BACKOFF = Backoff(first_s=0.2, longest_s=4.0)
_TOLD_WARNINGS = 10
FindsResources = Callable[["ObjectKey"], "Decoded | None"]


@dataclass(frozen=True, slots=True)
class _Base:
    """A resource to which a change of its status is made."""

    uid: str
    version: str
    generation: int
    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Written:
    """What the server answered to our last write. kept: members it did not keep as sent."""

    base: _Base
    kept: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Change:
    """desired: the status that a base should have. patch: from what it was meant to be."""

    desired: Callable[[Mapping[str, Any], int], dict[str, Any]]
    patch: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


class StatusWriter:
    """Writes the status of resources; one for each process, as it remembers what it wrote."""

    def __init__(self, client: KubeClient, *, backoff: Backoff = BACKOFF) -> None:
        self._client = client
        self._backoff = backoff
        self._slots = asyncio.Semaphore(OPEN_REQUESTS)
        self._written: dict[ObjectKey, _Written] = {}
        # Those of which the end of the last request is not known: it may have been done.
        self._doubtful: set[ObjectKey] = set()

    async def write(
        self, report: CycleReport, *, previous: FindsResources, now: str
    ) -> tuple[str, ...]:
        """Write the status of the resources that a cycle was about; return what went wrong.

        previous: what the watch knows of a resource. now: RFC 3339, UTC, whole seconds.
        """
        changes = {key: _ended(outcome, now=now) for key, outcome in outcomes_of(report).items()}
        self._forget_missing(previous)
        return await self._write_all(changes, previous)

    async def reconciling(
        self, keys: Collection[ObjectKey], *, previous: FindsResources, now: str
    ) -> tuple[str, ...]:
        """Say that a cycle over these resources is running; return what went wrong."""
        return await self._write_all(dict.fromkeys(keys, _begun(now=now)), previous)

    async def release(self, resource: Decoded) -> tuple[str, ...]:
        """Take the finalizer of earlier controllers off a resource that is being deleted."""
        key = resource.key
        self._written.pop(key, None)
        self._doubtful.discard(key)
        if not resource.deleting or FINALIZER not in resource.finalizers:
            return ()
        finalizers, version = resource.finalizers, resource.resource_version
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if attempt > 1:
                    found = await self._client.get(IMAGE_UPDATERS, key)
                    finalizers, version = _finalizers(found, uid=resource.uid)
                    if FINALIZER not in finalizers:
                        return ()
                await self._client.patch(
                    IMAGE_UPDATERS, key, _without_finalizer(finalizers, version=version)
                )
            except ObjectMissing:
                return ()
            except UpdaterError as error:
                if not await self._may_try_again(error, attempt):
                    return (f"ImageUpdater {key} cannot be let go of: {_told(error)}",)
            else:
                return ()
        return ()

    async def _write_all(
        self, changes: Mapping[ObjectKey, _Change], previous: FindsResources
    ) -> tuple[str, ...]:
        found = await asyncio.gather(
            *(self._write(key, change, previous) for key, change in changes.items())
        )
        return first_of([text for text in found if text], _TOLD_WARNINGS)

    async def _write(self, key: ObjectKey, change: _Change, previous: FindsResources) -> str:
        """Write one status; return what went wrong, empty where nothing did."""
        known = previous(key)
        if known is None or known.deleting:
            return ""
        async with self._slots:
            try:
                return await self._write_known(key, change, known)
            except Exception as error:  # noqa: BLE001 - one resource must not stop the others
                return f"the status of ImageUpdater {key} is not written: {internal_fault(error)}"

    async def _write_known(self, key: ObjectKey, change: _Change, known: Decoded) -> str:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                base = await self._read(key) if key in self._doubtful else self._newest(known)
                if base is not None and base.uid == known.uid:
                    await self._send(key, change, base)
            except ObjectMissing:
                self._doubtful.discard(key)
            except UpdaterError as error:
                if not await self._may_try_again(error, attempt):
                    return f"the status of ImageUpdater {key} is not written: {_told(error)}"
                continue
            return ""
        return ""

    async def _send(self, key: ObjectKey, change: _Change, base: _Base) -> None:
        kept = self._kept(key, base)
        meant = as_meant(base.status, kept)
        desired = change.desired(meant, base.generation)
        patch = change.patch(meant, desired)
        if not patch:
            return
        body: dict[str, Any] = {"status": patch}
        if "conditions" in patch and has_foreign(base.status.get("conditions")):
            # The list is replaced as a whole: only that version may be, whose list was read.
            body["metadata"] = {"resourceVersion": base.version}
        self._doubtful.add(key)
        answer = _base_of(await self._client.patch(IMAGE_UPDATERS, key, body, subresource="status"))
        self._doubtful.discard(key)
        kept = kept_after(kept, patch=patch, desired=desired, answer=answer.status)
        self._written[key] = _Written(answer, kept)

    async def _read(self, key: ObjectKey) -> _Base | None:
        found = await self._client.get(IMAGE_UPDATERS, key)
        self._doubtful.discard(key)
        if found is None or found.get("metadata", {}).get("deletionTimestamp"):
            return None
        return _base_of(found)

    def _newest(self, known: Decoded) -> _Base:
        """Return what the watch knows, or what we wrote where the watch is behind."""
        seen = _Base(known.uid, known.resource_version, known.generation, known.status)
        written = self._written.get(known.key)
        if written and written.base.uid == seen.uid and _is_newer(written.base, seen):
            return written.base
        return seen

    def _kept(self, key: ObjectKey, base: _Base) -> Mapping[str, Kept]:
        written = self._written.get(key)
        return written.kept if written and written.base.uid == base.uid else {}

    def _forget_missing(self, previous: FindsResources) -> None:
        for key in [key for key in self._written if previous(key) is None]:
            del self._written[key]
        self._doubtful = {key for key in self._doubtful if previous(key) is not None}

    async def _may_try_again(self, error: UpdaterError, attempt: int) -> bool:
        """Wait where another attempt can help; the client itself has waited for a busy server."""
        passes = isinstance(error, ConflictError) or (
            isinstance(error, RemoteError) and error.temporary and not isinstance(error, Throttled)
        )
        if not passes or attempt >= ATTEMPTS:
            return False
        timing = self._client.timing
        await timing.sleep(self._backoff.wait_s(attempt, dice=timing.random()))
        return True


def _ended(outcome: ResourceOutcome, *, now: str) -> _Change:
    """Return the change at the end of a cycle."""

    def desired(status: Mapping[str, Any], generation: int) -> dict[str, Any]:
        return desired_status(status, outcome, now=now, generation=generation)

    return _Change(desired, status_patch)


def _begun(*, now: str) -> _Change:
    """Return the change while a cycle runs."""

    def desired(status: Mapping[str, Any], generation: int) -> dict[str, Any]:
        return begun_status(status, now=now, generation=generation)

    return _Change(desired, merge_patch)


def _base_of(document: Mapping[str, Any]) -> _Base:
    metadata = document.get("metadata") or {}
    status = document.get("status")
    return _Base(
        uid=str(metadata.get("uid", "")),
        version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation") or 0),
        status=status if isinstance(status, dict) else {},
    )


def _is_newer(one: _Base, other: _Base) -> bool:
    """Tell whether one version of an object is later; they are numbers that only grow."""
    texts = (one.version, other.version)
    return all(text.isascii() and text.isdigit() for text in texts) and int(texts[0]) > int(
        texts[1]
    )


def _finalizers(found: Mapping[str, Any] | None, *, uid: str) -> tuple[tuple[str, ...], str]:
    """Return the finalizers of an object and its version; none where it is another object."""
    metadata = (found or {}).get("metadata") or {}
    if metadata.get("uid") != uid or not metadata.get("deletionTimestamp"):
        return (), ""
    return tuple(metadata.get("finalizers") or ()), str(metadata.get("resourceVersion", ""))


def _without_finalizer(finalizers: tuple[str, ...], *, version: str) -> dict[str, Any]:
    """Return the patch of this version; a list is replaced as a whole, so others are named."""
    rest = [item for item in finalizers if item != FINALIZER]
    return {"metadata": {"resourceVersion": version, "finalizers": rest or None}}


def _told(error: UpdaterError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)
