"""Write Leases: take, renew, give back, ask for one. Each write is for one version of the record.

Promise: a write that does not rest on the newest record is refused by the API server, so that of
two who want a Lease at the same moment one gets it. What is written is what Kubernetes' own leader
election writes: the same fields, ``leaseTransitions`` counted from holder to holder, and on release
no holder and a duration of one second.

Source: https://kubernetes.io/docs/concepts/architecture/leases/,
https://pkg.go.dev/k8s.io/client-go/tools/leaderelection, docs/high-availability.md.
"""

from __future__ import annotations

import socket
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConflictError
from argocd_image_updater.kube.answers import ObjectMissing
from argocd_image_updater.kube.kinds import EVENTS, LEASES
from argocd_image_updater.kube.shards.lease_record import (
    SHARDS_ANNOTATION,
    WANTED_ANNOTATION,
    LeaseRecord,
    micro_time,
    read_record,
    shards_text,
)
from argocd_image_updater.net.timing import Timing

if TYPE_CHECKING:
    from argocd_image_updater.kube.client import KubeClient
    from argocd_image_updater.kube.shards.lease_record import LeaseTimes

COMPONENT = "argocd-image-updater"
_RELEASED_DURATION_S = 1
_RELEASE_ATTEMPTS = 3  # a renewal on its way, or a wish that is written, may come between


def _elapsed_s() -> float:
    """Return a clock that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


LEASE_TIMING = Timing(monotonic=_elapsed_s)


def new_identity() -> str:
    """Return the name of this process in Leases: its host, and what no other process has."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class LeaseWriter:
    """Writes Leases of one namespace in the name of one identity.

    shards: told in a Lease that is taken, where there are several.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespace: str,
        identity: str,
        shards: int,
        times: LeaseTimes,
        timing: Timing = LEASE_TIMING,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._shards = shards
        self._times = times
        self._timing = timing

    async def read(self, name: str) -> LeaseRecord | None:
        """Return the newest record, None where there is no such Lease."""
        document = await self._client.get(LEASES, self._key(name))
        return None if document is None else read_record(document)

    async def acquire(self, name: str, before: LeaseRecord | None) -> LeaseRecord:
        """Take a Lease; before: its newest known record, None where none is known.

        Raises:
            ConflictError: somebody else was faster.
        """
        now = self._now()
        if before is None or not before.version:
            transitions = 0 if before is None else before.transitions + 1
            return await self._create(name, acquired=now, transitions=transitions)
        is_own = before.holder == self._identity
        spec = self._spec(
            acquired=before.acquired if is_own and before.acquired else now,
            renewed=now,
            transitions=before.transitions + (not is_own),
        )
        return await self._patch(before, spec=spec, annotations=self._annotations(is_new=False))

    async def renew(self, held: LeaseRecord) -> LeaseRecord | None:
        """Renew a Lease that is held; None where somebody else has it now.

        Raises:
            ConflictError: it moves too fast; try again.
        """
        spec = self._spec(acquired=held.acquired, renewed=self._now(), transitions=held.transitions)
        try:
            return await self._patch(held, spec=spec)
        except ObjectMissing:
            # Deleted by somebody: it stays ours if nobody was faster.
            return await self._create(
                held.name, acquired=held.acquired, transitions=held.transitions
            )
        except ConflictError:
            found = await self.read(held.name)
            if found is None or found.holder != self._identity:
                return None
            return await self._patch(found, spec=spec)

    async def release(self, held: LeaseRecord) -> LeaseRecord | None:
        """Give a Lease back, if it is still ours, and return it; else what is there."""
        record: LeaseRecord | None = held
        for _ in range(_RELEASE_ATTEMPTS):
            if record is None or record.holder != self._identity:
                return record
            now = self._now()
            spec = {
                "holderIdentity": "",
                "leaseDurationSeconds": _RELEASED_DURATION_S,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": record.transitions,
            }
            try:
                return await self._patch(record, spec=spec)
            except ConflictError:
                record = await self.read(held.name)
        raise ConflictError(f"Lease {self._key(held.name)}: could not be given back")

    async def ask(self, record: LeaseRecord) -> LeaseRecord:
        """Write into somebody else's Lease that this identity would like to have it."""
        return await self._patch(record, annotations={WANTED_ANNOTATION: self._identity})

    async def tell(self, record: LeaseRecord, what: str) -> None:
        """Record an event on a Lease, as leader election does."""
        now = self._timing.unix()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"{record.name}.{int(now * 1e9):x}"
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.name,
            "metadata": {"name": name, "namespace": self._namespace},
            "involvedObject": {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.name,
                "namespace": self._namespace,
                "name": record.name,
                "uid": record.uid,
                "resourceVersion": record.version,
            },
            "type": "Normal",
            "reason": "LeaderElection",
            "message": f"{self._identity} {what}",
            "source": {"component": COMPONENT},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        await self._client.create(EVENTS, event, namespace=self._namespace)

    async def _create(self, name: str, *, acquired: str, transitions: int) -> LeaseRecord:
        document = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.name,
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "annotations": self._annotations(is_new=True),
            },
            "spec": self._spec(acquired=acquired, renewed=self._now(), transitions=transitions),
        }
        return read_record(await self._client.create(LEASES, document, namespace=self._namespace))

    async def _patch(
        self,
        record: LeaseRecord,
        *,
        spec: dict[str, Any] | None = None,
        annotations: dict[str, str | None] | None = None,
    ) -> LeaseRecord:
        metadata: dict[str, Any] = {"resourceVersion": record.version}
        if annotations:
            metadata["annotations"] = annotations
        change = {"metadata": metadata} | ({"spec": spec} if spec else {})
        return read_record(await self._client.patch(LEASES, self._key(record.name), change))

    def _spec(self, *, acquired: str, renewed: str, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._times.duration_s,
            "acquireTime": acquired,
            "renewTime": renewed,
            "leaseTransitions": transitions,
        }

    def _annotations(self, *, is_new: bool) -> dict[str, str | None]:
        told: dict[str, str | None] = {}
        if self._shards > 1:
            told[SHARDS_ANNOTATION] = shards_text(self._shards, self._identity)
        return told if is_new else told | {WANTED_ANNOTATION: None}

    def _key(self, name: str) -> ObjectKey:
        return ObjectKey(self._namespace, name)

    def _now(self) -> str:
        return micro_time(self._timing.unix())
