"""Adding to and removing from mappings and lists, in block and in flow style.

Invariant: new lines stand directly behind the last line of the collection, with the indentation of
its members and its line breaks; nothing that stands there already is moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.content import (
    block_items,
    block_mapping,
    flow_entries,
    flow_text,
)
from argocd_image_updater.core.edits.flow import flow_added, flow_dropped
from argocd_image_updater.core.edits.layout import (
    content_end,
    dash_column,
    dash_of,
    ends_in_open_block,
    item_gap,
    mapping_column,
    value_start,
)
from argocd_image_updater.core.edits.splices import Splice
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from argocd_image_updater.core.edits.content import New, Style
    from argocd_image_updater.core.edits.yamltext import YamlText


def add_keys(doc: YamlText, at: int, *, entries: Mapping[str, New], style: Style) -> list[Splice]:
    """Return the splices that add entries to a mapping, or make a null a mapping."""
    if doc.is_scalar(at) or doc.is_empty(at):
        return _fill(doc, at, new=entries, style=style)
    if not doc.is_mapping(at):
        doc.refuse(Reason.AMBIGUOUS, "not a mapping", at=at)
    last_key = [key for key, _ in doc.pairs(at)][-1]
    quoted = doc.is_scalar(last_key) and doc.events[last_key].style == '"'
    style = replace(style, quoted_keys=quoted)
    if doc.events[at].flow_style:
        return flow_added(doc, at, rows=flow_entries(entries, style=style))
    column = mapping_column(doc, at)
    lines = block_mapping(entries, indent=column, style=style)
    if ends_in_open_block(doc, at):
        return [_lines_before(doc, last_key, lines, depth=column)]
    return [_lines_after(doc, content_end(doc, at), lines, depth=column)]


def add_items(
    doc: YamlText, at: int, *, items: Sequence[New], before: int | None, style: Style
) -> list[Splice]:
    """Return the splices that add items to a list, or make a null a list."""
    if doc.is_scalar(at) or doc.is_empty(at):
        return _fill(doc, at, new=items, style=style)
    if not doc.is_sequence(at):
        doc.refuse(Reason.AMBIGUOUS, "not a list", at=at)
    if doc.events[at].flow_style:
        rows = [flow_text(item, style=style) for item in items]
        return flow_added(doc, at, rows=rows, before=before)
    column = dash_column(doc, at)
    lines = block_items(items, indent=column, style=style, gap=item_gap(doc, at))
    present = doc.items(at)
    if before is None:
        return [_lines_after(doc, content_end(doc, at), lines, depth=column)]
    position = present.index(before)
    key = doc.key_of(at)
    if not position and key < 0:
        doc.refuse(Reason.AMBIGUOUS, "no place for a new first item", at=at)
    end = content_end(doc, present[position - 1]) if position else doc.end(key)
    return [_lines_after(doc, end, lines, depth=column)]


def place_of_new(doc: YamlText, at: int) -> int:
    """Return the event before which new members of a collection come."""
    block = doc.is_mapping(at) and not doc.events[at].flow_style and not doc.is_empty(at)
    if block and ends_in_open_block(doc, at):
        return [key for key, _ in doc.pairs(at)][-1]
    return doc.ends[at]


def _lines_before(doc: YamlText, key: int, lines: Sequence[str], *, depth: int) -> Splice:
    """Put whole lines before a key: behind it they would change the text of a block scalar."""
    start = doc.line_start(doc.start(key))
    if doc.text[start : doc.start(key)].strip():
        doc.refuse(Reason.AMBIGUOUS, "no line of its own for a new key", at=key)
    eol = doc.eol(start)
    return Splice(start, start, "".join(line + eol for line in lines), depth)


def _lines_after(doc: YamlText, end: int, lines: Sequence[str], *, depth: int) -> Splice:
    """Put whole lines behind the line that ends the collection."""
    if end > 0 and doc.line_start(end) == end:  # behind a block scalar that keeps its blank lines
        eol = doc.eol(end - 2 if end > 1 else 0)
        return Splice(end, end, "".join(line + eol for line in lines), depth)
    place = doc.line_end(end)
    eol = doc.eol(place)
    if place == len(doc.text):  # the file has no final line break: use its usual one
        eol = doc.eol(0)
    return Splice(place, place, "".join(eol + line for line in lines), depth)


def _fill(
    doc: YamlText, at: int, *, new: Mapping[str, New] | Sequence[New], style: Style
) -> list[Splice]:
    """Give a null or an empty collection its first members."""
    event = doc.events[at]
    if event.tag is not None:
        doc.refuse(Reason.AMBIGUOUS, f"an empty value with the tag {event.tag}", at=at)
    parent = doc.parents[at]
    if style.json or doc.in_flow(at) or (parent >= 0 and not doc.is_mapping(parent)):
        return _fill_flow(doc, at, new=new, style=style)
    start, end = value_start(doc, at), doc.end(at)
    if doc.text[start:end].strip(" \t") not in {"", "{}", "[]", "{ }", "[ ]"} and not doc.is_scalar(
        at
    ):
        return _fill_flow(doc, at, new=new, style=style)
    if parent < 0:
        return _fill_root(doc, at, new=new, style=style)
    outer = mapping_column(doc, parent)
    lines = _block_lines(new, indent=outer, style=style)
    head = doc.text[:start]
    cut = start if start == end else len(head.rstrip(" \t"))
    removed = [Splice(cut, end, "")] if end > start else []
    return [*removed, _lines_after(doc, end, lines, depth=outer + 1)]


def _block_lines(new: Mapping[str, New] | Sequence[New], *, indent: int, style: Style) -> list[str]:
    if isinstance(new, Mapping):
        return block_mapping(new, indent=indent + style.step, style=style)
    return block_items(new, indent=indent + style.list_offset, style=style)


def _fill_flow(
    doc: YamlText, at: int, *, new: Mapping[str, New] | Sequence[New], style: Style
) -> list[Splice]:
    start, end = value_start(doc, at), doc.end(at)
    if doc.is_scalar(at):
        text = flow_text(new, style=style)
        before = doc.text[start - 1 : start]
        return [Splice(start, end, text if before in {" ", "\t", "\n"} else f" {text}")]
    rows = (
        flow_entries(new, style=style)
        if isinstance(new, Mapping)
        else [flow_text(item, style=style) for item in new]
    )
    return [Splice(start + 1, start + 1, ", ".join(rows))]


def _fill_root(
    doc: YamlText, at: int, *, new: Mapping[str, New] | Sequence[New], style: Style
) -> list[Splice]:
    if not isinstance(new, Mapping):
        doc.refuse(Reason.AMBIGUOUS, "the document's root is no mapping", at=at)
    lines = block_mapping(new, indent=0, style=style)
    start, end = value_start(doc, at), doc.end(at)
    eol = doc.eol(start)
    if start == end:  # an empty document behind ``---``
        marker = int(doc.events[at - 1].end_mark.index)
        return [_lines_after(doc, marker, lines, depth=0)]
    alone = doc.line_start(start) == start and not doc.text[end : doc.line_end(end)].strip()
    if alone:
        return [Splice(start, end, eol.join(lines))]
    if doc.is_empty(at):
        return _fill_flow(doc, at, new=new, style=style)
    return [Splice(start, end, ""), _lines_after(doc, end, lines, depth=0)]


def new_document(doc: YamlText, *, entries: Mapping[str, New], style: Style) -> Splice:
    """Return the splice that appends a document to a text without any."""
    lines = block_mapping(entries, indent=0, style=style)
    end, eol = len(doc.text), doc.eol()
    if doc.line_start(end) == end:
        return Splice(end, end, "".join(line + eol for line in lines))
    return Splice(end, end, "".join(eol + line for line in lines))


def drop_item(doc: YamlText, at: int) -> Splice:
    """Return the splice that removes an item with its line."""
    sequence = doc.parents[at]
    if doc.events[sequence].flow_style:
        return flow_dropped(doc, doc.items(sequence), first=at, last=at)
    dash = dash_of(doc, sequence, at)
    if dash is None or doc.line_start(dash) == 0:
        doc.refuse(Reason.AMBIGUOUS, "a list item without a line of its own", at=at)
    return _without_lines(doc, dash, content_end(doc, at))


def drop_key(doc: YamlText, at: int) -> Splice:
    """Return the splice that removes an entry with its line."""
    mapping, key = doc.parents[at], doc.key_of(at)
    if doc.events[mapping].flow_style:
        return flow_dropped(doc, doc.items(mapping), first=key, last=at)
    start, end = doc.start(key), content_end(doc, at)
    if not doc.text[doc.line_start(start) : start].strip() and doc.line_start(start):
        return _without_lines(doc, start, end)
    following = doc.ends[at] + 1
    if following < doc.ends[mapping] and not doc.text[end : doc.start(following)].strip():
        return Splice(start, doc.start(following), "")
    rest = doc.text[end : doc.line_end(end)]
    return Splice(start, end + len(rest) - len(rest.lstrip(" \t")), "")


def _without_lines(doc: YamlText, start: int, end: int) -> Splice:
    """Remove the lines of a span together with the line break before them."""
    line = doc.line_start(start)
    before = line - (2 if doc.text[line - 2 : line] == "\r\n" else 1)
    return Splice(before, doc.line_end(end), "")
