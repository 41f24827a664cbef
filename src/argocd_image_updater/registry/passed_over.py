"""Tags without a usable image, remembered for a while, so that they are not read in every cycle.

What follows from checked content is stored for ever. The rest can change: a tag that is listed but
not there may only be late, and a manifest that cannot be read may be replaced. So such a tag is
read again in the next cycle, then after twice the time, and so on up to `LONGEST_S`. Nothing here
survives the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from argocd_image_updater.core.facts import Failure

LONGEST_S = 21_600.0
MAX_TAGS = 200_000  # of all repositories; beyond it all are forgotten and read again


@dataclass(slots=True)
class _Tag:
    failure: Failure
    first_s: float
    due_s: float


class PassedOver:
    """What is remembered, by repository."""

    def __init__(self) -> None:
        self._tags: dict[Hashable, dict[str, _Tag]] = {}
        self._count = 0

    def note(self, repository: Hashable, tag: str, failure: Failure, *, now: float) -> None:
        """Note that a tag was read and holds no usable image."""
        tags = self._tags.setdefault(repository, {})
        known = tags.get(tag)
        if known is not None:
            known.failure, known.due_s = failure, now + min(LONGEST_S, now - known.first_s)
            return
        if self._count >= MAX_TAGS:
            self._tags, self._count = {}, 0
            tags = self._tags.setdefault(repository, {})
        tags[tag] = _Tag(failure, first_s=now, due_s=now)
        self._count += 1

    def forget(self, repository: Hashable, tags: Iterable[str]) -> None:
        """Forget tags that have an image now, or are no longer listed."""
        known = self._tags.get(repository, {})
        for tag in tags:
            if known.pop(tag, None) is not None:
                self._count -= 1

    def known(self, repository: Hashable) -> frozenset[str]:
        """Return the tags of a repository that are remembered."""
        return frozenset(self._tags.get(repository, ()))

    def recall(self, repository: Hashable, tag: str) -> Failure | None:
        """Return what is remembered of a tag, None where nothing is."""
        known = self._tags.get(repository, {}).get(tag)
        return known.failure if known else None

    def is_due(self, repository: Hashable, tag: str, *, now: float) -> bool:
        """Tell whether a tag should be read: it is unknown, or it is time to look again."""
        known = self._tags.get(repository, {}).get(tag)
        return known is None or now >= known.due_s
