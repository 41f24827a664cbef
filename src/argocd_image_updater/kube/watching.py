"""The stream of a watch: pieces of bytes to events, of which each is one line of JSON.

An event may be longer than any buffer of the HTTP library; only its own limit bounds it.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube.answers import error_of, read_status
from argocd_image_updater.kube.nesting import decode_any_depth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_EVENT_BYTES = 16 * 1024 * 1024  # etcd keeps objects below 1.5 MiB; JSON is longer


class EventType(StrEnum):
    """What happened. A bookmark only tells a version to go on from."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    ERROR = "ERROR"


class WatchEvent(msgspec.Struct):
    """One event with the undecoded object."""

    type: EventType
    object: msgspec.Raw


_EVENT = msgspec.json.Decoder(WatchEvent)


async def read_lines(pieces: AsyncIterator[bytes], *, about: str) -> AsyncIterator[bytes]:
    """Yield the lines of a stream without their ends; an unfinished last one is dropped."""
    begun: list[bytes] = []
    size = 0
    async for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            if line := b"".join([*begun, end]):
                yield line
            begun, size = [], 0
        begun.append(rest)
        size += len(rest)
        if size > MAX_EVENT_BYTES:
            raise RemoteError(f"{about}: an event has more than {MAX_EVENT_BYTES} bytes")


async def read_events(pieces: AsyncIterator[bytes], *, about: str) -> AsyncIterator[WatchEvent]:
    """Yield the events of a watch; an event that tells a fault is raised.

    Raises:
        Expired: the version that the watch began with is too old.
        RemoteError: the server tells another fault, or what is no event.
    """
    async for line in read_lines(pieces, about=about):
        try:
            event = decode_any_depth(_EVENT.decode, line)
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise RemoteError(f"{about}: what came is no event") from None
        if event.type is EventType.ERROR:
            status = read_status(bytes(event.object))
            raise error_of(status.code or 500, status, about=about, identity="the watch")
        yield event
