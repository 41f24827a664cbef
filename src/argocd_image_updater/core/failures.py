"""What went wrong in a cycle, each fault once: the source of conditions and warning events.

The images of one Application that failed for the same cause are one failure: a write that failed is
told once, however many images it was about. Source of the rules: docs/status.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.reasons import Outcome, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.settings import Problem


@dataclass(frozen=True, slots=True)
class Failure:
    """One cause.

    application: None where it concerns the whole resource. images: aliases, or names of images
    without one; empty where it concerns the whole Application.
    """

    resource: ObjectKey | None
    application: ObjectKey | None
    reason: Reason
    message: str
    images: tuple[str, ...] = ()


def is_failure(decision: Decision) -> bool:
    """Tell whether somebody must do something about an image, or the next cycle must try again.

    A setting that allows no tag counts as skipped, and is a mistake all the same.
    """
    return decision.outcome is Outcome.ERROR or decision.reason is Reason.ALLOW_TAGS_INVALID


def failures_of(decisions: Iterable[Decision], problems: Iterable[Problem]) -> tuple[Failure, ...]:
    """Return what failed, in the order in which it is met; images first."""
    found: dict[Failure, list[str]] = {}
    for decision in decisions:
        if is_failure(decision):
            about = Failure(
                decision.resource,
                decision.application,
                decision.reason,
                without_place(decision.message, decision.application),
            )
            found.setdefault(about, []).append(decision.alias or decision.image)
    for problem in problems:
        if not problem.quiet:
            message = without_place(problem.message, problem.application)
            about = Failure(problem.resource, problem.application, problem.reason, message)
            found.setdefault(about, []).extend(filter(None, (problem.alias or problem.image,)))
    return tuple(
        replace(about, images=tuple(dict.fromkeys(names))) for about, names in found.items()
    )


def without_place(message: str, application: ObjectKey | None) -> str:
    """Return a message without the Application in front, which is told beside it."""
    return message.removeprefix(f"Application {application}: ")
