"""What the cluster says, kept up to date by watches: the cluster's counterpart of the folder store.

ImageUpdaters and Applications of the watched namespaces are held as small snapshots, so that a
cycle asks the API server nothing. A namespace that may not be read is named and tried again, and
the others go on. What was read before a fault stays until something newer is known; `faults` says
that it may be old. Secrets are not held: see `kube/secrets.py`.

Source of the rules: docs/kubernetes.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import msgspec

from argocd_image_updater.core.application import Application, ObjectKey
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resource import Resource
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.snapshot import Snapshot
from argocd_image_updater.errors import BugError, RemoteError, UpdaterError, internal_fault
from argocd_image_updater.kube.changes import Change, Changes
from argocd_image_updater.kube.decoding import (
    Decoded,
    decode_application_object,
    decode_metadata,
    decode_resource_object,
    key_of,
)
from argocd_image_updater.kube.kinds import APPLICATIONS, IMAGE_UPDATERS
from argocd_image_updater.kube.reflector import BACKOFF, Reflector, Scope
from argocd_image_updater.kube.watching import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.kinds import Kind
    from argocd_image_updater.kube.watching import WatchEvent
    from argocd_image_updater.net.timing import Backoff

_DECODERS = {IMAGE_UPDATERS: decode_resource_object, APPLICATIONS: decode_application_object}
READY_S = 60.0
# What was read before a fault that lasts this long is too old to be acted on.
LOST_S = 300.0


@dataclass(frozen=True, slots=True)
class ScopeFault:
    """A kind in a namespace that cannot be read now. is_known: it has been read before."""

    scope: Scope
    error: UpdaterError
    is_known: bool

    def __str__(self) -> str:
        state = "what is known may be old" if self.is_known else "nothing is known of it"
        return f"{self.scope}: {state}: {self.error}"


@dataclass(slots=True)
class _Content:
    """Objects of one scope; listed: the keys of the list that is being read.

    failed_s: since when it cannot be followed, None = it can.
    """

    objects: dict[ObjectKey, Decoded] = field(default_factory=dict)
    listed: set[ObjectKey] = field(default_factory=set)
    is_complete: bool = False
    error: UpdaterError | None = None
    failed_s: float | None = None


class ClusterStore:
    """Use as an async context manager: the watches run inside.

    namespaces: those that are watched; empty = the whole cluster.
    """

    def __init__(
        self, client: KubeClient, *, namespaces: Sequence[str] = (), backoff: Backoff = BACKOFF
    ) -> None:
        self._client = client
        self._backoff = backoff
        self._contents = {
            Scope(kind, namespace): _Content()
            for namespace in dict.fromkeys(namespaces or ("",))
            for kind in _DECODERS
        }
        self._changes = Changes()
        self._moved = asyncio.Event()  # a scope has become complete or failed
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(
                Reflector(self._client, scope, self, backoff=self._backoff).run(), name=str(scope)
            )
            for scope in self._contents
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def wait_ready(self, timeout_s: float = READY_S) -> tuple[ScopeFault, ...]:
        """Wait until every scope was read, or has failed; return the faults.

        A scope that has done neither within the time counts as failed.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(_is_open(content) for content in self._contents.values()):
                    self._moved.clear()
                    await self._moved.wait()
        late = RemoteError(f"the API server has not answered within {timeout_s:g} s")
        return self.faults() + tuple(
            ScopeFault(scope, late, is_known=False)
            for scope, content in self._contents.items()
            if _is_open(content)
        )

    def faults(self) -> tuple[ScopeFault, ...]:
        """Return which scopes cannot be read now, and why."""
        return tuple(
            ScopeFault(scope, content.error, is_known=content.is_complete)
            for scope, content in self._contents.items()
            if content.error is not None
        )

    def is_complete(self, namespace: str) -> bool:
        """Tell whether everything in a namespace was read at least once."""
        scopes = self._about(namespace)
        return bool(scopes) and all(content.is_complete for content in scopes)

    def is_current(self, namespace: str) -> bool:
        """Tell whether what is known of a namespace may be acted on: complete, and not too old."""
        return self.is_complete(namespace) and not any(map(self._is_lost, self._about(namespace)))

    def _about(self, namespace: str) -> list[_Content]:
        return [
            content
            for scope, content in self._contents.items()
            if scope.namespace in {"", namespace}
        ]

    def _is_lost(self, content: _Content) -> bool:
        since_s = content.failed_s
        return since_s is not None and self._client.timing.monotonic() - since_s >= LOST_S

    def unread(self, kind: Kind) -> tuple[Scope, ...]:
        """Return where nothing is known of a kind, because it was never read."""
        return tuple(
            scope
            for scope, content in self._contents.items()
            if scope.kind == kind and not content.is_complete
        )

    def snapshot(self) -> Snapshot:
        """Return what is known now; faults of scopes are among the problems."""
        found = [item for content in self._contents.values() for item in content.objects.values()]
        found.sort(key=lambda item: item.key)
        faults = [Problem(Reason.SETTINGS_INVALID, str(fault)) for fault in self.faults()]
        return Snapshot(
            resources=tuple(item.value for item in found if isinstance(item.value, Resource)),
            applications=tuple(item.value for item in found if isinstance(item.value, Application)),
            problems=(*faults, *(problem for item in found for problem in item.problems)),
            warnings=tuple(text for item in found for text in item.warnings),
        )

    def find(self, kind: Kind, key: ObjectKey) -> Decoded | None:
        """Return one object with its version, status and finalizers, None where there is none."""
        for namespace in (key.namespace, ""):
            content = self._contents.get(Scope(kind, namespace))
            if content is not None:
                return content.objects.get(key)
        return None

    def keys(self, kind: Kind) -> tuple[ObjectKey, ...]:
        """Return the keys of all objects of a kind, sorted."""
        found = (
            key
            for scope, content in self._contents.items()
            if scope.kind == kind
            for key in content.objects
        )
        return tuple(sorted(found))

    def take_changes(self) -> tuple[Change, ...]:
        """Return what has changed since the last time; for one reader."""
        return self._changes.take()

    async def wait_changes(self) -> tuple[Change, ...]:
        """Wait until something has changed and return it; for one reader."""
        return await self._changes.wait()

    def begin_list(self, scope: Scope) -> None:
        """Part of `Sink`."""
        self._contents[scope].listed = set()

    def listed(self, scope: Scope, raws: Sequence[msgspec.Raw]) -> None:
        """Part of `Sink`."""
        content = self._contents[scope]
        for raw in raws:
            item = _decode(scope.kind, raw)
            content.listed.add(item.key)
            self._put(scope, item)

    def end_list(self, scope: Scope) -> None:
        """Part of `Sink`."""
        content = self._contents[scope]
        for key in [key for key in content.objects if key not in content.listed]:
            self._drop(scope, key)
        content.listed = set()
        if not content.is_complete:
            self._changes.wake()  # it may be empty: then this is all that changes
        content.is_complete = True
        self._followed(content)
        self._moved.set()

    def happened(self, scope: Scope, event: WatchEvent) -> None:
        """Part of `Sink`."""
        if event.type is EventType.DELETED:
            self._drop(scope, key_of(decode_metadata(event.object)))
        else:
            self._put(scope, _decode(scope.kind, event.object))

    def failed(self, scope: Scope, error: UpdaterError) -> None:
        """Part of `Sink`."""
        content = self._contents[scope]
        content.error = error
        if content.failed_s is None:
            content.failed_s = self._client.timing.monotonic()
        self._moved.set()

    def recovered(self, scope: Scope) -> None:
        """Part of `Sink`."""
        self._followed(self._contents[scope])

    def _followed(self, content: _Content) -> None:
        if self._is_lost(content):
            self._changes.wake()  # whoever waits for it may go on, though no object differs
        content.error = content.failed_s = None

    def _put(self, scope: Scope, item: Decoded) -> None:
        objects = self._contents[scope].objects
        known = objects.get(item.key)
        objects[item.key] = item
        if known is None or _is_other(known, item):
            self._changes.add(
                Change(
                    scope.kind,
                    item.key,
                    generation_changed=known is None or known.generation != item.generation,
                )
            )

    def _drop(self, scope: Scope, key: ObjectKey) -> None:
        if self._contents[scope].objects.pop(key, None) is not None:
            self._changes.add(Change(scope.kind, key, is_gone=True))


