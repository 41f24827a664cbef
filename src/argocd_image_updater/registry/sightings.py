"""Since when tags point at what they point at: looked at in a cycle, and remembered between runs.

Rules: 1. what was seen last may serve as long as nobody asks for it fresh, so a tag that waits for
its age costs nothing; 2. a tag is looked at once in a cycle, by one HEAD, which registries do not
count as a pull; 3. what was seen is the same for every identity, so it is kept by registry and
repository; 4. a tag that is not there now was not seen.
Source of the rules: docs/minimum-age.md.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind, Sighting
from argocd_image_updater.core.instants import NS_PER_S

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.core.facts import SightingQuestion
    from argocd_image_updater.state.sightings import SightingStore

    Head = Callable[[str], Awaitable[str | Failure | None]]


class Sightings:
    """Answers questions about sightings. unix: seconds since 1970. counts: what was asked."""

    def __init__(
        self, store: SightingStore, *, unix: Callable[[], float], counts: Counter[str]
    ) -> None:
        self._store = store
        self._counts = counts
        self._unix = unix
        self._looked_at: dict[tuple[str, str], Sighting | Failure] = {}

    def begin_cycle(self) -> None:
        """Forget what was looked at in the last cycle."""
        self._looked_at.clear()

    async def answer(
        self, question: SightingQuestion, place: str, *, head: Head
    ) -> Sighting | Failure:
        """Return the answer. place: name of registry and repository. head: asks for a digest."""
        if question.digest:
            return await self._see(place, question.tag, question.digest)
        key = (place, question.tag)
        if key in self._looked_at:
            return self._looked_at[key]
        if not question.fresh:
            last = await asyncio.to_thread(self._store.last, place, question.tag)
            if last is not None:
                return Sighting(last.digest, last.first_s * NS_PER_S)
        found = await self._look(question.tag, place, head=head)
        self._looked_at[key] = found
        return found

    async def _look(self, tag: str, place: str, *, head: Head) -> Sighting | Failure:
        self._counts["tag checks"] += 1
        digest = await head(tag)
        if digest is None:
            return Failure(FailureKind.NOT_FOUND, f"tag {tag} is listed but not there")
        return digest if isinstance(digest, Failure) else await self._see(place, tag, digest)

    async def _see(self, place: str, tag: str, digest: str) -> Sighting:
        now_s = math.ceil(self._unix())  # a second too late rather than one too early
        first_s = await asyncio.to_thread(self._store.see, place, tag, digest=digest, now_s=now_s)
        return Sighting(digest, first_s * NS_PER_S)
