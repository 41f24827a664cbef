"""YAML text that is the value of a scalar (``helm.values: |``), edited where it stands.

Invariant: of a literal block (``|``) the lines that the edit leaves alone keep their bytes, for the
splices of the inner text are carried over line by line; a text in quotes is replaced as a whole,
and only where its old spelling is the one that would be written for it. All else is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.layout import value_start
from argocd_image_updater.core.edits.scalars import restyled
from argocd_image_updater.core.edits.splices import Splice
from argocd_image_updater.core.edits.yamltext import BREAK
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.edits.yamltext import YamlText

_HINT = "write it as a block (|) with blanks for its indentation"


def embedded_splices(
    doc: YamlText, at: int, *, inner: YamlText, splices: Sequence[Splice], value: str
) -> list[Splice]:
    """Return the splices of the outer text; value: the whole inner text after the edit."""
    event = doc.events[at]
    if event.style == "|":
        lines = _matched(doc, at, inner=inner)
        return [_carried(doc, splice, lines=lines) for splice in splices]
    start, end = value_start(doc, at), doc.end(at)
    style = event.style or None
    spelled = restyled(event.value, style=style, flow=doc.in_flow(at), old=event.value)
    if event.style == ">" or spelled != doc.text[start:end]:
        doc.refuse(
            Reason.AMBIGUOUS, f"text in a text that cannot be edited in place: {_HINT}", at=at
        )
    text = restyled(value, style=style, flow=doc.in_flow(at), old=event.value)
    return [Splice(start, end, text)]


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the lines of a block stand; indent: blanks before each that is not empty."""

    inner: tuple[tuple[int, int], ...]
    outer: tuple[tuple[int, int], ...]
    indent: int

    def number(self, offset: int) -> int:
        """Return the number of the line that an offset of the inner text lies in."""
        return bisect_right([start for start, _ in self.inner], offset) - 1

    def place(self, offset: int) -> int:
        """Return the offset in the outer text; that of an empty line is its first character."""
        number = self.number(offset)
        start, end = self.inner[number]
        blanks = self.indent if end > start else 0
        return self.outer[number][0] + blanks + offset - start

    def is_empty(self, offset: int) -> bool:
        start, end = self.inner[self.number(offset)]
        return start == end

    def is_end(self, offset: int) -> bool:
        return offset == self.inner[self.number(offset)][1]


def _spans(text: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return the lines of a part of a text, without their breaks."""
    spans, first = [], start
    for found in BREAK.finditer(text, start, end):
        spans.append((first, found.start()))
        first = found.end()
    return (*spans, (first, end))


def _matched(doc: YamlText, at: int, *, inner: YamlText) -> _Lines:
    """Return the lines of both texts; refuse a block that holds other lines than the inner text."""
    header = doc.line_end(value_start(doc, at))
    own = _spans(inner.text, 0, len(inner.text))
    # The header's line comes first. What the block drops at its end is never looked at.
    outer = _spans(doc.text, header, len(doc.text))[1 : len(own) + 1]
    filled = next((number for number, (start, end) in enumerate(own) if end > start), None)
    if inner.bom or filled is None or len(outer) < len(own):
        doc.refuse(Reason.AMBIGUOUS, f"text that cannot be edited in place: {_HINT}", at=at)
    indent = outer[filled][1] - outer[filled][0] - (own[filled][1] - own[filled][0])
    for (start, end), (first, last) in zip(own, outer, strict=True):
        line = doc.text[first:last]
        wanted = " " * indent + inner.text[start:end]
        is_last = end == len(inner.text) and start == end
        if start == end and (is_last or not line.strip(" ")):
            continue
        if line != wanted:
            doc.refuse(Reason.AMBIGUOUS, f"text that cannot be edited in place: {_HINT}", at=at)
    return _Lines(own, outer, indent)


def _carried(doc: YamlText, splice: Splice, *, lines: _Lines) -> Splice:
    start, end = lines.place(splice.start), lines.place(splice.end)
    eol, pad = doc.eol(start), " " * lines.indent
    first, *rest = splice.text.split("\n")
    text = pad + first if first and lines.is_empty(splice.start) else first
    for number, row in enumerate(rest, start=1):
        continues = number == len(rest) and not lines.is_end(splice.end)
        text += eol + (pad + row if row or continues else row)
    return replace(splice, start=start, end=end, text=text)
