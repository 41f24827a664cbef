"""One decision in full: settings and their origins, current value, every tag, choice, reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.render.hints import hint_of
from argocd_image_updater.cli.render.json_report import (
    SCHEMA_VERSION,
    decision_document,
    problem_document,
)
from argocd_image_updater.cli.render.settings import setting_rows
from argocd_image_updater.cli.render.table import STYLE_OF, problem_lines
from argocd_image_updater.cli.render.tags import NAME_WIDTH, render_tags, tag_documents
from argocd_image_updater.cli.render.terminal import (
    Terminal,
    printable,
    shorten_digests,
    tag_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.core.decisions import Decision, TagVerdict
    from argocd_image_updater.core.settings import Problem


def render_explanation(decision: Decision, terminal: Terminal, *, all_tags: bool) -> str:
    """Return the page about one image, ending in a newline."""
    parts = [
        _head(decision, terminal),
        _settings(decision, terminal),
        render_tags(_verdicts(decision), terminal, all_tags=all_tags),
        _result(decision, terminal),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_problems(problems: Iterable[Problem], terminal: Terminal) -> str:
    """Return the problems of an Application, ending in a newline; empty when there are none."""
    lines = [
        shorten_digests(line, terminal) for problem in problems for line in problem_lines(problem)
    ]
    if not lines:
        return ""
    return "\n".join([terminal.paint("Problems", "bold"), *(f"  {line}" for line in lines)]) + "\n"


def explanation_document(
    decisions: Sequence[Decision], problems: Sequence[Problem]
) -> dict[str, Any]:
    """Return the JSON document of an explanation: all tags, nothing cut."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Explanation",
        "images": [_explained(decision) for decision in decisions],
        "problems": [problem_document(problem) for problem in problems],
    }


def _verdicts(decision: Decision) -> tuple[TagVerdict, ...]:
    return decision.trace() if decision.trace else ()


def _head(decision: Decision, terminal: Terminal) -> str:
    where = f" (read from {printable(decision.current_from)})" if decision.current_from else ""
    rows = [
        ("Application", printable(str(decision.application))),
        ("ImageUpdater", printable(str(decision.resource))),
        ("Image", printable(decision.image)),
        ("Current", tag_text(decision.current, terminal) + where),
    ]
    if decision.alias:
        rows.insert(3, ("Alias", printable(decision.alias)))
    return "\n".join(f"{terminal.paint(f'{name:<12}', 'bold')}  {text}" for name, text in rows)


def _settings(decision: Decision, terminal: Terminal) -> str:
    if decision.settings is None:
        return ""
    rows = setting_rows(decision.settings)
    name_width = max(len(row.name) for row in rows)
    value_width = min(max(len(row.text) for row in rows), NAME_WIDTH)
    lines = [
        f"  {row.name:<{name_width}}  {printable(row.text):<{value_width}}  "
        + terminal.paint(printable(row.origin), "dim")
        for row in rows
    ]
    return "\n".join([terminal.paint("Settings", "bold"), *lines])


def _result(decision: Decision, terminal: Terminal) -> str:
    chosen = decision.change.new if decision.change else decision.chosen
    lines = []
    if chosen is not None:
        lines.append(f"{'Choice':<12}  {tag_text(chosen, terminal)}")
    if decision.written_to:
        lines.append(f"{'Written to':<12}  {printable(decision.written_to)}")
    reason = terminal.paint(decision.reason.value, STYLE_OF[decision.outcome])
    lines.append(f"{'Reason':<12}  {reason}")
    if decision.message:
        lines.append(f"{'':<12}  {shorten_digests(decision.message, terminal)}")
    if hint_of(decision.reason):
        lines.append(f"{'Hint':<12}  {hint_of(decision.reason)}")
    lines += [f"{'Warning':<12}  {printable(warning)}" for warning in decision.warnings]
    return "\n".join(lines)


def _explained(decision: Decision) -> dict[str, Any]:
    rows = setting_rows(decision.settings) if decision.settings else []
    return decision_document(decision) | {
        "settings": [{"name": row.name, "value": row.value, "origin": row.origin} for row in rows],
        "tags": tag_documents(_verdicts(decision)),
    }
