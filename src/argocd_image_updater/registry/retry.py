"""When a failed request is sent again, and after which wait.

Only faults that can pass are tried again: connection faults, half answers and the statuses in
`TRANSIENT_STATUSES`. The wait is what the server asks for (``Retry-After``, RFC 9110 section
10.2.3), else a random part of an exponentially growing span ("full jitter"), so that many clients
do not come back at the same moment. Everything we send is GET or HEAD, hence safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

TOO_MANY_REQUESTS = 429
TRANSIENT_STATUSES = frozenset({408, 425, TOO_MANY_REQUESTS, 500, 502, 503, 504})
"""Statuses worth another try; other 5xx (not implemented, …) will not change in seconds."""

LONGEST_RETRY_AFTER_S = 86_400.0  # more is a mistake of the server or an attempt to park us


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: requests in all. deadline_s: no further attempt starts later than this."""

    attempts: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    deadline_s: float = 60.0

    def wait_s(
        self, attempt: int, *, elapsed_s: float, retry_after_s: float | None, dice: float
    ) -> float | None:
        """Return the wait before the next attempt, or None when the last answer stands.

        attempt: attempts made so far, from 1. dice: a random number in [0, 1).
        """
        if attempt >= self.attempts:
            return None
        span_s = min(self.longest_wait_s, self.first_wait_s * 2 ** (attempt - 1))
        wait_s = retry_after_s or span_s * dice
        return wait_s if elapsed_s + wait_s <= self.deadline_s else None


POLICY = RetryPolicy()


def parse_retry_after(text: str, *, unix_now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; None if absent or unreadable."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # a number of many digits is cut before it is converted
        return min(float(text[:9]), LONGEST_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
        return min(max(0.0, until.timestamp() - unix_now), LONGEST_RETRY_AFTER_S)
    except (ValueError, OverflowError):
        return None
