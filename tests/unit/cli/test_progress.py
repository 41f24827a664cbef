"""The live line: when it is drawn, what it says, and that it goes away."""

import io
from dataclasses import dataclass

from argocd_image_updater.cli.render.progress import ProgressLine, progress_text
from argocd_image_updater.cli.render.terminal import Terminal


@dataclass
class Step:
    phase: str
    done: int
    total: int


def test_the_line_shows_a_bar_the_phase_and_the_count():
    text = progress_text(
        Step("registries", 5, 10), Terminal(width=80), words="asking", elapsed_s=1.5
    )
    assert text == "█" * 10 + "░" * 10 + " asking 5/10  1.5 s"


def test_without_a_total_only_the_phase_is_told():
    assert progress_text(Step("reading", 0, 0), Terminal(), words="reading", elapsed_s=0) == (
        "reading… 0.0 s"
    )


def test_the_line_never_exceeds_a_narrow_terminal():
    for total in (0, 10**9):
        text = progress_text(
            Step("x", 10**9, total),
            Terminal(width=40, unicode=False),
            words="w" * 30,
            elapsed_s=1e6,
        )
        assert len(text) < 40


def test_the_line_is_redrawn_at_most_ten_times_a_second_but_never_misses_the_end():
    stream, now = io.StringIO(), [0.0]
    line = ProgressLine(stream, Terminal(width=80), clock=lambda: now[0])
    for done in range(1, 101):
        now[0] += 0.01
        line(Step("registries", done, 100))
    assert 10 <= stream.getvalue().count("\r") <= 12
    assert "100/100" in stream.getvalue()


def test_a_new_phase_is_shown_at_once_and_clearing_twice_clears_once():
    stream = io.StringIO()
    line = ProgressLine(stream, Terminal(width=80), clock=lambda: 0.0)
    line.clear()
    assert stream.getvalue() == ""
    line(Step("reading", 0, 0))
    line(Step("writing", 0, 3))
    assert "writing 0/3" in stream.getvalue()
    line.clear()
    line.clear()
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert stream.getvalue().count("\r") == 3


def test_a_dry_run_never_claims_to_write():
    stream = io.StringIO()
    ProgressLine(stream, Terminal(width=80), dry_run=True)(Step("writing", 1, 2))
    assert "computing changes 1/2" in stream.getvalue()
    assert "writing" not in stream.getvalue()
