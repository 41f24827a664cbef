"""One decision in full: settings and their origins, current value, every tag, choice, reason."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.render.hints import hint_of
from argocd_image_updater.cli.render.json_report import (
    SCHEMA_VERSION,
    decision_document,
    problem_document,
)
from argocd_image_updater.cli.render.settings import setting_rows
from argocd_image_updater.cli.render.table import STYLE_OF, problem_lines
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

_TAGS_SHOWN = 20  # a screenful; --all lists the rest
_NAME_WIDTH = 40  # longer names push their own line out, not every line
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RULE_WORDS = {
    "chosen": "chosen",
    "kept": "allowed, but not the best",
    "allowTags": "dropped by allowTags",
    "ignoreTags": "dropped by ignoreTags",
    "constraint": "dropped by the constraint",
    "preRelease": "a pre-release",
    "notAVersion": "not a version",
    "notTheTag": "another tag",
    "platform": "no wanted platform",
    "metadata": "not a readable image",
}


def render_explanation(decision: Decision, terminal: Terminal, *, all_tags: bool) -> str:
    """Return the page about one image, ending in a newline."""
    parts = [
        _head(decision, terminal),
        _settings(decision, terminal),
        _tags(decision, terminal, all_tags=all_tags),
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


def created_text(created_ns: int | None) -> str:
    """Return a creation time as RFC 3339 in whole seconds; empty when unknown."""
    if created_ns is None:
        return ""
    try:
        moment = _EPOCH + timedelta(seconds=created_ns // 1_000_000_000)
    except OverflowError:
        return "out of range"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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
    value_width = min(max(len(row.text) for row in rows), _NAME_WIDTH)
    lines = [
        f"  {row.name:<{name_width}}  {printable(row.text):<{value_width}}  "
        + terminal.paint(printable(row.origin), "dim")
        for row in rows
    ]
    return "\n".join([terminal.paint("Settings", "bold"), *lines])


def _tags(decision: Decision, terminal: Terminal, *, all_tags: bool) -> str:
    verdicts = decision.trace() if decision.trace else ()
    if not verdicts:
        return ""
    counts = Counter(verdict.rule for verdict in verdicts)
    kept = counts["chosen"] + counts["kept"]
    shown = verdicts if all_tags else _newest(verdicts)
    width = min(max(len(verdict.tag) for verdict in shown), _NAME_WIDTH)
    lines = [_tag_line(verdict, terminal, width=width) for verdict in shown]
    hidden = len(verdicts) - len(shown)
    if hidden:
        lines.append(f"  {terminal.ellipsis} {hidden:,} more (--all lists every tag)")
    title = terminal.paint("Tags", "bold")
    return "\n".join([f"{title} ({len(verdicts):,} listed, {kept:,} allowed)", *lines])


def _newest(verdicts: Sequence[TagVerdict]) -> list[TagVerdict]:
    """Return the first verdicts and, wherever it stands, the chosen one."""
    return [
        verdict
        for number, verdict in enumerate(verdicts)
        if number < _TAGS_SHOWN or verdict.rule == "chosen"
    ]


def _tag_line(verdict: TagVerdict, terminal: Terminal, *, width: int) -> str:
    words = _RULE_WORDS.get(verdict.rule, printable(verdict.rule))
    detail = f": {shorten_digests(verdict.detail, terminal)}" if verdict.detail else ""
    created = created_text(verdict.created_ns)
    line = f"  {printable(verdict.tag):<{width}}  {words}{detail}" + (
        f"  ({created})" if created else ""
    )
    style = {"chosen": "green", "kept": ""}.get(verdict.rule, "dim")
    return terminal.paint(line, style)


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
    verdicts = decision.trace() if decision.trace else ()
    return decision_document(decision) | {
        "settings": [{"name": row.name, "value": row.value, "origin": row.origin} for row in rows],
        "tags": [
            {
                "tag": verdict.tag,
                "rule": verdict.rule,
                "detail": verdict.detail,
                "created": created_text(verdict.created_ns) or None,
            }
            for verdict in verdicts
        ],
    }
