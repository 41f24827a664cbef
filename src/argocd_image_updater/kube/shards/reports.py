"""How the results of all shards come together: one ConfigMap per shard, followed by shard 0.

Promises: 1. a shard's ConfigMap is written by its holder alone, and only when it says something new
or is old; 2. who writes the status sees a new report without asking for it; 3. a ConfigMap that is
no report, or is gone, is passed over, and what was known stays known. Shard 0 needs none: its
holder writes the status itself.

Source of the rules: docs/sharding.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.shard_document import (
    ReportMalformed,
    decode_report,
    encode_report,
)
from argocd_image_updater.core.shard_report import ShardReport
from argocd_image_updater.core.shards import STATUS_SHARD
from argocd_image_updater.errors import RemoteError, UpdaterError, internal_fault
from argocd_image_updater.kube.answers import Expired, ObjectMissing
from argocd_image_updater.kube.decoding import decode_metadata
from argocd_image_updater.kube.kinds import CONFIG_MAPS
from argocd_image_updater.kube.reflector import BACKOFF
from argocd_image_updater.kube.shards.lease_record import micro_time
from argocd_image_updater.kube.shards.memory import ShardMemory
from argocd_image_updater.kube.transport import Silence
from argocd_image_updater.kube.watching import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.shard_report import ResourcePart
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.watching import WatchEvent
    from argocd_image_updater.net.timing import Backoff, Timing

_LOG = logging.getLogger(__name__)
NAME_PREFIX = "argocd-image-updater-shard-"
DATA_KEY = "report.json.gz"
WRITTEN_ANNOTATION = "argocd-image-updater.argoproj.io/written-at"
HOLDER_ANNOTATION = "argocd-image-updater.argoproj.io/written-by"
SHARD_LABEL = "argocd-image-updater.argoproj.io/shard"
PART_OF = {"app.kubernetes.io/part-of": "argocd-image-updater"}
# So old a report is written again although nothing is new, for people who look at its time.
REFRESH_S = 600.0
# So long an update stays in the list of recent ones beside those that other shards tell later.
RECENT_S = 60.0
# So long who becomes the writer of the status waits for what the others have written before.
READ_S = 5.0
_TOLD_FAILURES = 3  # in a row: less is a restart of the API server
_SHORTEST_WATCH_S = 1.0  # one that ends sooner without an event counts as a fault


@dataclass(frozen=True, slots=True)
class _Written:
    """What a shard's ConfigMap holds as far as we wrote it."""

    parts: Mapping[ObjectKey, ResourcePart]
    at_s: float


class _ConfigMap(msgspec.Struct, rename="camel"):
    binary_data: dict[str, bytes] | None = None


_CONFIG_MAP = msgspec.json.Decoder(_ConfigMap)


