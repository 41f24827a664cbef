"""The open connections of one server: how many, and how long each may wait for a request.

The HTTP library bounds the size of a request, not its time: whoever opens a connection and sends
nothing, or a byte a minute, would keep it for ever. Here a connection has to deliver its request in
time, and has to be used again in time. Where there are too many, the one that has waited longest
without a request is ended, so that nobody locks out a probe by opening connections.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of the connections of one server.

    connections: open at the same time. request_s: from the first byte of a request to the end of
    its head. idle_s: between two requests of a connection; more than Prometheus' usual interval.
    """

    connections: int = 64
    request_s: float = 10.0
    idle_s: float = 150.0


class Connections:
    """Hands out protocols around those of the HTTP library."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._waiting: dict[asyncio.BaseTransport, _Guard] = {}
        self._busy: dict[asyncio.BaseTransport, _Guard] = {}

    def guard(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """Return a protocol that hands everything on and keeps the time."""
        return _Guard(protocol, self)

    @contextmanager
    def request(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """Let a connection be while its request is answered."""
        guard = self._waiting.pop(transport, None) if transport is not None else None
        if transport is None or guard is None:
            yield
            return
        self._busy[transport] = guard
        guard.begin()
        try:
            yield
        finally:
            if self._busy.pop(transport, None) is not None:
                self._waiting[transport] = guard
                guard.wait(self._patience.idle_s)

    def opened(self, transport: asyncio.BaseTransport, guard: _Guard) -> None:
        """Take in a new connection."""
        while self._waiting and len(self) >= self._patience.connections:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).end()
        self._waiting[transport] = guard
        guard.wait(self._patience.request_s, is_receiving=True)
        if len(self) > self._patience.connections:
            guard.end()

    def receiving(self, guard: _Guard) -> None:
        """Note that a request has begun to come."""
        guard.wait(self._patience.request_s, is_receiving=True)

    def closed(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._waiting.pop(transport, None)
        self._busy.pop(transport, None)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)


class _Guard(asyncio.Protocol):
    """One connection."""

    def __init__(self, inner: asyncio.Protocol, owner: Connections) -> None:
        self._inner = inner
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = False

    def begin(self) -> None:
        """Stop the clock."""
        self._is_idle = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait(self, limit_s: float, *, is_receiving: bool = False) -> None:
        """Start the clock."""
        self.begin()
        self._is_idle = not is_receiving
        self._timer = asyncio.get_running_loop().call_later(limit_s, self.end)

    def end(self) -> None:
        """End the connection without another word."""
        self.begin()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._owner.opened(transport, self)

    def data_received(self, data: bytes) -> None:
        if self._is_idle:
            self._owner.receiving(self)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.begin()
        if self._transport is not None:
            self._owner.closed(self._transport)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
