"""Signals that end a command early, from its first line to the end of its clean-up.

Other than `stopping.py`, which lets a cycle come to its end: here the first signal cancels the work
at once, and further ones change nothing, so that impatience cannot leave half of a clean-up behind.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Result = TypeVar("_Result")


class Ending:
    """Catches the signals while it is entered; only in the main thread.

    A signal that the parent process had ignored (``nohup``) stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result | None:
        """Run `work` in a loop of its own; None when a signal ended it. It has cleaned up then."""
        try:
            return asyncio.run(self._watched(work))
        except asyncio.CancelledError:
            if not self.requested:
                raise
            return None

    async def _watched(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self.requested and self._task is not None:
            self._task.cancel()
        return await work

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            return
        self.requested = True
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)