class ShardReports:
    """Use as an async context manager: what must be followed is followed inside.

    With one shard nothing is written or followed. recent_s: so long an update is listed beside
    newer ones.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        shards: int,
        identity: str,
        recent_s: float = RECENT_S,
        refresh_s: float = REFRESH_S,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._client = client
        self._timing: Timing = client.timing
        self._namespace = namespace
        self._shards = shards
        self._identity = identity
        self._refresh_s = refresh_s
        self._backoff = backoff
        self._held: frozenset[int] = frozenset()
        self._memory = ShardMemory(shards, identity=identity, recent_s=recent_s)
        self._written: dict[int, _Written] = {}
        self._following: dict[int, asyncio.Task[None]] = {}
        self._unread: set[int] = set()
        self._was_read = asyncio.Event()
        self._news: set[ObjectKey] = set()
        self._has_news = asyncio.Event()

    @property
    def is_alone(self) -> bool:
        """Tell whether there are no other shards."""
        return self._shards == 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._following.values())
        self._following.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def hold(self, held: frozenset[int]) -> None:
        """Note which shards are held: only who has shard 0 follows the others."""
        if self.is_alone or held == self._held:
            return
        self._held = held
        self._memory.hold(held)
        for shard in self._written.keys() - held:
            del self._written[shard]
        wanted = set(range(self._shards)) - held if STATUS_SHARD in held else set()
        for shard in self._following.keys() - wanted:
            self._following.pop(shard).cancel()
            self._unread.discard(shard)
        for shard in wanted - self._following.keys():
            self._unread.add(shard)
            self._following[shard] = asyncio.create_task(
                self._follow(shard), name=f"the report of shard {shard}"
            )
        self._was_read.set()

    async def publish(
        self, report: CycleReport, *, known: Collection[ObjectKey]
    ) -> tuple[str, ...]:
        """Write what a cycle found for the other shards; return warnings.

        known: all resources there are; what is gone leaves the reports.
        """
        warnings: list[str] = []
        for shard in sorted(self._memory.unknown):
            warnings += await self._inherit(shard)
        now_s = self._timing.monotonic()
        self._memory.remember(report, known=frozenset(known), now_s=now_s)
        for shard in sorted(self._held - {STATUS_SHARD}):
            try:
                await self._write(shard)
            except UpdaterError as error:
                warnings.append(f"the report of shard {shard} cannot be written: {error}")
        return tuple(warnings)

    async def wait_read(self) -> None:
        """Wait, not for long, until it is known what the others have written before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_S):
                while self._unread:
                    self._was_read.clear()
                    await self._was_read.wait()

    async def wait_news(self) -> frozenset[ObjectKey]:
        """Wait until other shards have found something new; return the resources it is about."""
        await self._has_news.wait()
        news = frozenset(self._news)
        self._news.clear()
        self._has_news.clear()
        return news

    def together(
        self,
        resources: Collection[ObjectKey],
        *,
        status_of: Callable[[ObjectKey], Mapping[str, Any]],
        dry_run: bool = False,
    ) -> CycleReport:
        """Return what all shards last found about resources that were worked on here before.

        status_of: what the status of a resource says.
        """
        return self._memory.together(resources, status_of=status_of, dry_run=dry_run)

    async def _inherit(self, shard: int) -> tuple[str, ...]:
        """Go on from what the holder before has written for a shard that was taken over."""
        try:
            found, _ = await self._find(shard)
        except UpdaterError as error:
            self._memory.inherit(shard, {})
            return (f"the last report of shard {shard} cannot be read: {error}",)
        report = None if found is None else self._read(shard, found)
        self._memory.inherit(shard, {} if report is None else report.parts)
        return ()

    async def _write(self, shard: int) -> None:
        parts = self._memory.own(shard)
        written, now_s = self._written.get(shard), self._timing.monotonic()
        if written and written.parts == parts and written.at_s > now_s - self._refresh_s:
            return
        report = ShardReport(shard, self._shards, self._identity, parts)
        data = await asyncio.to_thread(encode_report, report)
        key = self._key(shard)
        change = self._document(shard, data)
        try:
            await self._client.patch(CONFIG_MAPS, key, change)
        except ObjectMissing:
            kind = {"apiVersion": CONFIG_MAPS.api_version, "kind": CONFIG_MAPS.name}
            await self._client.create(CONFIG_MAPS, kind | change, namespace=key.namespace)
        self._written[shard] = _Written(parts, now_s)

    def _document(self, shard: int, data: bytes) -> dict[str, Any]:
        key = self._key(shard)
        return {
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": PART_OF | {SHARD_LABEL: str(shard)},
                "annotations": {
                    WRITTEN_ANNOTATION: micro_time(self._timing.unix()),
                    HOLDER_ANNOTATION: self._identity,
                },
            },
            "binaryData": {DATA_KEY: data},  # base64 in JSON
        }

    def _key(self, shard: int) -> ObjectKey:
        return ObjectKey(self._namespace, f"{NAME_PREFIX}{shard}")

    async def _follow(self, shard: int) -> None:
        """Keep the report of another shard up to date until cancelled."""
        version, failures = "", 0
        while True:
            try:
                version = await self._watch(shard, version or await self._list(shard))
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                if isinstance(error, Expired):
                    version = ""
                failures += 1
                fault = error if isinstance(error, UpdaterError) else internal_fault(error)
                level = logging.WARNING if failures == _TOLD_FAILURES else logging.DEBUG
                _LOG.log(level, "the report of shard %d cannot be followed: %s", shard, fault)
                wait_s = self._backoff.wait_s(failures, dice=self._timing.random())
                self._note_read(shard)
                await self._timing.sleep(wait_s)

    async def _list(self, shard: int) -> str:
        """Read what is there; return the version that a watch goes on from."""
        found, version = await self._find(shard)
        if found is not None:
            self._put(shard, found, is_first=shard in self._unread)
        self._note_read(shard)
        return version

    async def _find(self, shard: int) -> tuple[_ConfigMap | None, str]:
        """Return a shard's ConfigMap and the version of the list; the right to list is enough."""
        found, version = None, ""
        pages = self._client.pages(
            CONFIG_MAPS, namespace=self._namespace, label_selector=f"{SHARD_LABEL}={shard}"
        )
        async with aclosing(pages):
            async for page in pages:
                version = page.resource_version
                for raw in page.items or ():
                    if decode_metadata(raw).get("name") == self._key(shard).name:
                        found = self._decoded(shard, raw)
        return found, version

    async def _watch(self, shard: int, version: str) -> str:
        """Follow one watch to its end; return the version to go on from."""
        events = self._client.watch(
            CONFIG_MAPS,
            namespace=self._namespace,
            name=self._key(shard).name,
            resource_version=version,
        )
        began_s, seen = self._timing.monotonic(), 0
        try:
            async with aclosing(events):
                async for event in events:
                    seen += 1
                    version = self._happened(shard, event) or version
        except Silence:
            return version  # perhaps a dead connection, perhaps only quiet
        if not seen and self._timing.monotonic() - began_s < _SHORTEST_WATCH_S:
            raise RemoteError("the watch ended at once")
        return version

    def _happened(self, shard: int, event: WatchEvent) -> str:
        """Take in one change; return its version."""
        if event.type not in {EventType.DELETED, EventType.BOOKMARK}:
            found = self._decoded(shard, event.object)
            if found is not None:
                self._put(shard, found, is_first=False)
        version = decode_metadata(event.object).get("resourceVersion")
        return version if isinstance(version, str) else ""

    def _decoded(self, shard: int, raw: msgspec.Raw) -> _ConfigMap | None:
        try:
            return _CONFIG_MAP.decode(raw)
        except (msgspec.DecodeError, RecursionError, ValueError):
            _LOG.warning("ConfigMap %s is passed over: it has another shape", self._key(shard))
            return None

    def _read(self, shard: int, found: _ConfigMap) -> ShardReport | None:
        data = (found.binary_data or {}).get(DATA_KEY, b"")
        try:
            report = decode_report(data)
        except ReportMalformed as error:
            _LOG.warning("ConfigMap %s is passed over: %s", self._key(shard), error)
            return None
        if (report.shard, report.shards) != (shard, self._shards):
            return None  # from before the number of shards changed
        return report

    def _put(self, shard: int, found: _ConfigMap, *, is_first: bool) -> None:
        """Take in a report, and note about which resources it says something new."""
        report = self._read(shard, found)
        if report is None:
            return
        self._news |= self._memory.put(shard, report.parts, is_first=is_first)
        if self._news:
            self._has_news.set()

    def _note_read(self, shard: int) -> None:
        self._unread.discard(shard)
        self._was_read.set()
