"""Texts from outside, made fit for objects of Kubernetes: printable, on one line, of bounded size.

User and password of URLs are left out: an object has more readers than the secrets it came from.
What a registry or a Git server says may hold anything; in an object it is read by people, terminals
and programs. A cut is visible: it ends with an ellipsis. Sizes are those of
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ and of names,
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

ELLIPSIS = "…"
_SAMPLE = 4  # so many times the limit are looked at: white space is folded, so it may shrink

# User names of SSH are no secrets.
_USER_INFORMATION = re.compile(r"(?<=://)(?<!ssh://)[^/\s\"']+@")


def hide_user_information(text: str) -> str:
    """Return text with user and password in URLs left out."""
    return _USER_INFORMATION.sub("***@", text)


def plain(text: str, limit: int) -> str:
    """Return text in printable characters on one line, of at most `limit` characters."""
    sample = hide_user_information(text[: limit * _SAMPLE + 1])
    return shorten("".join(c if c.isprintable() else " " for c in sample), limit)


def plain_bytes(text: str, limit_bytes: int) -> str:
    """Return text in printable characters on one line, of at most so many bytes in UTF-8."""
    flat = plain(text, limit_bytes)
    encoded = flat.encode()
    if len(encoded) <= limit_bytes:
        return flat
    kept = encoded[: limit_bytes - len(ELLIPSIS.encode())]
    return kept.decode(errors="ignore") + ELLIPSIS


def first_of(texts: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the first different texts, and how many more there are."""
    different = tuple(dict.fromkeys(texts))
    rest = len(different) - limit
    return (*different[:limit], f"{rest} more of this kind") if rest > 0 else different
