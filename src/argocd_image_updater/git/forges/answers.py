"""Reads what a forge answers: a shape that nobody expects is an error of the forge, never ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.facts import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argocd_image_updater.git.forges.transport import ForgeClient

_SHAPE = "the answer has another shape than its documentation says"


@contextmanager
def reading(client: ForgeClient) -> Iterator[None]:
    """Turn what goes wrong while an answer is taken apart into a GitError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        text = f"{_SHAPE} ({type(error).__name__}: {str(error)[:60]})"
        raise client.fault(text, FailureKind.UNUSABLE) from None


def records(client: ForgeClient, content: Any) -> list[Any]:
    """Return a list as an answer holds it."""
    if not isinstance(content, list):
        raise client.fault(_SHAPE, FailureKind.UNUSABLE)
    return content
