"""What a registry tells about its limits in the headers of an answer.

Three spellings are in use: ``RateLimit-Limit: 100;w=21600`` of Docker Hub and of the earlier IETF
drafts, the same with ``X-`` in front, and ``RateLimit: "name";r=50;t=30`` with ``RateLimit-Policy``
of the later drafts. ``Retry-After`` (RFC 9110) says how long to wait. What cannot be read tells
nothing.
Source: https://docs.docker.com/docker-hub/usage/pulls/ and draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.registry.retry import parse_retry_after

if TYPE_CHECKING:
    from argocd_image_updater.registry.transport import Response

_DIGITS = 9  # of a number that makes sense
_NUMBER = re.compile(rf"\s*([0-9]{{1,{_DIGITS}}})(?![0-9])")
_WINDOW = re.compile(rf";\s*w=([0-9]{{1,{_DIGITS}}})(?![0-9])")
_PARAMETER = re.compile(rf"(?:^|[;,])\s*(q|r|limit|remaining)=([0-9]{{1,{_DIGITS}}})(?![0-9])")
_LONG_NAMES = {"q": "limit", "r": "remaining"}


@dataclass(frozen=True, slots=True)
class ToldLimits:
    """None = not told. window_s: in which `limit` requests may be made."""

    limit: int | None = None
    remaining: int | None = None
    window_s: int | None = None
    retry_after_s: float | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.limit, self.remaining, self.retry_after_s))


def read_limits(response: Response, *, unix_now: float) -> ToldLimits:
    """Return what one answer tells."""
    limit_text = _first(response, "RateLimit-Limit", "X-RateLimit-Limit")
    remaining_text = _first(response, "RateLimit-Remaining", "X-RateLimit-Remaining")
    policy = response.header("RateLimit-Policy")
    short = {
        _LONG_NAMES.get(name, name): int(value)
        for name, value in _PARAMETER.findall(f"{policy},{response.header('RateLimit')}")
    }
    window = _WINDOW.search(limit_text) or _WINDOW.search(policy)
    return ToldLimits(
        limit=_number(limit_text, short.get("limit")),
        remaining=_number(remaining_text, short.get("remaining")),
        window_s=int(window[1]) if window else None,
        retry_after_s=parse_retry_after(response.header("Retry-After"), unix_now=unix_now),
    )


def _first(response: Response, *names: str) -> str:
    return next((text for name in names if (text := response.header(name))), "")


def _number(text: str, otherwise: int | None) -> int | None:
    found = _NUMBER.match(text)
    return int(found[1]) if found else otherwise
