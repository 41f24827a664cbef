"""Where things stand in the text: a value's first character, a collection's end, its indentation.

Invariant: only positions are computed here, nothing is changed. What libyaml's marks do not tell
(the dash of a list item, the end of a block scalar's content) is read from the text around them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from argocd_image_updater.core.edits.content import Style
from argocd_image_updater.core.edits.yamltext import BREAK
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from argocd_image_updater.core.edits.yamltext import YamlText

# an anchor or a tag with the blanks, comments and line breaks behind it
_SPACE = r"(?:[ \t]+(?:\#[^\r\n]*)?|[\r\n\x85\u2028\u2029]+(?:[ \t]*\#[^\r\n]*)?)*"
_PROPERTY = re.compile(rf"(?:&[^\s,\[\]{{}}]+|!<[^>\s]*>|![^\s,\[\]{{}}]*){_SPACE}")
_BLOCK_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_NOT_BLANK = re.compile(r"[^\s]")


def value_start(doc: YamlText, index: int) -> int:
    """Return where the node's own text starts, behind its anchor and tag."""
    position = doc.start(index)
    event = doc.events[index]
    if doc.is_mapping(index) and event.anchor is None and event.tag is None:
        return position  # a block mapping starts at its first key, which may have an anchor
    end = doc.end(index) if doc.is_scalar(index) else len(doc.text)
    for _ in ("anchor", "tag"):  # in any order; nothing else starts with these characters
        found = _PROPERTY.match(doc.text, position, end)
        position = found.end() if found else position
    return position


def last_leaf(doc: YamlText, index: int) -> int:
    """Return the event that ends the node: a scalar, an alias or a closing bracket."""
    last = doc.ends[index]
    while doc.events[last].__class__ in _BLOCK_ENDS and _is_invisible(doc, last):
        last -= 1
    return last


def _is_invisible(doc: YamlText, index: int) -> bool:
    event = doc.events[index]
    return bool(event.end_mark.index == event.start_mark.index)


def ends_in_open_block(doc: YamlText, index: int) -> bool:
    """Tell whether the node ends in a block scalar that a missing final line break is part of."""
    last = last_leaf(doc, index)
    event, end = doc.events[last], int(doc.events[last].end_mark.index)
    if type(event) is not yaml.ScalarEvent or event.style not in {"|", ">"}:
        return False
    at_end = end == len(doc.text) and not doc.text.endswith(("\n", "\r"))
    return at_end and not event.value.endswith("\n") and "-" not in _block_header(doc, last)


def _block_header(doc: YamlText, scalar: int) -> str:
    start = value_start(doc, scalar)
    return doc.text[start : doc.line_end(start)].partition("#")[0]


def content_end(doc: YamlText, index: int, *, keep: bool | None = None) -> int:
    """Return the end of the node's last character, without blank lines behind a block scalar.

    keep: whether blank lines at a block scalar's end belong to it; None = as its header says.
    """
    last = last_leaf(doc, index)
    event = doc.events[last]
    end = int(event.end_mark.index)
    if type(event) is not yaml.ScalarEvent or event.style not in {"|", ">"}:
        return end
    if keep or (keep is None and "+" in _block_header(doc, last)):
        return end
    header_end = doc.line_end(value_start(doc, last))
    return _block_content_end(doc.text, header_end, end)


def _block_content_end(text: str, start: int, end: int) -> int:
    """Return the end of the last line that a block scalar has text in.

    A line of blanks that is longer than the block's indentation is such a line.
    """
    lines = [(start, start)]
    for break_ in BREAK.finditer(text, start, end):
        lines[-1] = (lines[-1][0], break_.start())
        lines.append((break_.end(), end))
    rows = [text[first:last] for first, last in lines[1:]]
    indents = [len(row) - len(row.lstrip(" ")) for row in rows if row.strip(" ")]
    indent = min(indents, default=0)
    for (_, last), row in zip(reversed(lines[1:]), reversed(rows), strict=True):
        if row.strip(" ") or len(row) > indent:
            return last
    return start


def mapping_column(doc: YamlText, mapping: int) -> int:
    """Return the column of a block mapping's keys."""
    key = mapping + 1
    start = doc.start(key)
    column = int(doc.events[key].start_mark.column)
    before = doc.text[start - column : start]
    if before.rstrip().endswith("?"):  # an explicit key: ``? key``
        return len(before.rstrip()) - 1
    return column


def dash_column(doc: YamlText, sequence: int) -> int:
    """Return the column of a block list's dashes."""
    place = _NOT_BLANK.search(doc.text, value_start(doc, sequence))
    if place is None or place.group() != "-":
        doc.refuse(Reason.AMBIGUOUS, "the list's first item cannot be located", at=sequence)
    return place.start() - doc.line_start(place.start())


def dash_of(doc: YamlText, sequence: int, item: int) -> int | None:
    """Return the offset of an item's dash if it is the first thing on its line."""
    column = dash_column(doc, sequence)
    start = doc.line_start(doc.start(item))
    floor = value_start(doc, sequence)
    while True:
        line = doc.text[start : doc.line_end(start)]
        if line[column : column + 1] == "-" and not line[:column].strip():
            return start + column
        if start <= floor or start == 0:
            return None
        start = doc.line_start(start - (2 if doc.text[start - 2 : start] == "\r\n" else 1))


def item_gap(doc: YamlText, sequence: int) -> str:
    """Return the blanks between dash and item as the list writes them (one at least)."""
    column = dash_column(doc, sequence)
    last = doc.items(sequence)[-1]
    gap = int(doc.events[last].start_mark.column) - column - 1
    dash = dash_of(doc, sequence, last)
    same_line = dash is not None and doc.line_start(doc.start(last)) == doc.line_start(dash)
    return " " * gap if same_line and 1 <= gap <= 8 else " "  # noqa: PLR2004 - no wide gaps


def detect_style(doc: YamlText, *, canonical: bool = False) -> Style:
    """Return the style of the file: blanks per level, list indentation, JSON."""
    step = list_offset = None
    for index, event in enumerate(doc.events):
        if step is not None and list_offset is not None:
            break
        parent = doc.parents[index]
        if parent < 0 or event.__class__ not in _COLLECTIONS or not _is_block(doc, index):
            continue
        if not doc.is_mapping(parent):
            continue
        outer = mapping_column(doc, parent)
        if doc.is_mapping(index) and step is None:
            step = mapping_column(doc, index) - outer
        elif doc.is_sequence(index) and list_offset is None:
            list_offset = dash_column(doc, index) - outer
    return Style(
        step=step if step and step > 0 else 2,
        list_offset=max(list_offset or 0, 0),
        canonical=canonical,
        json=doc.is_json,
    )


_COLLECTIONS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)


def _is_block(doc: YamlText, index: int) -> bool:
    return not doc.events[index].flow_style and not doc.is_empty(index)
