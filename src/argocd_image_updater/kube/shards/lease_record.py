"""What a Lease says, and what is known of its holder by the own clock. Pure.

Rule: times in the record are never compared with a clock, for they are another machine's. A holder
is alive while its part of the record was seen to change within the duration that it promises; the
record is written exactly as Kubernetes' own components write theirs, so that both respect each
other. Annotations of ours tell the number of shards of the holder, and who waits for the Lease.

Source: https://kubernetes.io/docs/concepts/architecture/leases/, the ``Lease`` kind,
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/, docs/sharding.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping

# That of the controller whose place this program takes: the two exclude each other.
LEASE_NAME = "c21b75f2.argoproj.io"
SHARD_INFIX = "-shard-"
_OWN = "argocd-image-updater.argoproj.io"
SHARDS_ANNOTATION = f"{_OWN}/shards"
WANTED_ANNOTATION = f"{_OWN}/wanted-by"
# A promise of more is a mistake: it would block everybody for so long.
LONGEST_DURATION_S = 3600.0
_SHARDS = re.compile(r"([1-9][0-9]{0,3})/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """The usual times of leader election, and one of ours.

    duration_s: how long others wait for a silent holder. renew_deadline_s: how long a holder tries
    to renew before it stops. retry_s: between two attempts. grace_s: how long a free shard is left
    to replicas that have none.
    """

    duration_s: int = 15
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0
    grace_s: float = 10.0


LEASE_TIMES = LeaseTimes()


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease says.

    version: empty = there is no such object (any more). shards: of the holder; one that tells none
    has one. acquired, renewed: as written.
    """

    name: str
    version: str = ""
    uid: str = ""
    holder: str = ""
    duration_s: float = 0.0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0
    shards: int = 1
    wanted_by: str = ""

    @property
    def sign_of_life(self) -> tuple[str, float, str, str, int]:
        """What changes when the holder renews, and not when somebody annotates."""
        return (self.holder, self.duration_s, self.acquired, self.renewed, self.transitions)


@dataclass(frozen=True, slots=True)
class Observation:
    """A record, and when its sign of life was last seen to change, by the own monotonic clock."""

    record: LeaseRecord
    changed_s: float

    @property
    def free_from_s(self) -> float:
        """From when on the Lease may be taken if nothing changes."""
        if not self.record.holder:
            return self.changed_s
        return self.changed_s + self.record.duration_s

    def is_held(self, now_s: float) -> bool:
        return now_s < self.free_from_s


def observe(before: Observation | None, record: LeaseRecord, *, now_s: float) -> Observation:
    """Take in a record; one that is older than what is known changes nothing."""
    if before is None:
        return Observation(record, now_s)
    if _is_older(record.version, before.record.version):
        return before
    is_same = record.sign_of_life == before.record.sign_of_life
    return Observation(record, before.changed_s if is_same else now_s)


def without_object(before: Observation) -> Observation:
    """Return what is known of a Lease that was deleted: its holder may not have noticed yet."""
    return replace(before, record=replace(before.record, version=""))


def lease_name(shard: int) -> str:
    """Return the name of a shard's Lease; that of shard 0 is the well-known one."""
    return LEASE_NAME if shard == 0 else f"{LEASE_NAME}{SHARD_INFIX}{shard}"


def is_ours(name: str) -> bool:
    """Tell whether a name is that of a shard's Lease, of however many shards."""
    suffix = name.removeprefix(f"{LEASE_NAME}{SHARD_INFIX}")
    return name == LEASE_NAME or (suffix != name and suffix.isdigit())


def micro_time(unix_s: float) -> str:
    """Return a time as ``MicroTime`` is written: UTC with six digits."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec | None = None


_LEASE = msgspec.json.Decoder(_Lease)


def decode_record(raw: bytes | msgspec.Raw) -> LeaseRecord:
    """Decode a Lease of a list or a watch."""
    try:
        return _record(_LEASE.decode(raw))
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise _unreadable() from None


def read_record(document: Mapping[str, Any]) -> LeaseRecord:
    """Read a Lease that the API server answered with."""
    try:
        return _record(msgspec.convert(document, _Lease))
    except (msgspec.ValidationError, RecursionError):
        raise _unreadable() from None


def _record(lease: _Lease) -> LeaseRecord:
    spec = lease.spec or _Spec()
    annotations = lease.metadata.annotations or {}
    holder = spec.holder_identity or ""
    return LeaseRecord(
        name=lease.metadata.name,
        version=lease.metadata.resource_version,
        uid=lease.metadata.uid,
        holder=holder,
        # One that promises nothing is given the usual time.
        duration_s=min(
            float(spec.lease_duration_seconds or LEASE_TIMES.duration_s), LONGEST_DURATION_S
        ),
        acquired=spec.acquire_time or "",
        renewed=spec.renew_time or "",
        transitions=spec.lease_transitions or 0,
        shards=_shards_of(annotations.get(SHARDS_ANNOTATION, ""), holder),
        wanted_by=annotations.get(WANTED_ANNOTATION, ""),
    )


def shards_text(shards: int, identity: str) -> str:
    """Return the annotation that tells the number of shards, and whose number it is."""
    return f"{shards}/{identity}"


def _shards_of(text: str, holder: str) -> int:
    """Return the holder's number of shards: what an earlier holder left behind does not count."""
    match = _SHARDS.fullmatch(text)
    return int(match[1]) if match and match[2] == holder else 1


def _is_older(version: str, known: str) -> bool:
    """Tell whether a version is older; where versions are no numbers nobody knows."""
    return version.isdigit() and known.isdigit() and int(version) < int(known)


def _unreadable() -> RemoteError:
    return RemoteError("a Lease: the API server's answer has another shape", temporary=False)
