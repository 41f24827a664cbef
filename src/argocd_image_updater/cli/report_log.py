"""Cycles as log lines with the fields that dashboards and alerts know.

One line per image that changed or needs attention (others at debug), one per problem, and at the
end of each resource's cycle ``Processing results: …``, whose text tools parse: it never changes.
What lasts is told when it begins, once an hour while it stays, and when it is over.

Source of the rules: docs/controller.md.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.settings_log import log_settings
from argocd_image_updater.core.reasons import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.reasons import Reason
    from argocd_image_updater.core.report import Counters, CycleReport
    from argocd_image_updater.core.settings import Problem

    _Line = tuple[ObjectKey | None, int]
    _Place = tuple[ObjectKey, ObjectKey, str, str]

_LOG = logging.getLogger(__name__)
_CONTROLLER = {
    "logger": "reconcile",
    "controller": "imageupdater",
    "controllerGroup": "argocd-image-updater.argoproj.io",
    "controllerKind": "ImageUpdater",
}
_LEVEL_OF = {
    Outcome.UPDATED: logging.INFO,
    Outcome.CURRENT: logging.DEBUG,
    Outcome.SKIPPED: logging.DEBUG,
    Outcome.HELD: logging.WARNING,
    Outcome.ERROR: logging.ERROR,
}
REPEAT_S = 3600.0
# Lines about trouble that are remembered; beyond that they are told again each cycle.
REMEMBERED = 20_000
# A time to wait or a counted attempt does not make it another trouble.
_NUMBER = re.compile(r"[0-9]+")


class ReportLog:
    """Writes the lines of each cycle; use one for all cycles of a process. monotonic: seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[_Line, float] = {}  # and when
        self._troubled: dict[_Place, Reason] = {}
        self._seen: set[_Line] = set()  # in this cycle

    def __call__(self, report: CycleReport) -> None:
        """Write the lines of one cycle."""
        self._seen = set()
        log_settings(report.decisions, lambda item: _fields(item.resource, item.application))
        told = {(d.application, d.alias, d.reason, d.message) for d in report.decisions}
        for warning in report.warnings:
            self._log(logging.WARNING, warning, _CONTROLLER)
        for problem in report.problems:
            if (problem.application, problem.alias, problem.reason, problem.message) not in told:
                self._log_problem(problem)
        for decision in report.decisions:
            self._log_decision(decision)
        for resource, counters in sorted(report.by_resource.items()):
            _LOG.info(results_text(counters), extra=_fields(resource))
        if not report.by_resource:
            _LOG.info(results_text(report.counters), extra=_CONTROLLER)
        self._forget_what_is_over(report)

    def _log_decision(self, decision: Decision) -> None:
        fields = _fields(decision.resource, decision.application) | _image_fields(decision)
        fields["reason"] = decision.reason.value
        for warning in decision.warnings:
            self._log(logging.WARNING, warning, fields, decision.resource)
        place = _place(decision)
        before = self._troubled.pop(place, None)
        level = _LEVEL_OF[decision.outcome]
        if level >= logging.WARNING:
            if len(self._troubled) < REMEMBERED:
                self._troubled[place] = decision.reason
            self._log(level, decision.message, fields, decision.resource)
        elif before is not None:
            _LOG.info("%s (before: %s)", decision.message, before.value, extra=fields)
        else:
            _LOG.log(level, "%s", decision.message, extra=fields)

    def _log_problem(self, problem: Problem) -> None:
        fields = _fields(problem.resource, problem.application) | {"reason": problem.reason.value}
        optional = {
            "image_alias": problem.alias,
            "image_name": problem.image,
            "field": problem.field_path,
        }
        fields |= {name: value for name, value in optional.items() if value}
        level = logging.INFO if problem.quiet else logging.ERROR
        self._log(level, problem.message, fields, problem.resource)

    def _log(
        self, level: int, message: str, fields: dict[str, Any], resource: ObjectKey | None = None
    ) -> None:
        """Write a line at its level, or at debug where it was told a short time ago."""
        now_s, line = self._monotonic(), (resource, _similar(message, fields))
        told_s = self._told.get(line)
        if told_s is not None and now_s - told_s < REPEAT_S:
            level = logging.DEBUG
        else:
            self._told.pop(line, None)
            self._told[line] = now_s
            if len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
        self._seen.add(line)
        _LOG.log(level, "%s", message, extra=fields)

    def _forget_what_is_over(self, report: CycleReport) -> None:
        """Have it told again when it comes back; other resources had no part in the cycle."""
        about = {None, *report.by_resource}
        for line in [line for line in self._told if line[0] in about and line not in self._seen]:
            del self._told[line]
        places = set(map(_place, report.decisions))
        for place in [place for place in self._troubled if place[0] in about]:
            if place not in places:
                del self._troubled[place]


def _place(decision: Decision) -> _Place:
    return decision.resource, decision.application, decision.alias, decision.image


def _similar(message: str, fields: dict[str, Any]) -> int:
    return hash((_NUMBER.sub("0", message), *sorted(fields.items())))


def results_text(counters: Counters) -> str:
    """Return the line that tools parse."""
    return (
        f"Processing results: applications={counters.applications} "
        f"images_considered={counters.images_considered} "
        f"images_skipped={counters.images_skipped} "
        f"images_updated={counters.images_updated} errors={counters.errors}"
    )


def _fields(
    resource: ObjectKey | None = None, application: ObjectKey | None = None
) -> dict[str, Any]:
    fields: dict[str, Any] = dict(_CONTROLLER)
    if resource is not None:
        fields["imageUpdater_namespace"] = resource.namespace
        fields["imageUpdater_name"] = resource.name
    if application is not None:
        fields["application"] = str(application)
    return fields


def _image_fields(decision: Decision) -> dict[str, str]:
    settings, current = decision.settings, decision.current
    fields = {
        "image_name": decision.image,
        "image_alias": decision.alias,
        "image_registry": settings.reference.registry if settings else "",
        "image_tag": current.name if current else "",
        "image_digest": current.digest if current else "",
        "kustomize_image": settings.target.kustomize_name if settings else "",
        "written_to": decision.written_to,
    }
    return {name: value for name, value in fields.items() if value}
