"""Why a connection failed, in a few words that hold nothing of what was sent."""

from __future__ import annotations

import os

from argocd_image_updater.errors import shorten


def connection_fault(error: Exception) -> str:
    """Name the fault that the HTTP library tells; its text may hold addresses, never our headers.

    For faults of the connection only: those of an answer repeat what was asked.
    """
    cause = getattr(error, "os_error", None) or error
    text = getattr(cause, "strerror", "") or str(cause) or type(cause).__name__
    number = getattr(cause, "errno", None)
    if number and text.startswith("Connect call failed"):  # asyncio says where, but not why
        text = os.strerror(number)
    return shorten(text)
