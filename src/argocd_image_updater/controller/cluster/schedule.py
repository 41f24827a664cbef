"""When which ImageUpdater is due: plain state, the clock is handed in.

All resources share one rhythm, so that their questions and pushes meet in one cycle. What is new or
was edited is due at once, by itself, and does not move the rhythm of the others. So is what waited
for a moment, such as that when an image is old enough.

Source of the rules: docs/controller.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from argocd_image_updater.core.application import ObjectKey


class Schedule:
    """interval_s: from the end of one cycle to the start of the next.

    0 = each resource once whenever it is new or edited; negative = paused, nothing is ever due.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s: float | None = None
        self._wanted: dict[ObjectKey, float] = {}
        self._later: dict[ObjectKey, float] = {}

    def want(self, key: ObjectKey, now_s: float) -> None:
        """Note that a resource is new or was edited."""
        self._wanted.setdefault(key, now_s)

    def want_at(self, key: ObjectKey, moment_s: float) -> None:
        """Note that a resource is due at a moment, unless a cycle is about it before."""
        self._later[key] = min(moment_s, self._later.get(key, moment_s))

    def forget(self, key: ObjectKey) -> None:
        """Note that a resource is gone."""
        self._wanted.pop(key, None)
        self._later.pop(key, None)

    def due(self, now_s: float, known: Collection[ObjectKey]) -> frozenset[ObjectKey]:
        """Return what is due now; known: every resource there is."""
        if self._interval_s < 0:
            return frozenset()
        if self._next_s is not None and now_s >= self._next_s:
            return frozenset(known)
        come = {key for key, moment_s in self._later.items() if now_s >= moment_s}
        return frozenset(come.union(self._wanted)).intersection(known)

    def over(
        self, due: Collection[ObjectKey], known: Collection[ObjectKey], *, now_s: float
    ) -> None:
        """Note the end of a cycle over `due`."""
        for key in due:
            self.forget(key)
        is_full = len(due) >= len(known)
        if self._interval_s > 0 and (is_full or self._next_s is None):
            self._next_s = now_s + self._interval_s

    def wait_s(self, now_s: float, known: Collection[ObjectKey]) -> float | None:
        """Return how long nothing is due unless something changes, None = for ever."""
        if self._interval_s < 0:
            return None
        if not self._wanted.keys().isdisjoint(known):
            return 0.0
        moments = [moment_s for key, moment_s in self._later.items() if key in known]
        if self._next_s is not None:
            moments.append(self._next_s)
        return max(0.0, min(moments) - now_s) if moments else None

    def age_s(self, now_s: float) -> float:
        """Return how long the oldest wish waits."""
        waiting = [now_s - since_s for since_s in self._wanted.values()]
        if self._next_s is not None and now_s > self._next_s:
            waiting.append(now_s - self._next_s)
        waiting += [now_s - moment_s for moment_s in self._later.values() if now_s > moment_s]
        return max(waiting, default=0.0)

    @property
    def depth(self) -> int:
        """How many resources wait for their turn."""
        return len(self._wanted)
