"""One cycle of a session with progress and signals; `plan` and `explain` need just one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.cli.stopping import GRACE_S, Stop, stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from argocd_image_updater.cli.console import Console
    from argocd_image_updater.cli.options import RunOptions
    from argocd_image_updater.cli.render.progress import Step
    from argocd_image_updater.core.report import CycleReport


_LOG = logging.getLogger(__name__)


class Session(Protocol):
    """What evaluates cycles; it keeps its connections and stores between them."""

    async def run_cycle(self, *, progress: Callable[[Step], None] | None = None) -> CycleReport: ...


async def run_cycle(
    session: Session, options: RunOptions, *, console: Console, stop: Stop
) -> CycleReport:
    """Return the report of one cycle. What only looks ends at once when it is asked to stop.

    Raises:
        Interrupted: a signal came and the cycle did not end in time.
    """
    with console.progress(dry_run=options.dry_run) as line:
        grace_s = 0.0 if options.dry_run else GRACE_S
        report = await stop.finish(session.run_cycle(progress=line), grace_s=grace_s)
    if not (report.by_resource or report.problems):  # a broken one is a problem that is told
        _LOG.warning("no ImageUpdater was found in %s", ", ".join(map(str, options.manifests)))
    return report


def single_cycle(
    opening: AbstractAsyncContextManager[Session], options: RunOptions, console: Console
) -> CycleReport:
    """Open a session, run one cycle, close the session."""

    async def work() -> CycleReport:
        with stop_on_signals() as stop:
            async with opening as session:
                return await run_cycle(session, options, console=console, stop=stop)

    return asyncio.run(work())
