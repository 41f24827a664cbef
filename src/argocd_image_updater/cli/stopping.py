"""Signals: the first asks to stop after the running cycle, the second ends the process at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

GRACE_S = 25.0  # for the running cycle; within the 30 s that a Deployment gives its pods
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Interrupted(UpdaterError):
    """A signal came and the cycle did not end within its grace: it was abandoned."""

    def __init__(self) -> None:
        super().__init__("interrupted: the cycle was abandoned before its end")


class Stop:
    """Whether to stop, and ways to wait for it."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    @property
    def requested(self) -> bool:
        return self.event.is_set()

    def request(self) -> None:
        """Ask to stop; asked a second time, the process ends at once."""
        if self.event.is_set():
            os._exit(exit_codes.USAGE)
        self.event.set()
        _LOG.info("stopping when the running cycle has ended; a second signal ends it at once")

    async def wait(self, timeout_s: float) -> None:
        """Return after `timeout_s`, or as soon as a stop is requested."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.event.wait(), timeout_s)

    async def finish(self, work: Coroutine[Any, Any, _Result], grace_s: float = GRACE_S) -> _Result:
        """Return the result of `work`; from a stop on it has `grace_s` left.

        Raises:
            Interrupted: it was abandoned; it has been cancelled and has cleaned up.
        """
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self.event.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({task}, timeout=grace_s)
            if task.done():
                return task.result()
        finally:
            stopped.cancel()
            task.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)
        raise Interrupted


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn the signals into requests to stop while the block runs."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.request)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
