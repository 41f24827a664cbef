"""The clock, the waiting and the dice of a client: replaceable in tests.

Waits grow exponentially and are a random part of a span ("full jitter"), so that many clients do
not come back to a restarted server at the same moment.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, slots=True)
class Timing:
    """monotonic: seconds for durations. unix: seconds since 1970. random: a number in [0, 1)."""

    monotonic: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


REAL_TIME = Timing()


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait after the n-th failure in a row."""

    first_s: float = 1.0
    longest_s: float = 30.0

    def wait_s(self, failures: int, *, dice: float) -> float:
        """Return the upper half of the span at random: never at once, never all together.

        failures: from 1. dice: a number in [0, 1).
        """
        doublings = min(failures - 1, 32)  # more would only overflow
        span_s = min(self.longest_s, self.first_s * 2.0**doublings)
        return span_s * (1 + dice) / 2
