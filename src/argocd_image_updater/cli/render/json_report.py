"""A cycle as one JSON document with a stable schema; docs/reference/json-report.md describes it.

Members are only ever added; a change that breaks readers raises `SCHEMA_VERSION`. Every member is
always present, null or empty where there is nothing. Nothing is cut, unlike in the table.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.logging import hide_user_information
from argocd_image_updater.cli.render.hints import hint_of

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.reference import ImageTag
    from argocd_image_updater.core.report import (
        CommitRecord,
        Counters,
        CycleReport,
        PatchRecord,
    )
    from argocd_image_updater.core.settings import Problem

SCHEMA_VERSION = 1
_INDENT = 2


def report_document(report: CycleReport) -> dict[str, Any]:
    """Return the document of a cycle."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "CycleReport",
        "dryRun": report.dry_run,
        "durationSeconds": round(report.duration_s, 3),
        "summary": _counters(report.counters),
        "resources": [
            {"resource": str(key), "summary": _counters(counters)}
            for key, counters in report.by_resource.items()
        ],
        "images": [decision_document(decision) for decision in report.decisions],
        "problems": [problem_document(problem) for problem in report.problems],
        "commits": [_commit(commit) for commit in report.commits],
        "patches": [_patch(patch) for patch in report.patches],
        "requests": dict(report.requests),
        "warnings": [hide_user_information(warning) for warning in report.warnings],
    }


def decision_document(decision: Decision) -> dict[str, Any]:
    """Return the member of one image."""
    chosen = decision.change.new if decision.change else decision.chosen
    return {
        "resource": str(decision.resource),
        "application": str(decision.application),
        "alias": decision.alias,
        "image": decision.image,
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "message": hide_user_information(decision.message),
        "hint": hint_of(decision.reason),
        "current": tag_document(decision.current),
        "currentFrom": decision.current_from,
        "chosen": tag_document(chosen),
        "writtenTo": hide_user_information(decision.written_to),
        "considered": decision.considered,
        "warnings": [hide_user_information(warning) for warning in decision.warnings],
    }


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return the member of one problem."""
    return {
        "resource": _key(problem.resource),
        "application": _key(problem.application),
        "alias": problem.alias,
        "image": problem.image,
        "field": problem.field_path,
        "reason": problem.reason.value,
        "message": hide_user_information(problem.message),
        "hint": hint_of(problem.reason),
        "isError": not problem.quiet,
    }


def tag_document(tag: ImageTag | None) -> dict[str, str] | None:
    """Return the member of a tag."""
    return None if tag is None else {"tag": tag.name, "digest": tag.digest}


def to_text(document: dict[str, Any], *, one_line: bool) -> str:
    """Return a document as text, ending in a newline."""
    if one_line:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    return json.dumps(document, ensure_ascii=False, indent=_INDENT) + "\n"


def _counters(counters: Counters) -> dict[str, int]:
    return {
        "applications": counters.applications,
        "imagesConsidered": counters.images_considered,
        "imagesSkipped": counters.images_skipped,
        "imagesUpdated": counters.images_updated,
        "errors": counters.errors,
    }


def _key(key: ObjectKey | None) -> str | None:
    return None if key is None else str(key)


def _commit(commit: CommitRecord) -> dict[str, Any]:
    return {
        "repository": hide_user_information(commit.repository),
        "branch": commit.branch,
        "commit": commit.commit,
        "message": commit.message,
        "applications": [str(key) for key in commit.applications],
        "files": list(commit.files),
        "diff": commit.diff,
    }


def _patch(patch: PatchRecord) -> dict[str, Any]:
    return {
        "application": str(patch.application),
        "where": hide_user_information(patch.where),
        "diff": patch.diff,
        "written": patch.written,
    }
