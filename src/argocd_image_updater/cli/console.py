"""The two streams of a command: results on standard output, log and progress on standard error."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from argocd_image_updater.cli.logging import LogOptions, make_room_with, set_up_logging
from argocd_image_updater.cli.render.progress import ProgressLine
from argocd_image_updater.cli.render.terminal import Terminal, detect_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_LOG = logging.getLogger(__name__)


class LogWishes(Protocol):
    """What the options of a command say about its log. warnings: told as soon as it works."""

    @property
    def log_level(self) -> str: ...
    @property
    def log_format(self) -> str: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Console:
    """Where output goes and what it can show."""

    out: TextIO
    err: TextIO
    out_terminal: Terminal
    err_terminal: Terminal

    def write(self, text: str) -> None:
        """Write a result."""
        self.out.write(text)
        self.out.flush()

    @contextmanager
    def progress(self, *, dry_run: bool) -> Iterator[ProgressLine | None]:
        """Give a live line while the block runs; None where there is no terminal."""
        line = None
        if self.err_terminal.is_tty:
            line = ProgressLine(self.err, self.err_terminal, dry_run=dry_run)
        make_room_with(line)
        try:
            yield line
        finally:
            if line is not None:
                line.clear()
            make_room_with(None)


def open_console(
    options: LogWishes, environ: Mapping[str, str], *, log_filter: logging.Filter | None = None
) -> Console:
    """Set up the log, tell the warnings about options, and return the streams."""
    console = Console(
        out=sys.stdout,
        err=sys.stderr,
        out_terminal=detect_terminal(sys.stdout, environ),
        err_terminal=detect_terminal(sys.stderr, environ),
    )
    form = _log_form(options, console, environ)
    handler = set_up_logging(LogOptions(options.log_level, form), sys.stderr)
    if log_filter is not None:
        handler.addFilter(log_filter)
    for warning in options.warnings:
        _LOG.warning("%s", warning)
    return console


def _log_form(options: LogWishes, console: Console, environ: Mapping[str, str]) -> str:
    if options.log_format == "json":
        return "json"
    plain = environ.get("ENABLE_LOG_COLORS", "").lower() == "false"
    wanted = console.err_terminal.is_tty and console.err_terminal.colour
    return "terminal" if wanted and not plain else "text"
