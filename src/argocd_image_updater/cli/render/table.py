"""A cycle as a table for people: one row per image, then what needs attention, then a summary.

On a terminal the table fits its width and long runs of up-to-date images are folded into one line;
anywhere else every image is one plain line of full length, good for grep and awk.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.cli.render.hints import hint_of
from argocd_image_updater.cli.render.terminal import (
    Terminal,
    printable,
    shorten_digests,
    tag_text,
)
from argocd_image_updater.core.reasons import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argocd_image_updater.core.decisions import Decision
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.settings import Problem

STYLE_OF = {
    Outcome.UPDATED: "green",
    Outcome.CURRENT: "dim",
    Outcome.SKIPPED: "dim",
    Outcome.HELD: "yellow",
    Outcome.ERROR: "red",
}
_OUTCOME_WORDS = {
    Outcome.UPDATED: "updated",
    Outcome.CURRENT: "up to date",
    Outcome.SKIPPED: "skipped",
    Outcome.HELD: "held back",
    Outcome.ERROR: "failed",
}
_FOLD_ABOVE = 60  # rows that fit on a tall terminal; beyond, up-to-date images are only counted
_GAP = "  "
_RICH_GAP = "   "  # between the columns of a table on a terminal
# Which cells of a row share a line where not all fit; the others follow on lines of their own.
_STACKED_LAYOUTS = ((0, 1, 2, 3), (0, 1, 3))
_CHANGE = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    application: str
    image: str
    change: str
    reason: str
    written_to: str
    outcome: Outcome

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        return (self.application, self.image, self.change, self.reason, self.written_to)


def render_report(report: CycleReport, terminal: Terminal) -> str:
    """Return the whole report, ending in a newline."""
    shown, folded = _fold(report.decisions, terminal)
    rows = [_row(decision, terminal) for decision in shown]
    blocks = [_table(rows, terminal) if rows else "", _folded_line(folded)]
    blocks += [render_attention(report, terminal).rstrip("\n"), _summary(report, terminal)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_attention(report: CycleReport, terminal: Terminal) -> str:
    """Return what failed, is held back or deserves a look; empty when there is nothing."""
    return "".join(line + "\n" for line in _attention(report, terminal))


def summary_line(report: CycleReport) -> str:
    """Return one sentence of counts, duration and requests."""
    outcomes = Counter(decision.outcome for decision in report.decisions)
    words = [f"{outcomes[o]} {_word(o, report)}" for o in Outcome if outcomes[o]]
    applications = len({decision.application for decision in report.decisions})
    parts = [
        f"{_count(applications, 'application')}, {_count(len(report.decisions), 'image')}"
        + (f": {', '.join(words)}" if words else ""),
        f"{report.duration_s:.1f} s",
    ]
    asked = ", ".join(f"{printable(kind)} {n:,}" for kind, n in report.requests.items() if n)
    parts += [asked] if asked else []
    parts += ["dry run, nothing was written"] if report.dry_run else []
    return "; ".join(parts)


def _summary(report: CycleReport, terminal: Terminal) -> str:
    line = summary_line(report)
    if not terminal.is_tty or len(line) <= terminal.width:
        return line
    import textwrap

    return textwrap.fill(line, terminal.width, subsequent_indent=_GAP, break_on_hyphens=False)


def problem_lines(problem: Problem) -> list[str]:
    """Return what is wrong, where, and what to do."""
    where = " ".join(
        str(part)
        for part in (
            f"ImageUpdater {problem.resource}" if problem.resource else "",
            f"application {problem.application}" if problem.application else "",
            problem.image or problem.alias,
            problem.field_path,
        )
        if part
    )
    text = f"{problem.reason.value}: {problem.message}"
    return _with_hint(f"{where}: {text}" if where else text, hint_of(problem.reason))


def _row(decision: Decision, terminal: Terminal) -> Row:
    return Row(
        application=printable(str(decision.application)),
        image=printable(decision.image),
        change=_change_text(decision, terminal),
        reason=decision.reason.value,
        written_to=printable(decision.written_to),
        outcome=decision.outcome,
    )


def _change_text(decision: Decision, terminal: Terminal) -> str:
    current = tag_text(decision.current, terminal)
    chosen = decision.change.new if decision.change else decision.chosen
    if chosen is None or chosen == decision.current:
        return current
    return f"{current} {terminal.arrow} {tag_text(chosen, terminal)}"


def _fold(decisions: Sequence[Decision], terminal: Terminal) -> tuple[Sequence[Decision], int]:
    if not terminal.is_tty or len(decisions) <= _FOLD_ABOVE:
        return decisions, 0
    shown = [d for d in decisions if d.outcome is not Outcome.CURRENT]
    return shown, len(decisions) - len(shown)


def _folded_line(folded: int) -> str:
    return f"and {_count(folded, 'image')} up to date (--output json lists all)" if folded else ""


def _headings(terminal: Terminal) -> tuple[str, str, str, str, str]:
    return ("APPLICATION", "IMAGE", f"FROM {terminal.arrow} TO", "REASON", "WRITTEN TO")


def _table(rows: Sequence[Row], terminal: Terminal) -> str:
    if not terminal.is_tty:
        return _plain_table(rows, terminal)
    if _is_too_wide([_headings(terminal), *(row.cells for row in rows)], terminal):
        return _stacked_table(rows, terminal) or _rich_table(rows, terminal)
    return _rich_table(rows, terminal)


def _plain_table(rows: Sequence[Row], terminal: Terminal) -> str:
    texts = _aligned([_headings(terminal), *(row.cells for row in rows)])
    styles = ["bold", *(STYLE_OF[row.outcome] for row in rows)]
    return "\n".join(terminal.paint(text, style) for text, style in zip(texts, styles, strict=True))


def _stacked_table(rows: Sequence[Row], terminal: Terminal) -> str:
    """Return a table with cells on lines of their own; empty if every such table is too wide."""
    for inline in _STACKED_LAYOUTS:
        lines = _stacked_lines(rows, terminal, inline=inline)
        if max(len(text) for text, _ in lines) <= terminal.width:
            return "\n".join(terminal.paint(text, style) for text, style in lines)
    return ""


def _stacked_lines(
    rows: Sequence[Row], terminal: Terminal, *, inline: Sequence[int]
) -> list[tuple[str, str]]:
    """Return lines and their styles; `inline` are the cells that share a row's first line."""
    cells = (_headings(terminal), *(row.cells for row in rows))
    heading, *texts = _aligned([[line[index] for index in inline] for line in cells])
    lines = [(heading, "bold")]
    for row, text in zip(rows, texts, strict=True):
        below = [] if _CHANGE in inline else [row.change]
        below += [f"{terminal.arrow} {row.written_to}"] if row.written_to else []
        style = STYLE_OF[row.outcome]
        lines += [(text, style), *((f"{_GAP}{part}", style) for part in below)]
    return lines


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        _GAP.join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in lines
    ]


