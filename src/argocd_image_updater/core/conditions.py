"""The conditions Reconciling, Error and Ready of a resource: types, reasons and words.

The time of a condition is that of the last change of its status, not of its words. Conditions of
others are kept as they are, and so is the order in which conditions appeared. ``Unknown`` is never
used. Source of the rules: docs/status.md and the conventions of Kubernetes,
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.bounded_text import plain
from argocd_image_updater.core.failures import Failure, failures_of
from argocd_image_updater.core.instants import is_instant
from argocd_image_updater.core.reasons import Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem

RECONCILING, ERROR, READY = "Reconciling", "Error", "Ready"
_OURS = frozenset((RECONCILING, ERROR, READY))
# The API takes 32,768; a table of kubectl and a person take less.
MESSAGE_LIMIT = 2000
_LISTED_FAILURES = 5
_FAILURE_LIMIT = 320
_NAMES_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it should be; its time follows from the one before."""

    type: str
    is_true: bool
    reason: str
    message: str


def running() -> Condition:
    """Return the condition of a cycle that takes long."""
    return Condition(RECONCILING, is_true=True, reason="Reconciling", message="A check is running.")


def waiting(shards: Sequence[int]) -> Condition:
    """Return the condition of a check that other shards have not made their part of yet."""
    names = plain(", ".join(map(str, shards)), _NAMES_LIMIT)
    message = f"Nothing is known yet of the part that belongs to shard {names}."
    return Condition(RECONCILING, is_true=True, reason="Reconciling", message=message)


def idle() -> Condition:
    """Return the condition of a cycle that is over."""
    message = "The last check is done; waiting for the next one."
    return Condition(RECONCILING, is_true=False, reason="Idle", message=message)


def failed(problem: Problem) -> tuple[Condition, Condition]:
    """Return the conditions of a resource that could not be used as a whole."""
    text = problem.message
    return (
        Condition(ERROR, is_true=True, reason="ReconcileError", message=text),
        Condition(
            READY, is_true=False, reason="ReconcileFailed", message=f"The check failed: {text}"
        ),
    )


def done(
    *,
    applications: int,
    errors: int,
    decisions: Sequence[Decision],
    problems: Iterable[Problem],
    dry_run: bool,
) -> tuple[Condition, Condition]:
    """Return the conditions of a resource that was worked on, with errors or without."""
    told = _summary(applications, decisions, errors=errors, dry_run=dry_run)
    if not errors:
        nothing = "The last check met no error."
        return (
            Condition(ERROR, is_true=False, reason="NoErrors", message=nothing),
            Condition(READY, is_true=True, reason="ReconcileSucceeded", message=told),
        )
    counted = [item for item in decisions if item.outcome is Outcome.ERROR]
    found = failures_of(counted, problems)
    return (
        Condition(ERROR, is_true=True, reason="PartialErrors", message=_errors(errors, found)),
        Condition(READY, is_true=True, reason="ReconcileCompletedWithErrors", message=told),
    )


def with_conditions(
    previous: object, wanted: Iterable[Condition], *, generation: int, now: str
) -> list[dict[str, Any]]:
    """Return a list of conditions with the wanted ones in it.

    previous: the list before, whatever it holds. generation: that was worked on, 0 = unknown.
    """
    found: dict[str, dict[str, Any]] = {}
    for item in previous if isinstance(previous, list) else ():
        if isinstance(item, dict) and isinstance(item.get("type"), str):
            found.setdefault(item["type"], item)
    for condition in wanted:
        known = found.get(condition.type, {})
        found[condition.type] = _rendered(condition, known, generation=generation, now=now)
    return list(found.values())


def has_foreign(conditions: object) -> bool:
    """Tell whether others keep conditions in the list."""
    return isinstance(conditions, list) and any(
        not isinstance(item, dict) or item.get("type") not in _OURS for item in conditions
    )


def _rendered(
    condition: Condition, known: dict[str, Any], *, generation: int, now: str
) -> dict[str, Any]:
    status = "True" if condition.is_true else "False"
    since = known.get("lastTransitionTime")
    is_same = known.get("status") == status and is_instant(since)
    found = {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        "message": plain(condition.message, MESSAGE_LIMIT),
        "lastTransitionTime": since if is_same else now,
    }
    if generation > 0:
        found["observedGeneration"] = generation
    return found


def _summary(
    applications: int, decisions: Iterable[Decision], *, errors: int, dry_run: bool
) -> str:
    if dry_run:
        due = sum(item.reason is Reason.WOULD_UPDATE for item in decisions)
        end = f"{_count(due, 'image')} would be updated; dry run: nothing was written"
    else:
        written = sum(item.reason is Reason.UPDATED for item in decisions)
        end = f"{_count(written, 'image')} updated"
    failed_ones = f", {_count(errors, 'error')}" if errors else ""
    return f"{_count(applications, 'Application')} matched{failed_ones}, {end}."


def _errors(errors: int, found: Sequence[Failure]) -> str:
    """Return how many errors there were and what the first ones say."""
    head = f"The last check met {_count(errors, 'error')}"
    if not found:
        return f"{head}."
    lines = [plain(_failure(item), _FAILURE_LIMIT) for item in found[:_LISTED_FAILURES]]
    rest = len(found) - len(lines)
    more = f"; and {rest} more" if rest > 0 else ""
    return f"{head}: {'; '.join(lines)}{more}"


def _failure(item: Failure) -> str:
    place = item.application.name if item.application else ""
    if item.images:
        names = plain(", ".join(item.images), _NAMES_LIMIT)
        place += f" [{names}]"
    return f"{place} {item.reason}: {item.message}".strip()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
