"""What the doctor found: lines for people, and everything as a document for machines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.logging import hide_user_information
from argocd_image_updater.cli.render.json_report import SCHEMA_VERSION
from argocd_image_updater.cli.render.terminal import printable
from argocd_image_updater.controller.doctor_checks import CheckName, CheckOutcome

if TYPE_CHECKING:
    from argocd_image_updater.cli.render.terminal import Terminal
    from argocd_image_updater.controller.doctor_checks import Check, Diagnosis

_NAME_WIDTH = max(map(len, CheckName))
_OUTCOME_WIDTH = max(map(len, CheckOutcome))
_STYLES = {
    CheckOutcome.OK: "green",
    CheckOutcome.WARNING: "yellow",
    CheckOutcome.FAILED: "red",
    CheckOutcome.SKIPPED: "dim",
}


def render_check(check: Check, terminal: Terminal) -> str:
    """Return the lines of one check, ending in a newline."""
    outcome = terminal.paint(f"{check.outcome:<{_OUTCOME_WIDTH}}", _STYLES[check.outcome])
    name = terminal.paint(f"{check.name:<{_NAME_WIDTH}}", "bold")
    indent = " " * (_OUTCOME_WIDTH + _NAME_WIDTH + 4)
    lines = [f"{outcome}  {name}  {printable(check.text)}"]
    lines += [f"{indent}{printable(detail)}" for detail in check.details]
    return "\n".join(lines) + "\n"


def render_verdict(diagnosis: Diagnosis, terminal: Terminal) -> str:
    """Return the sentence a person needs, after an empty line."""
    text = printable(diagnosis.verdict)
    if terminal.is_tty:
        text = textwrap.fill(text, terminal.width, break_long_words=False, break_on_hyphens=False)
    style = "red" if diagnosis.first_failed else "green"
    return f"\n{terminal.paint(text, style)}\n"


def diagnosis_document(diagnosis: Diagnosis, *, warnings: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON document."""
    failed = diagnosis.first_failed
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "RegistryDiagnosis",
        "image": diagnosis.image,
        "registry": hide_user_information(diagnosis.api_url),
        "repository": diagnosis.repository,
        "checks": [_check_document(check) for check in diagnosis.checks],
        "failed": failed.name.value if failed else None,
        "blame": failed.blame.value if failed else None,
        "verdict": hide_user_information(diagnosis.verdict),
        "warnings": [hide_user_information(warning) for warning in warnings],
    }


def _check_document(check: Check) -> dict[str, Any]:
    return {
        "name": check.name.value,
        "outcome": check.outcome.value,
        "text": hide_user_information(check.text),
        "details": [hide_user_information(detail) for detail in check.details],
        "advice": hide_user_information(check.advice),
    }