def _is_too_wide(lines: Sequence[Sequence[str]], terminal: Terminal) -> bool:
    needed = sum(max(map(len, column)) + len(_RICH_GAP) for column in zip(*lines, strict=True))
    return needed > terminal.width


def _rich_table(rows: Sequence[Row], terminal: Terminal) -> str:
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if terminal.unicode else box.ASCII2, pad_edge=False)
    for heading in _headings(terminal):
        table.add_column(heading, overflow="fold", header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row.cells), style=STYLE_OF[row.outcome])
    page = io.StringIO()
    Console(
        file=page,
        width=terminal.width,
        force_terminal=terminal.colour,
        color_system="standard" if terminal.colour else None,
        legacy_windows=False,
        _environ={},
    ).print(table)
    lines = (line.rstrip() for line in page.getvalue().splitlines())
    return "\n".join(line for line in lines if line)


def _attention(report: CycleReport, terminal: Terminal) -> Iterator[str]:
    told = set()
    for decision in report.decisions:
        told.add((decision.application, decision.alias, decision.reason, decision.message))
        where = f"{decision.application} {decision.image}"
        if decision.outcome in {Outcome.ERROR, Outcome.HELD}:
            text = f"{where}: {decision.reason.value}: {decision.message}"
            style = STYLE_OF[decision.outcome]
            yield from _lines(_with_hint(text, hint_of(decision.reason)), style, terminal)
        for warning in decision.warnings:
            yield from _lines([f"{where}: warning: {warning}"], "yellow", terminal)
    for problem in report.problems:
        key = (problem.application, problem.alias, problem.reason, problem.message)
        if key not in told:
            style = "dim" if problem.quiet else "red"
            yield from _lines(problem_lines(problem), style, terminal)
    for warning in report.warnings:
        yield from _lines([f"warning: {warning}"], "yellow", terminal)


def _lines(texts: Sequence[str], style: str, terminal: Terminal) -> Iterator[str]:
    for number, text in enumerate(texts):
        shown = shorten_digests(text, terminal)
        yield terminal.paint(shown, style) if number == 0 else f"  {shown}"


def _with_hint(text: str, hint: str) -> list[str]:
    return [text, f"hint: {hint}"] if hint else [text]


def _word(outcome: Outcome, report: CycleReport) -> str:
    if outcome is Outcome.UPDATED and report.dry_run:
        return "to update"
    return _OUTCOME_WORDS[outcome]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
