"""Between plans and writes: hold what would flip, and remember what was written.

Only plans with writes cost anything. Nothing is remembered of a dry run. docs/safety.md.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.oscillation import hold_flips
from argocd_image_updater.core.write_history import (
    PlannedValue,
    WriteRecord,
    planned_values,
    settings_of,
)
from argocd_image_updater.writers.result import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.snapshot import Snapshot
    from argocd_image_updater.core.write_history import FieldHistory, FieldKey, Hold, Writer
    from argocd_image_updater.writers.result import WriteResult


class RemembersWrites(Protocol):
    """The history of writes; all methods block on the disk and are called in a thread."""

    def read(self, keys: Collection[FieldKey]) -> Mapping[FieldKey, FieldHistory]: ...

    def record(self, writes: Sequence[tuple[FieldKey, WriteRecord]], *, now_s: int) -> None: ...

    def hold(self, holds: Iterable[tuple[FieldKey, Hold]]) -> None: ...

    def take_trouble(self) -> str: ...


@dataclass(slots=True)
class Flips:
    """The memory of writes as one cycle uses it. history: None = nothing is remembered or held.

    snapshot: all that there is, also what this cycle is not about.
    """

    history: RemembersWrites | None
    snapshot: Snapshot
    dry_run: bool
    unix: Callable[[], float] = time.time
    _settings: Mapping[Writer, str] = field(default_factory=dict, init=False)

    async def hold(self, plans: Sequence[ApplicationPlan]) -> tuple[ApplicationPlan, ...]:
        """Return the plans without the writes that would bring back what we replaced."""
        values = [value for plan in plans if plan.writes for value in planned_values(plan)]
        if self.history is None or not values:
            return tuple(plans)
        keys = {key for value in values for key in value.fields}
        known = await asyncio.to_thread(self.history.read, keys)
        self._settings = settings_of(self.snapshot, _writers(values, known.values()))
        held = hold_flips(plans, known, settings=self._settings, now_s=int(self.unix()))
        if held.begun and not self.dry_run:
            await asyncio.to_thread(self.history.hold, held.begun)
        return held.plans

    async def remember(self, results: Iterable[WriteResult]) -> None:
        """Remember what was really written, in its order."""
        if self.history is None or self.dry_run:
            return
        now_s = int(self.unix())
        records = [
            (key, WriteRecord(value.writer, value.old, value.new, settings, now_s))
            for result in results
            if result.status is WriteStatus.WRITTEN
            for value in planned_values(result.plan)
            if (settings := self._settings.get(value.writer, ""))
            for key in value.fields
        ]
        if records:
            await asyncio.to_thread(self.history.record, records, now_s=now_s)

    def warnings(self) -> tuple[str, ...]:
        """Return what is wrong with the memory."""
        trouble = self.history.take_trouble() if self.history is not None else ""
        return (trouble,) if trouble else ()


def _writers(values: Iterable[PlannedValue], known: Iterable[FieldHistory]) -> set[Writer]:
    return {value.writer for value in values} | {
        record.writer for field_history in known for record in field_history.records
    }
