"""``run``: cycles, once or again and again, with a report after each."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import Console, open_console
from argocd_image_updater.cli.cycle import run_cycle
from argocd_image_updater.cli.render.json_report import report_document, to_text
from argocd_image_updater.cli.render.table import render_report
from argocd_image_updater.cli.report_log import ReportLog
from argocd_image_updater.cli.session import open_session
from argocd_image_updater.cli.starting import start_fields
from argocd_image_updater.cli.stopping import Interrupted, Stop, stop_on_signals
from argocd_image_updater.core.durations import NS_PER_S
from argocd_image_updater.errors import BugError, UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from argocd_image_updater.cli.cycle import Session
    from argocd_image_updater.cli.options import RunOptions
    from argocd_image_updater.core.report import CycleReport

_LOG = logging.getLogger(__name__)


def run(options: RunOptions, environ: Mapping[str, str]) -> int:
    """Run the command and return its exit code."""
    console = open_console(options, environ)
    _LOG.info("starting", extra=start_fields(options, probe_address="0"))
    return asyncio.run(run_cycles(open_session(options), options, console))


async def run_cycles(
    opening: AbstractAsyncContextManager[Session], options: RunOptions, console: Console
) -> int:
    """Run one cycle, or cycles until a signal; return the exit code."""
    show = partial(_show, options=options, console=console, log=ReportLog())
    with stop_on_signals() as stop:
        async with opening as session:
            report = await run_cycle(session, options, console=console, stop=stop)
            show(report)
            if options.once:
                return exit_codes.of_report(report)
            await _repeat(session, options, console=console, stop=stop, show=show)
    return exit_codes.OK


async def _repeat(
    session: Session,
    options: RunOptions,
    *,
    console: Console,
    stop: Stop,
    show: Callable[[CycleReport], None],
) -> None:
    """Run further cycles until a stop; what ends one of them does not end the others."""
    while True:
        await stop.wait(options.interval_ns / NS_PER_S)
        if stop.requested:
            return
        try:
            report = await run_cycle(session, options, console=console, stop=stop)
        except (BugError, Interrupted):
            raise
        except UpdaterError as error:
            # The first cycle worked: manifests may be half edited, a disk full for a moment.
            _LOG.error("the cycle failed: %s", error, extra={"hint": error.hint})
        else:
            show(report)


def _show(report: CycleReport, *, options: RunOptions, console: Console, log: ReportLog) -> None:
    log(report)
    if options.output == "json":
        console.write(to_text(report_document(report), one_line=not options.once))
    else:
        console.write(render_report(report, console.out_terminal))
