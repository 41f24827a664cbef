"""A cycle as log lines with the fields that dashboards and alerts know.

One line per image that changed or needs attention (others at debug), one per problem, and at the
end of each resource's cycle ``Processing results: …``, whose text tools parse: it never changes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.reasons import Outcome

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.report import Counters, CycleReport
    from argocd_image_updater.core.settings import Problem

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


def log_report(report: CycleReport) -> None:
    """Write the lines of one cycle."""
    told = {(d.application, d.alias, d.reason, d.message) for d in report.decisions}
    for warning in report.warnings:
        _LOG.warning("%s", warning, extra=_CONTROLLER)
    for problem in report.problems:
        if (problem.application, problem.alias, problem.reason, problem.message) not in told:
            _log_problem(problem)
    for decision in report.decisions:
        _log_decision(decision)
    for resource, counters in sorted(report.by_resource.items()):
        _LOG.info(results_text(counters), extra=_fields(resource))
    if not report.by_resource:
        _LOG.info(results_text(report.counters), extra=_CONTROLLER)


def results_text(counters: Counters) -> str:
    """Return the line that tools parse."""
    return (
        f"Processing results: applications={counters.applications} "
        f"images_considered={counters.images_considered} "
        f"images_skipped={counters.images_skipped} "
        f"images_updated={counters.images_updated} errors={counters.errors}"
    )


def _log_decision(decision: Decision) -> None:
    fields = _fields(decision.resource, decision.application) | _image_fields(decision)
    fields["reason"] = decision.reason.value
    for warning in decision.warnings:
        _LOG.warning("%s", warning, extra=fields)
    _LOG.log(_LEVEL_OF[decision.outcome], "%s", decision.message, extra=fields)


def _log_problem(problem: Problem) -> None:
    fields = _fields(problem.resource, problem.application) | {"reason": problem.reason.value}
    optional = {
        "image_alias": problem.alias,
        "image_name": problem.image,
        "field": problem.field_path,
    }
    fields |= {name: value for name, value in optional.items() if value}
    level = logging.INFO if problem.quiet else logging.ERROR
    _LOG.log(level, "%s", problem.message, extra=fields)


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
    }
    return {name: value for name, value in fields.items() if value}
