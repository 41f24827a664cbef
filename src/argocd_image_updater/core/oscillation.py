"""Hold a value that would come back soon after this program itself replaced it.

Two writers of one field that want different values would otherwise write in turns for ever. The
first return is held already, for a day or until the settings of one of those who wrote change. What
is judged is our own history only: a value that somebody else has put back, and that is written
again, was never replaced by us.

Source of the rules: docs/safety.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.write_history import (
    FieldHistory,
    FieldKey,
    Hold,
    PlannedValue,
    planned_values,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.plan import ApplicationPlan
    from argocd_image_updater.core.write_history import Writer, WriteRecord

HOLD_S = 24 * 60 * 60
# A value that comes back within this time after it was replaced is held: a few cycles of the usual
# intervals, and too short for a release that is withdrawn because it turned out to be bad.
FLIP_WINDOW_S = 60 * 60
# Where cycles are further apart: a value that has been there this many times, each time replaced by
# us, is held whenever it comes back.
RETURNS = 2


@dataclass(frozen=True, slots=True)
class HeldPlans:
    """The plans without the writes that are held, and the holds that begin with this cycle."""

    plans: tuple[ApplicationPlan, ...]
    begun: tuple[tuple[FieldKey, Hold], ...] = ()


@dataclass(frozen=True, slots=True)
class _Flip:
    """Why a value is held: the records of its replacement and, where it was ours, of itself."""

    key: FieldKey
    hold: Hold
    replaced: WriteRecord
    written: WriteRecord | None


def hold_flips(
    plans: Sequence[ApplicationPlan],
    history: Mapping[FieldKey, FieldHistory],
    *,
    settings: Mapping[Writer, str],
    now_s: int,
) -> HeldPlans:
    """Take the writes that would bring a value back out of the plans.

    settings: as they are now, of all writers of the plans and of the history; a record whose
    writer has others, or none any more, does not count.
    """
    result: list[ApplicationPlan] = []
    begun: list[tuple[FieldKey, Hold]] = []
    for plan in plans:
        flips = _flips(plan, history, settings=settings, now_s=now_s) if plan.writes else {}
        result.append(_without(plan, flips) if flips else plan)
        begun += (
            (flip.key, flip.hold)
            for found in flips.values()
            for flip in found
            if flip.hold not in history[flip.key].holds
        )
    return HeldPlans(tuple(result), tuple(begun))


def _flips(
    plan: ApplicationPlan,
    history: Mapping[FieldKey, FieldHistory],
    *,
    settings: Mapping[Writer, str],
    now_s: int,
) -> dict[int, list[_Flip]]:
    """Return the flips of a plan, one per field, by the identity of the image's settings."""
    found: dict[int, list[_Flip]] = {}
    for value in planned_values(plan):
        for key in value.fields:
            known = history.get(key)
            flip = known and _flip(key, known, value, settings=settings, now_s=now_s)
            if flip:
                found.setdefault(id(value.write.settings), []).append(flip)
    return found


def _flip(
    key: FieldKey,
    known: FieldHistory,
    value: PlannedValue,
    *,
    settings: Mapping[Writer, str],
    now_s: int,
) -> _Flip | None:
    records = [item for item in known.records if settings.get(item.writer) == item.settings]
    if not records or records[-1].new == value.new or not _was_there(records, value.new):
        return None
    own_settings = settings.get(value.writer, "")
    hold = next(
        (one for one in known.holds if (one.writer, one.value) == (value.writer, value.new)), None
    )
    if hold is not None:
        is_over = abs(now_s - hold.since_s) >= HOLD_S or hold.settings != own_settings
    else:
        hold = Hold(value.writer, value.new, own_settings, now_s)
        is_soon = abs(now_s - records[-1].at_s) <= FLIP_WINDOW_S
        is_over = not is_soon and _visits(records, value.new) < RETURNS
    if is_over:
        return None
    written = next((item for item in reversed(records) if item.new == value.new), None)
    return _Flip(key, hold, records[-1], written)


def _was_there(records: Sequence[WriteRecord], value: str) -> bool:
    return any(value in (item.old, item.new) for item in records)


def _visits(records: Sequence[WriteRecord], value: str) -> int:
    """Count how often a value was there, by what we wrote."""
    values = [records[0].old, *(item.new for item in records)]
    return sum(1 for found, _ in groupby(values) if found == value)


def _without(plan: ApplicationPlan, flips: Mapping[int, Sequence[_Flip]]) -> ApplicationPlan:
    """Return the plan without the writes that are held; nothing is written for their sake."""
    kept = [
        (write, change)
        for write, change in zip(plan.writes, plan.changes, strict=True)
        if id(write.settings) not in flips
    ]
    decisions = tuple(
        _held(decision, flips[id(decision.settings)][0])
        if decision.reason is Reason.WOULD_UPDATE and id(decision.settings) in flips
        else decision
        for decision in plan.decisions
    )
    if not kept:
        return replace(
            plan,
            decisions=decisions,
            writes=(),
            pins=(),
            changes=(),
            destination=None,
            warnings=(),
        )
    writes, changes = zip(*kept, strict=True)
    return replace(plan, decisions=decisions, writes=writes, changes=changes)


def _held(decision: Decision, flip: _Flip) -> Decision:
    replaced, written = flip.replaced, flip.written
    message = (
        f"held until {_moment(flip.hold.since_s + HOLD_S)} or until the settings change: "
        f"{flip.hold.value} would come back, which {replaced.new} replaced at "
        f"{_moment(replaced.at_s)} ({replaced.writer})"
    )
    if written is not None:
        message += f"; it was written at {_moment(written.at_s)} ({written.writer})"
    return replace(decision, reason=Reason.OSCILLATING, message=message, change=None, written_to="")


def _moment(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
