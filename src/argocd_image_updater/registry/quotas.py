"""What a host says about its limit: how much is left, and when it comes back.

Known forms: ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` with or without ``X-``, values with
a window as Docker Hub writes them (``100;w=21600``), a reset as seconds or as a point in time, and
the single header ``RateLimit`` of the later drafts. What cannot be read says nothing.
Source: the drafts of draft-ietf-httpapi-ratelimit-headers, and the documentation of Docker Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.registry.retry import LONGEST_RETRY_AFTER_S

if TYPE_CHECKING:
    from argocd_image_updater.registry.transport import Response

MAX_DIGITS = 13  # of a point in time in milliseconds
# Smaller numbers are spans: as a point in time this is the year 2001.
_FIRST_INSTANT_S = 1_000_000_000
_FIRST_INSTANT_MS = 100_000_000_000
_REMAINING = (("RateLimit", "RateLimit-Remaining"), ("X-RateLimit", "X-RateLimit-Remaining"))
_NUMBER = re.compile(rf"\s*([0-9]{{1,{MAX_DIGITS}}})(?:\.[0-9]*)?\s*(?:[;,]|$)")
_WINDOW = re.compile(rf";\s*w=([0-9]{{1,{MAX_DIGITS}}})")
_PART = re.compile(rf"[\s,;](r|t|q|w|remaining|reset|limit)=([0-9]{{1,{MAX_DIGITS}}})\b")


@dataclass(frozen=True, slots=True)
class Quota:
    """remaining: requests that are left. limit, window_s, reset_s: None = not told."""

    remaining: int
    limit: int | None = None
    window_s: float | None = None
    reset_s: float | None = None


def read_quota(response: Response, *, unix_now: float) -> Quota | None:
    """Return what an answer says about the limit, None where it says nothing."""
    for prefix, name in _REMAINING:
        left = response.header(name)
        remaining = _number(left) if left else None
        if remaining is None:
            continue
        limit = response.header(f"{prefix}-Limit")
        window = _WINDOW.search(left) or _WINDOW.search(limit)
        reset = _number(response.header(f"{prefix}-Reset"))
        return Quota(
            remaining,
            limit=_number(limit),
            window_s=float(window[1]) if window else None,
            reset_s=None if reset is None else _span_s(reset, unix_now=unix_now),
        )
    one = response.header("RateLimit")
    return _of_one_header(one, unix_now=unix_now) if one else None


def _of_one_header(text: str, *, unix_now: float) -> Quota | None:
    parts = {name: int(value) for name, value in _PART.findall(f" {text}")}
    remaining = parts.get("r", parts.get("remaining"))
    if remaining is None:
        return None
    reset = parts.get("t", parts.get("reset"))
    return Quota(
        remaining,
        limit=parts.get("q", parts.get("limit")),
        window_s=float(parts["w"]) if "w" in parts else None,
        reset_s=None if reset is None else _span_s(reset, unix_now=unix_now),
    )


def _number(text: str) -> int | None:
    match = _NUMBER.match(text)
    return int(match[1]) if match else None


def _span_s(number: int, *, unix_now: float) -> float:
    """Return the seconds until a reset that is given as a span or as a point in time."""
    if number >= _FIRST_INSTANT_MS:
        span_s = number / 1_000 - unix_now
    elif number >= _FIRST_INSTANT_S:
        span_s = number - unix_now
    else:
        span_s = float(number)
    return min(max(0.0, span_s), LONGEST_RETRY_AFTER_S)
