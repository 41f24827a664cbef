"""Reads what a forge answers: a shape that nobody expects is an error of the forge, never ours."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.facts import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from argocd_image_updater.git.forges.transport import ForgeClient

# A forge looks at a new request for a moment before it knows whether it can be merged.
SETTLE_QUESTIONS = 8
SETTLE_PAUSE_S = 1.0
_SHAPE = "the answer has another shape than its documentation says"


@contextmanager
def reading(client: ForgeClient) -> Iterator[None]:
    """Turn what goes wrong while an answer is taken apart into a GitError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        text = f"{_SHAPE} ({type(error).__name__}: {str(error)[:60]})"
        raise client.fault(text, FailureKind.UNUSABLE) from None


def records(client: ForgeClient, content: Any) -> list[Any]:
    """Return a list as an answer holds it."""
    if not isinstance(content, list):
        raise client.fault(_SHAPE, FailureKind.UNUSABLE)
    return content


async def settled(client: ForgeClient, path: str, is_settled: Callable[[Any], bool]) -> Any:
    """Return what a forge tells of a request, once it is settled or after some seconds."""
    for attempt in range(SETTLE_QUESTIONS):
        if attempt:
            await client.pause(SETTLE_PAUSE_S)
        answer = await client.get(path)
        if answer.status != HTTPStatus.OK:
            raise client.refused(answer, "the request could not be read")
        with reading(client):
            if is_settled(answer.content):
                break
    return answer.content
