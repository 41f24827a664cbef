"""Adding to and removing from flow collections: ``{a: 1}``, ``[a, b]`` and JSON.

Invariant: a collection of several lines keeps one member a line, a trailing comma stays, and a
comment stays on the line of its member.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.splices import Splice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.edits.yamltext import YamlText

_COMMA = re.compile(r"(?:\s|(?<=\s)\#[^\r\n]*(?=[\r\n]))*,")  # not a comma inside a comment
_REST_BLANK = re.compile(r"[ \t]*(?:(?<=[ \t])\#[^\r\n]*)?(?=[\r\n])")


def flow_added(
    doc: YamlText, at: int, *, rows: Sequence[str], before: int | None = None
) -> list[Splice]:
    """Return the splices that add rendered members to a flow collection that has some."""
    present = doc.items(at)
    if before is not None:
        start = doc.start(before)
        return [Splice(start, start, "".join(f"{row}, " for row in rows))]
    end = doc.end(present[-1])
    comma = _COMMA.match(doc.text, end)
    place = comma.end() if comma else end
    pad = _own_line(doc, at, present)
    if pad is None:
        text = ", ".join(rows)
        return [Splice(place, place, f" {text}," if comma else f", {text}")]
    eol = doc.eol(place)
    body = f",{eol}{pad}".join(rows) + ("," if comma else "")
    rest = _REST_BLANK.match(doc.text, place)
    line = Splice(rest.end() if rest else place, rest.end() if rest else place, f"{eol}{pad}{body}")
    return [line] if comma else [Splice(end, end, ","), line]


def _own_line(doc: YamlText, at: int, present: Sequence[int]) -> str | None:
    """Return the blanks before the last member if members stand on lines of their own."""
    last = present[-1] if doc.is_sequence(at) else present[-2]
    start = doc.start(last)
    before = doc.text[doc.line_start(start) : start]
    return before if not before.strip() and doc.line_start(start) > doc.start(at) else None


def flow_dropped(doc: YamlText, present: Sequence[int], *, first: int, last: int) -> Splice:
    """Return the splice that removes the members from `first` to `last` with one comma."""
    position = present.index(first)
    if position:
        return Splice(doc.end(present[position - 1]), doc.end(last), "")
    following = present.index(last) + 1
    end = doc.start(present[following]) if following < len(present) else doc.end(last)
    return Splice(doc.start(first), end, "")
