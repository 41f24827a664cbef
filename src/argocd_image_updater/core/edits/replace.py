"""Replacing one scalar in place: quotes, anchor, comment and line breaks around it stay.

Invariant: the splice covers the scalar's own characters only. Rules of the spans (libyaml):
an anchor or tag stands inside the node's span and is kept; an empty value has a span of no length
behind its ``:`` or ``-``; a block scalar's span runs over the blank lines that follow it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.content import scalar_text
from argocd_image_updater.core.edits.layout import content_end, mapping_column, value_start
from argocd_image_updater.core.edits.proof import STR_TAG
from argocd_image_updater.core.edits.scalars import (
    Flag,
    Scalar,
    canonical,
    literal_block,
    literal_lines,
    restyled,
)
from argocd_image_updater.core.edits.splices import Splice
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.edits.content import Style
    from argocd_image_updater.core.edits.yamltext import YamlText

_FIRST_INDENT = re.compile(r"[\r\n\x85\u2028\u2029]+( +)[^\s]")
_HEADER_MARKS = "|>-+0123456789"


def scalar(doc: YamlText, at: int, *, value: Scalar, style: Style) -> list[Splice]:
    """Return the splices that give the scalar or alias at event `at` a new value."""
    event = doc.events[at]
    if doc.is_alias(at):
        text = scalar_text(value, style=style, flow=doc.in_flow(at))
        return [Splice(doc.start(at), doc.end(at), text)]
    if _is_key(doc, at):
        doc.refuse(Reason.AMBIGUOUS, "the value is shared with a key through an anchor", at=at)
    body = value_start(doc, at)
    untagged = _tag_removal(doc, at, body=body)
    if event.style in {"|", ">"}:
        return [*untagged, _block(doc, at, body=body, value=value, style=style)]
    text = _new_text(doc, at, value=value, style=style, body=body)
    if body == doc.end(at) and event.style not in {"'", '"'}:
        return [*untagged, _empty_filled(doc, at, text)]
    return [*untagged, Splice(body, doc.end(at), text)]


def _is_key(doc: YamlText, at: int) -> bool:
    parent = doc.parents[at]
    return parent >= 0 and doc.is_mapping(parent) and doc.key_of(at) < 0


def _new_text(doc: YamlText, at: int, *, value: Scalar, style: Style, body: int) -> str:
    event, flow = doc.events[at], doc.in_flow(at)
    if isinstance(value, Flag) or style.json:
        return scalar_text(value, style=style, flow=flow)
    if not style.canonical or doc.text[body : doc.end(at)] != canonical(event.value, flow=flow):
        return restyled(value, style=event.style or None, flow=flow, old=event.value)
    parent, rest = doc.parents[at], doc.text[doc.end(at) : doc.line_end(doc.end(at))]
    block = literal_block(value)
    if block is None or flow or rest.strip() or not doc.is_mapping(parent):
        return canonical(value, flow=flow)
    header, lines = block
    return header + _indented(lines, mapping_column(doc, parent) + style.step, eol=doc.eol(body))


def _indented(lines: Sequence[str], indent: int, *, eol: str) -> str:
    return "".join(eol + " " * indent + line if line else eol for line in lines)


def _tag_removal(doc: YamlText, at: int, *, body: int) -> list[Splice]:
    """Drop a tag that would make the new string another type (``!!int``); keep all others."""
    tag = doc.events[at].tag
    if tag is None or tag == STR_TAG or not tag.startswith("tag:yaml.org,2002:"):
        return []
    start = doc.start(at)
    found = re.search(r"!\S*[ \t]*", doc.text[start:body])
    if found is None:
        doc.refuse(Reason.AMBIGUOUS, "the value's tag cannot be located", at=at)
    return [Splice(start + found.start(), start + found.end(), "")]


def _empty_filled(doc: YamlText, at: int, text: str) -> Splice:
    """Return the splice that puts a value where there is none."""
    place = doc.end(at)
    before = doc.text[max(0, place - 1) : place]
    if doc.start(at) < place or before in {":", "-", "?"}:
        return Splice(place, place, f" {text}")
    if not doc.in_flow(at) or doc.key_of(at) < 0:
        doc.refuse(Reason.AMBIGUOUS, "the empty value cannot be located", at=at)
    key_end = doc.end(doc.key_of(at))
    if ":" in doc.text[key_end:place]:  # ``{key: , other: 1}``
        return Splice(place, place, text)
    return Splice(place, place, f": {text}")  # ``{key}`` or ``{key, other}``


def _block(doc: YamlText, at: int, *, body: int, value: Scalar, style: Style) -> Splice:
    """Replace a block scalar: by another one if the value allows it, else on the header's line.

    The line break at the block's end is not part of an image's value, so the block gets ``-``.
    """
    end, first = content_end(doc, at, keep=False), doc.line_end(body)
    kind, comment = doc.text[body], doc.text[body:first].lstrip(_HEADER_MARKS).rstrip()
    lines = literal_lines(value) if isinstance(value, str) else None
    indent = _FIRST_INDENT.match(doc.text, first, end)
    fits = lines is not None and (len(lines) == 1 or kind == "|")
    plain = style.canonical and not comment and lines is not None and len(lines) == 1
    if lines is not None and fits and indent is not None and not plain:
        rows = _indented(lines, len(indent.group(1)), eol=doc.eol(body))
        return Splice(body, end, f"{kind}-{doc.text[body:first].lstrip(_HEADER_MARKS)}{rows}")
    return Splice(body, end, scalar_text(value, style=style) + comment)
