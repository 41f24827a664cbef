"""A live line on standard error while a cycle runs; only on a terminal, never in a log file.

The line is redrawn at most ten times a second and makes room for log lines.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.cli.render.terminal import Terminal

_REDRAW_S = 0.1
_BAR_CELLS = 20
_CLEAR = "\r\x1b[2K"
_PHASE_WORDS = {
    "reading": "reading manifests",
    "registries": "asking registries",
    "repositories": "reading repositories",
    "writing": "writing",
}
_DRY_PHASE_WORDS = _PHASE_WORDS | {"writing": "computing changes"}


class Step(Protocol):
    """How far a cycle is. total may be 0 while it is not known."""

    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...


class ProgressLine:
    """The line. Call it with each step; `clear` takes it away."""

    def __init__(
        self,
        stream: TextIO,
        terminal: Terminal,
        *,
        dry_run: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._terminal = terminal
        self._words = _DRY_PHASE_WORDS if dry_run else _PHASE_WORDS
        self._clock = clock
        self._start_s = clock()
        self._drawn_s = float("-inf")
        self._phase = ""
        self._visible = False

    def __call__(self, step: Step) -> None:
        now_s = self._clock()
        complete = step.done == step.total and step.total > 0
        if step.phase == self._phase and not complete and now_s - self._drawn_s < _REDRAW_S:
            return
        self._phase, self._drawn_s, self._visible = step.phase, now_s, True
        words = self._words.get(step.phase, step.phase)
        text = progress_text(step, self._terminal, words=words, elapsed_s=now_s - self._start_s)
        self._stream.write(_CLEAR + text)
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away, if it is there."""
        if self._visible:
            self._visible = False
            self._stream.write(_CLEAR)
            self._stream.flush()


def progress_text(step: Step, terminal: Terminal, *, words: str, elapsed_s: float) -> str:
    """Return the line for one step, no wider than the terminal."""
    if step.total > 0:
        filled = min(step.done, step.total) * _BAR_CELLS // step.total
        full, empty = ("█", "░") if terminal.unicode else ("#", ".")
        bar = terminal.paint(full * filled, "cyan") + empty * (_BAR_CELLS - filled)
        text = f" {words} {step.done}/{step.total}  {elapsed_s:.1f} s"
        room = terminal.width - _BAR_CELLS - 1
        return bar + text[:room] if room > len(words) else text.strip()[: terminal.width - 1]
    return f"{words}{terminal.ellipsis} {elapsed_s:.1f} s"[: terminal.width - 1]
