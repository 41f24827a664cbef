"""Follow one kind in one namespace (or the whole cluster): list, then watch, and never give up.

Promises: 1. after a lost connection the watch goes on from the last version it saw, bookmarks
included, so that nothing is listed again; 2. only a version that the server no longer knows leads
to a new list; 3. a fault is told to the sink and followed by a wait that grows; 4. one reflector
knows nothing of the others, so a missing permission stops only its own.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.errors import RemoteError, UpdaterError, internal_fault
from argocd_image_updater.kube.answers import Expired
from argocd_image_updater.kube.decoding import decode_metadata
from argocd_image_updater.kube.transport import Silence
from argocd_image_updater.kube.watching import EventType
from argocd_image_updater.net.timing import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.kinds import Kind
    from argocd_image_updater.kube.watching import WatchEvent

SHORTEST_WATCH_S = 1.0  # one that ends sooner without an event counts as a fault
BACKOFF = Backoff(first_s=1.0, longest_s=30.0)
# An API server that was away comes back by itself; a right that is missing needs somebody.
LONGEST_OUTAGE_WAIT_S = 8.0


@dataclass(frozen=True, slots=True)
class Scope:
    """What one reflector follows; namespace: empty = the whole cluster."""

    kind: Kind
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} in {f'namespace {self.namespace}' if self.namespace else 'all'}"


class Sink(Protocol):
    """Where a reflector puts what it learns; none of these may wait."""

    def begin_list(self, scope: Scope) -> None:
        """Get ready for all objects there are."""

    def listed(self, scope: Scope, raws: Sequence[msgspec.Raw]) -> None:
        """Take some of them."""

    def end_list(self, scope: Scope) -> None:
        """Forget every object that was not among them; from now on the scope is complete."""

    def happened(self, scope: Scope, event: WatchEvent) -> None:
        """Take one change."""

    def failed(self, scope: Scope, error: UpdaterError) -> None:
        """Note that the scope cannot be followed for now."""

    def recovered(self, scope: Scope) -> None:
        """Note that it can again."""


class Reflector:
    """Runs until it is cancelled."""

    def __init__(
        self, client: KubeClient, scope: Scope, sink: Sink, *, backoff: Backoff = BACKOFF
    ) -> None:
        self._client = client
        self._scope = scope
        self._sink = sink
        self._backoff = backoff
        self._version = ""  # empty = list first
        self._failures = 0

    async def run(self) -> None:
        """List and watch for ever."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Expired as error:
                self._version = ""
                await self._pause(error)
            except UpdaterError as error:
                self._sink.failed(self._scope, error)
                await self._pause(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours ends one step, not the scope
                self._version = ""
                self._sink.failed(self._scope, RemoteError(internal_fault(error)))
                await self._pause(error)

    async def _pause(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1 and isinstance(error, Expired):
            return  # a new list helps at once
        timing = self._client.timing
        backoff = self._backoff
        if isinstance(error, RemoteError) and error.temporary:
            backoff = replace(backoff, longest_s=min(backoff.longest_s, LONGEST_OUTAGE_WAIT_S))
        wait_s = backoff.wait_s(self._failures, dice=timing.random())
        await timing.sleep(max(wait_s, getattr(error, "retry_after_s", None) or 0.0))

    async def _list(self) -> None:
        self._sink.begin_list(self._scope)
        version = ""
        pages = self._client.pages(self._scope.kind, namespace=self._scope.namespace)
        async with aclosing(pages):
            async for page in pages:
                version = page.resource_version
                self._sink.listed(self._scope, page.items or ())
        if not version:
            raise RemoteError(f"{self._scope}: the list has no version", temporary=False)
        self._version = version
        self._sink.end_list(self._scope)

    async def _watch(self) -> None:
        """Follow one watch to its end."""
        timing = self._client.timing
        began_s, seen, is_open = timing.monotonic(), 0, False

        def opened() -> None:
            nonlocal is_open
            is_open = True
            self._sink.recovered(self._scope)

        events = self._client.watch(
            self._scope.kind,
            namespace=self._scope.namespace,
            resource_version=self._version,
            on_open=opened,
        )
        try:
            async with aclosing(events):
                async for event in events:
                    seen += 1
                    self._take(event)
        except Silence:
            if not is_open:
                raise
            return  # perhaps a dead connection, perhaps only quiet: a new watch is cheap
        if not seen and timing.monotonic() - began_s < SHORTEST_WATCH_S:
            raise RemoteError(f"{self._scope}: the watch ended at once")
        self._failures = 0

    def _take(self, event: WatchEvent) -> None:
        version = decode_metadata(event.object).get("resourceVersion")
        if event.type is not EventType.BOOKMARK:
            self._sink.happened(self._scope, event)
        if isinstance(version, str) and version:
            self._version = version
        self._failures = 0
