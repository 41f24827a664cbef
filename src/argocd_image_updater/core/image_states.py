"""How each image of a resource stands, as its status says it: the worst first, bounded in number.

An entry is about one image of one Application, or, without an image, about an Application that
could not be used at all. Its time is that of the last change of its reason, taken over from the
status before; so is how far its change has come, where a cycle does not know.
Source of the fields: docs/status.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.bounded_text import plain
from argocd_image_updater.core.failures import is_failure, without_place
from argocd_image_updater.core.instants import is_instant
from argocd_image_updater.core.reasons import OUTCOME_OF, Outcome
from argocd_image_updater.core.rollouts import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.reference import ImageTag
    from argocd_image_updater.core.settings import Problem

IMAGES_LIMIT = 200
_NAME_LIMIT = 512  # an image name may be any text; no real one is as long
_MESSAGE_LIMIT = 256
_FAILED, _HELD, _UPDATED, _SKIPPED, _CURRENT = range(5)
_RANKS = {
    Outcome.ERROR: _FAILED,
    Outcome.HELD: _HELD,
    Outcome.UPDATED: _UPDATED,
    Outcome.SKIPPED: _SKIPPED,
    Outcome.CURRENT: _CURRENT,
}
# Of these the reason and the tags say everything, unless a change is on its way.
_SPEAK_FOR_THEMSELVES = frozenset((_UPDATED, _CURRENT))
_STAGES = frozenset(Stage)
_Identity = tuple[str, str, str]


def image_states(
    decisions: Iterable[Decision],
    problems: Iterable[Problem],
    *,
    previous: object,
    now: str,
) -> dict[str, Any]:
    """Return the members ``images``, ``imagesOmitted`` (where some are) and ``reasons``.

    previous: the member ``images`` of the status before, whatever it holds.
    """
    entries = [_of_decision(decision) for decision in decisions]
    entries += (_of_problem(item) for item in problems if item.application and not item.quiet)
    entries.sort(key=lambda ranked: (ranked[0], _identity(ranked[1])))
    since, rollouts = _transitions(previous), _rollouts(previous)
    shown = [entry for _, entry in entries[:IMAGES_LIMIT]]
    for entry in shown:
        entry["lastTransitionTime"] = since.get((_identity(entry), entry["reason"]), now)
        if "rollout" not in entry:
            known = rollouts.get((_identity(entry), entry.get("chosen")), "")
            entry.update(_entry(rollout=known))
    reasons = Counter(entry["reason"] for _, entry in entries)
    found: dict[str, Any] = {"images": shown, "reasons": dict(sorted(reasons.items()))}
    if len(entries) > IMAGES_LIMIT:
        found["imagesOmitted"] = len(entries) - IMAGES_LIMIT
    return found


def _of_decision(decision: Decision) -> tuple[int, dict[str, Any]]:
    rank = _FAILED if is_failure(decision) else _RANKS[decision.outcome]
    message = without_place(decision.message, decision.application)
    return rank, _entry(
        application=decision.application.name,
        image=plain(decision.image, _NAME_LIMIT),
        alias=plain(decision.alias, _NAME_LIMIT),
        current=_tag(decision.current),
        chosen=_tag(decision.chosen),
        reason=str(decision.reason),
        message=plain(message, _MESSAGE_LIMIT) if _needs_words(decision, rank) else "",
        rollout=str(decision.rollout or ""),
    )


def _needs_words(decision: Decision, rank: int) -> bool:
    if rank == _CURRENT:
        return decision.rollout not in {None, Stage.HEALTHY}
    return rank not in _SPEAK_FOR_THEMSELVES


def _of_problem(problem: Problem) -> tuple[int, dict[str, Any]]:
    assert problem.application is not None
    return _RANKS[OUTCOME_OF[problem.reason]], _entry(
        application=problem.application.name,
        image=plain(problem.image, _NAME_LIMIT),
        alias=plain(problem.alias, _NAME_LIMIT),
        reason=str(problem.reason),
        message=plain(without_place(problem.message, problem.application), _MESSAGE_LIMIT),
    )


def _entry(**members: str) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value}


def _tag(tag: ImageTag | None) -> str:
    if tag is None:
        return ""
    digest = f"@{tag.digest}" if tag.digest else ""
    return plain(tag.name + digest, _NAME_LIMIT)


def _identity(entry: Mapping[str, Any]) -> _Identity:
    application, alias, image = (entry.get(name) for name in ("application", "alias", "image"))
    return str(application), str(alias or ""), str(image or "")


def _transitions(previous: object) -> dict[tuple[_Identity, str], str]:
    """Return since when each entry before has its reason, passing over what is not one.

    The same image may be configured twice: then each reason has its own time.
    """
    entries: Sequence[object] = previous if isinstance(previous, list) else ()
    found: dict[tuple[_Identity, str], str] = {}
    for entry in entries:
        if isinstance(entry, dict) and is_instant(entry.get("lastTransitionTime")):
            told = _identity(entry), str(entry.get("reason"))
            found.setdefault(told, entry["lastTransitionTime"])
    return found


def _rollouts(previous: object) -> dict[tuple[_Identity, object], str]:
    """Return how far the change of each entry before has come, by what was chosen."""
    entries: Sequence[object] = previous if isinstance(previous, list) else ()
    found: dict[tuple[_Identity, object], str] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("chosen"), str):
            stage = entry.get("rollout")
            if isinstance(stage, str) and stage in _STAGES:
                found.setdefault((_identity(entry), entry["chosen"]), stage)
    return found
