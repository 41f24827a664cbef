"""``demo``: a guided update on this machine, or the registry of a kept demonstration.

The folder belongs to this module. Whatever ends the command (its end, an error, Ctrl-C, SIGTERM, a
closed terminal), the folder is removed after everything that writes to it has ended; only
``--keep`` leaves it. docs/demo.md.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.console import Console
from argocd_image_updater.cli.ending import Ending
from argocd_image_updater.cli.logging import LogOptions, set_up_logging
from argocd_image_updater.cli.render.diffs import render_destinations
from argocd_image_updater.cli.render.going_on import (
    KeptFolder,
    render_commands,
    render_kept,
)
from argocd_image_updater.cli.render.table import render_report
from argocd_image_updater.cli.render.terminal import detect_terminal
from argocd_image_updater.demo.guide import give_demonstration
from argocd_image_updater.demo.registry import EmbeddedRegistry
from argocd_image_updater.demo.scene import Workspace
from argocd_image_updater.errors import ConfigError, UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from argocd_image_updater.controller.standalone import Progress
    from argocd_image_updater.core.report import CycleReport

_PROGRAM = "argocd-image-updater"
_INDENT = "   "


class Stopped(UpdaterError):
    """A signal ended the demonstration before its own end."""


class Narrator:
    """Tells the story on a console: numbered steps, the tables of `run`, the diffs of `plan`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def step(self, title: str, *lines: str) -> None:
        """Begin the next step."""
        self._steps += 1
        heading = self._console.out_terminal.paint(f"{self._steps}. {title}", "bold")
        texts = [f"{_INDENT}{line}".rstrip() for line in lines]
        gap = "\n" if self._steps > 1 else ""
        self._console.write(gap + "\n".join([heading, *texts]) + "\n")

    def report(self, report: CycleReport) -> None:
        """Show what a run did: the table, then every commit and patch with its differences."""
        terminal = self._console.out_terminal
        parts = (render_report(report, terminal), render_destinations(report, terminal))
        self._console.write("".join(f"\n{part}" for part in parts if part))

    def progress(self) -> AbstractContextManager[Callable[[Progress], None] | None]:
        return self._console.progress(dry_run=False)


def demo(environ: Mapping[str, str], *, keep: bool) -> int:
    """Tell the story in a temporary folder and return the exit code."""
    console, program = _open_console(environ), _program()
    with Ending() as ending, _temporary_workspace(keep=keep) as workspace:
        story = give_demonstration(workspace, Narrator(console), environment=environ)
        reports = ending.run(story)
        if reports is None:
            where = "is kept" if keep else "is removed"
            raise Stopped(f"stopped by a signal; the folder {workspace.folder} {where}")
        if keep:
            console.write("\n" + render_kept(_kept(workspace, program)))
    if not keep:
        console.write(f"\nThe folder is removed; {program} demo --keep keeps it.\n")
    return max(map(exit_codes.of_report, reports))


def serve_kept(environ: Mapping[str, str], folder: str) -> int:
    """Serve the registry of a kept demonstration until a signal."""
    console = _open_console(environ)
    with Ending() as ending:
        ending.run(_serve(Workspace(Path(folder).resolve()), console))
    return exit_codes.OK


async def _serve(workspace: Workspace, console: Console) -> None:
    port = workspace.remembered_port()
    async with EmbeddedRegistry(workspace.open_store(), port=port) as registry:
        console.write(f"The registry of {workspace.folder} listens on {registry.url}\n")
        console.write(
            "until Ctrl-C. In another terminal:\n\n" + render_commands(_kept(workspace, _program()))
        )
        await asyncio.Event().wait()


@contextmanager
def _temporary_workspace(*, keep: bool) -> Iterator[Workspace]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PROGRAM}-demo-")).resolve()
    except OSError as error:
        raise ConfigError(
            f"no temporary folder can be made: {error.strerror or error}",
            hint="name a folder that can be written to in TMPDIR",
        ) from error
    try:
        with _inside(folder):
            yield Workspace(folder)
    finally:
        if not keep:
            _remove(folder)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in `folder` for a while, so that what is shown has short names."""
    before = _current_folder()
    os.chdir(folder)
    try:
        yield
    finally:
        _go_back(before)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # somebody removed it; anywhere else is as good
        return Path("/")


def _go_back(folder: Path) -> None:
    """Return to where the command was started, or to where everybody may be."""
    try:
        os.chdir(folder)
    except OSError:  # gone meanwhile, or only root may enter it, as after `su` in root's home
        os.chdir("/")


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} could not be removed: {error}", hint="remove it by hand"
        ) from error


def _open_console(environ: Mapping[str, str]) -> Console:
    console = Console(
        out=sys.stdout,
        err=sys.stderr,
        out_terminal=detect_terminal(sys.stdout, environ),
        err_terminal=detect_terminal(sys.stderr, environ),
    )
    coloured = console.err_terminal.is_tty and console.err_terminal.colour
    set_up_logging(LogOptions("warn", "terminal" if coloured else "text"), sys.stderr)
    return console


def _kept(workspace: Workspace, program: str) -> KeptFolder:
    return KeptFolder(
        folder=workspace.folder,
        manifests=workspace.manifests,
        state=workspace.state,
        repository=workspace.repository,
        port=workspace.remembered_port(),
        program=program,
    )


def _program() -> str:
    """Return how to call this program again: by its name where PATH leads to this very file."""
    called, found = _current_folder() / sys.argv[0], shutil.which(_PROGRAM)
    if called.name != _PROGRAM or not called.exists():
        return _PROGRAM
    if found and called.samefile(found):
        return _PROGRAM
    return shlex.quote(str(called))
