"""Equal work that is under way is joined, not started again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class SingleFlight(Generic[T]):
    """Run a piece of work once for all who ask for it at the same time.

    The work is a task of its own: a caller that is cancelled leaves it running for the others, and
    ends it where there are none.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, _Flight[T]] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the work under `key`, starting it unless it is under way."""
        flight = self._running.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(work()))
            self._running[key] = flight
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if self._running.get(key) is flight and (flight.task.done() or not flight.waiting):
                del self._running[key]
            if not flight.waiting:
                flight.task.cancel()  # nobody wants it any more; where it has ended, nothing
