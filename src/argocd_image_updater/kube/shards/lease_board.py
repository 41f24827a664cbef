"""What all Leases of the product say now: followed by one watch of their namespace.

Promises: 1. the Leases of other numbers of shards are seen too; 2. a record is as new as the last
answer of the API server, and its age is told by the own clock; 3. a watch that breaks off, or is
silent for longer than holders are, is replaced by a list and a new watch.
Source of the rules: docs/high-availability.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from argocd_image_updater.errors import RemoteError, UpdaterError, internal_fault
from argocd_image_updater.kube.answers import Expired
from argocd_image_updater.kube.decoding import decode_metadata
from argocd_image_updater.kube.kinds import LEASES
from argocd_image_updater.kube.shards.lease_record import (
    Observation,
    decode_record,
    is_ours,
    observe,
    without_object,
)
from argocd_image_updater.kube.watching import EventType

if TYPE_CHECKING:
    import msgspec

    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.shards.lease_record import LeaseRecord
    from argocd_image_updater.kube.watching import WatchEvent
    from argocd_image_updater.net.timing import Timing

_LOG = logging.getLogger(__name__)
# Holders write at each retry: a watch that tells nothing for this many is not trusted.
SILENT_RETRIES = 5


class LeaseBoard:
    """retry_s: how often holders renew, and how often a list is tried while there is no watch."""

    def __init__(
        self, client: KubeClient, *, namespace: str, retry_s: float, timing: Timing
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._retry_s = retry_s
        self._timing = timing
        self._seen: dict[str, Observation] = {}
        self._version = ""
        self._changed = asyncio.Event()
        self.is_read = False
        self.fault: UpdaterError | None = None

    def seen(self, name: str) -> Observation | None:
        """Return what is known of a Lease, None where there is none."""
        return self._seen.get(name)

    def all(self) -> tuple[Observation, ...]:
        """Return what is known of all Leases."""
        return tuple(self._seen.values())

    def put(self, record: LeaseRecord) -> None:
        """Take in a record that the API server answered with."""
        now_s = self._timing.monotonic()
        self._seen[record.name] = observe(self._seen.get(record.name), record, now_s=now_s)
        self._changed.set()

    def wake(self) -> None:
        """Let who waits look again."""
        self._changed.set()

    async def wait_change(self, timeout_s: float) -> None:
        """Wait until something has changed, or for so long; for one reader."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        self._changed.clear()

    async def follow(self) -> None:
        """Keep everything up to date until cancelled."""
        while True:
            try:
                if not self._version:
                    await self.refresh()
                await self._watch()
                self.fault = None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._version = ""
                self._note(error)
                await self._timing.sleep(self._retry_s)

    async def refresh(self) -> None:
        """Read all Leases as they are now: nothing that was written before is missed."""
        listed: set[str] = set()
        version = ""
        pages = self._client.pages(LEASES, namespace=self._namespace)
        async with aclosing(pages):
            async for page in pages:
                version = page.resource_version
                for raw in page.items or ():
                    listed |= self._take(raw)
        for name in self._seen.keys() - listed:
            self._drop(name)
        self._version, self.is_read, self.fault = version, True, None
        self._changed.set()

    async def _watch(self) -> None:
        """Follow one watch to its end; forget its version where it cannot be trusted."""
        events = self._client.watch(
            LEASES, namespace=self._namespace, resource_version=self._version
        )
        began_s, seen = self._timing.monotonic(), 0
        async with aclosing(events):
            while True:
                try:
                    async with asyncio.timeout(SILENT_RETRIES * self._retry_s):
                        event = await anext(events)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    self._version = ""
                    return
                seen += 1
                self._happened(event)
        if not seen and self._timing.monotonic() - began_s < self._retry_s:
            raise RemoteError("the watch of the Leases ended at once")

    def _happened(self, event: WatchEvent) -> None:
        metadata = decode_metadata(event.object)
        if event.type is EventType.DELETED and is_ours(str(metadata.get("name", ""))):
            self._drop(str(metadata["name"]))
        elif event.type is not EventType.BOOKMARK:
            self._take(event.object)
        version = metadata.get("resourceVersion")
        if isinstance(version, str) and version:
            self._version = version

    def _take(self, raw: msgspec.Raw) -> set[str]:
        """Take in an object of a list or a watch, if it is one of ours; return its name."""
        name = str(decode_metadata(raw).get("name", ""))
        if not is_ours(name):
            return set()
        self.put(decode_record(raw))
        return {name}

    def _drop(self, name: str) -> None:
        known = self._seen.get(name)
        if known is not None:
            self._seen[name] = without_object(known)
            self._changed.set()

    def _note(self, error: Exception) -> None:
        if isinstance(error, Expired):
            return  # a new list helps
        fault = error if isinstance(error, UpdaterError) else RemoteError(internal_fault(error))
        if str(fault) != str(self.fault):
            _LOG.warning("the Leases cannot be followed: %s", fault)
        self.fault = fault
