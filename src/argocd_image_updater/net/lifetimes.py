"""Values that live for a while: fetched once for all who ask, replaced before they end.

Rules: 1. a value is replaced when 80 % of its life are over, or at a distance from its end;
2. whoever asks while it is fetched gets the same one; 3. a fetch that failed is not repeated for
some seconds, because hundreds of repositories ask for the same value; 4. a value that was refused
elsewhere is dropped, unless another has taken its place or it was fetched only just: a fresh one
would be refused as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from argocd_image_updater.errors import UpdaterError
from argocd_image_updater.net.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from typing import Any

T = TypeVar("T")

USED_PART_OF_LIFE = 0.8
LONGEST_LIFE_S = 86_400.0  # whatever the other side says
FAULT_LIFE_S = 10.0
FRESH_S = 60.0  # a value this young is not fetched again because somebody refused it
MAX_KEPT = 1_000  # at once: one for each registry and identity


@dataclass(frozen=True, slots=True)
class Lived(Generic[T]):
    """A value and how long it lives from now on.

    spare_s: how long before its end it is replaced; None = when 80 % of its life are over.
    """

    value: T = field(repr=False)
    life_s: float
    spare_s: float | None = None

    @property
    def use_s(self) -> float:
        """For how long the value is handed out."""
        life_s = min(self.life_s, LONGEST_LIFE_S)
        return life_s * USED_PART_OF_LIFE if self.spare_s is None else life_s - self.spare_s


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    result: T | UpdaterError = field(repr=False)
    taken_at_s: float
    until_s: float


class Lifetimes(Generic[T]):
    """Values by key. monotonic: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: dict[Hashable, _Kept[T]] = {}
        self._flights: SingleFlight[T | UpdaterError] = SingleFlight()

    async def get(
        self,
        key: Hashable,
        fetch: Callable[[], Coroutine[Any, Any, Lived[T]]],
        *,
        max_age_s: float = 0.0,
    ) -> T:
        """Return the value under `key`, fetching it where none is kept that may still be used.

        max_age_s: older values are fetched again although they live; 0 = never.

        Raises:
            UpdaterError: of `fetch`, now or a moment ago.
        """
        kept = self._kept.get(key)
        if kept is not None and self._is_fresh(kept, max_age_s):
            result = kept.result
        else:
            result = await self._flights.run(key, lambda: self._fetch(key, fetch))
        if isinstance(result, UpdaterError):
            raise result.with_traceback(None)  # it is raised for everybody who asks
        return result

    def drop(self, value: T) -> bool:
        """Forget this value wherever it is kept, unless it is new; say whether it was."""
        old_s = self._monotonic() - FRESH_S
        keys = [
            key
            for key, kept in self._kept.items()
            if kept.result == value and kept.taken_at_s <= old_s
        ]
        for key in keys:
            del self._kept[key]
        return bool(keys)

    async def _fetch(
        self, key: Hashable, fetch: Callable[[], Coroutine[Any, Any, Lived[T]]]
    ) -> T | UpdaterError:
        result: T | UpdaterError
        try:
            lived = await fetch()
        except UpdaterError as error:
            result, life_s = error, FAULT_LIFE_S
        else:
            result, life_s = lived.value, lived.use_s
        now_s = self._monotonic()
        if len(self._kept) >= MAX_KEPT:
            del self._kept[min(self._kept, key=lambda known: self._kept[known].until_s)]
        self._kept[key] = _Kept(result, now_s, now_s + life_s)
        return result

    def _is_fresh(self, kept: _Kept[T], max_age_s: float) -> bool:
        now_s = self._monotonic()
        return now_s < kept.until_s and not 0 < max_age_s <= now_s - kept.taken_at_s
