"""``plan``: what the next cycle would write, per destination, without writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import open_console
from argocd_image_updater.cli.cycle import single_cycle
from argocd_image_updater.cli.render.diffs import render_destinations
from argocd_image_updater.cli.render.json_report import report_document, to_text
from argocd_image_updater.cli.render.table import STYLE_OF, render_attention, summary_line
from argocd_image_updater.cli.render.terminal import printable
from argocd_image_updater.cli.session import open_session, require_manifests
from argocd_image_updater.core.reasons import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.cli.options import RunOptions
    from argocd_image_updater.cli.render.terminal import Terminal
    from argocd_image_updater.core.report import CycleReport


def plan(options: RunOptions, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code."""
    require_manifests(options)
    console = open_console(options, environ)
    report = single_cycle(open_session(options), options, console)
    if options.output == "json":
        console.write(to_text(report_document(report), one_line=False))
    else:
        console.write(render_plan(report, console.out_terminal))
    return exit_codes.of_plan(report)


def render_plan(report: CycleReport, terminal: Terminal) -> str:
    """Return the plan as text, ending in a newline."""
    blocks = [
        render_destinations(report, terminal) or "Nothing to write.\n",
        _render_skipped(report, terminal),
        render_attention(report, terminal),
        summary_line(report) + "\n",
    ]
    return "\n".join(block for block in blocks if block)


def _render_skipped(report: CycleReport, terminal: Terminal) -> str:
    """Return a line for each image that is passed over: without it nobody would learn why."""
    return "".join(
        terminal.paint(
            printable(
                f"{decision.application} {decision.image}: {decision.reason.value}"
                + (f": {decision.message}" if decision.message else "")
            ),
            STYLE_OF[Outcome.SKIPPED],
        )
        + "\n"
        for decision in report.decisions
        if decision.outcome is Outcome.SKIPPED
    )
