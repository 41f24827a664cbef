"""What changed since somebody last looked, one entry per object, so that it never grows beyond.

A change is something that the product looks at: a status that is written, or a field of Argo CD
that nobody here reads, is none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.kube.kinds import Kind


@dataclass(frozen=True, slots=True)
class Change:
    """One object is new, other, or gone.

    generation_changed: ``metadata.generation`` is another one, or the object is new or gone.
    """

    kind: Kind
    key: ObjectKey
    is_gone: bool = False
    generation_changed: bool = True


class Changes:
    """Collects changes for one reader."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Kind, ObjectKey], Change] = {}
        self._event = asyncio.Event()

    def add(self, change: Change) -> None:
        """Note a change; with an earlier one of the same object it becomes one."""
        place = (change.kind, change.key)
        earlier = self._waiting.get(place)
        if earlier is not None and earlier.generation_changed:
            change = Change(change.kind, change.key, is_gone=change.is_gone)
        self._waiting[place] = change
        self._event.set()

    def wake(self) -> None:
        """Let the reader look: something has changed that is about no single object."""
        self._event.set()

    def take(self) -> tuple[Change, ...]:
        """Return what has changed, perhaps nothing, and forget it."""
        taken = tuple(self._waiting.values())
        self._waiting.clear()
        self._event.clear()
        return taken

    async def wait(self) -> tuple[Change, ...]:
        """Wait until something has changed and return it."""
        await self._event.wait()
        return self.take()