def _is_open(content: _Content) -> bool:
    return not content.is_complete and content.error is None


def _is_other(known: Decoded, item: Decoded) -> bool:
    """Tell whether something that the product looks at differs."""
    return (_content(known), known.problems) != (_content(item), item.problems)


def _content(item: Decoded) -> Resource | Application | None:
    value = item.value
    return replace(value, resource_version="") if isinstance(value, Application) else value


def _decode(kind: Kind, raw: msgspec.Raw) -> Decoded:
    """Decode an object; one that cannot be decoded is a problem of its own and stops no other."""
    try:
        return _DECODERS[kind](raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return _broken(kind, raw, "it is nested too deeply or no object")
    except Exception as error:  # noqa: BLE001 - one object must never stop its namespace
        return _broken(kind, raw, internal_fault(error))


def _broken(kind: Kind, raw: msgspec.Raw, why: str) -> Decoded:
    try:
        metadata = decode_metadata(raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise BugError(f"an object of {kind} without metadata") from None
    key = key_of(metadata)
    is_resource = kind == IMAGE_UPDATERS
    problem = Problem(
        Reason.SETTINGS_INVALID,
        f"{kind.name} {key}: cannot be read: {why}",
        resource=key if is_resource else None,
        application=None if is_resource else key,
    )
    return Decoded(
        key,
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
        problems=(problem,),
        finalizers=tuple(metadata.get("finalizers") or ()),
    )
