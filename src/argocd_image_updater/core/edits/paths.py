"""Dotted paths into a values file: ``image.tag``, ``list[0].tag``, and the literal root key.

Rules: segments are split at dots, of which one behind a backslash belongs to its key; a segment may
end in list indexes, or be nothing else; keys are compared by their text; the nested key counts
first, then a root key that is the whole path; an alias is followed; a merge key (``<<``) is not
looked through, a key from a merge is added.
Source: tests/vectors/data/helm_values_set.json, docs/editing.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.edits.yamltree import find_value, merged_value
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from argocd_image_updater.core.edits.yamltext import YamlText

_INDEXED = re.compile(r"(.*?)((?:\[[^\[\]]*\])+)")
_INDEXES = re.compile(r"(?:\[[0-9]{1,9}\])+")
_PLAIN_DOT = re.compile(r"(?<!\\)\.")
_ESCAPED_DOT = "\\."
_INDEX = re.compile(r"[-+]?[0-9]{1,9}")
MAX_SEGMENTS = 64  # deeper than any chart; keeps the work per path small


@dataclass(frozen=True, slots=True)
class Found:
    """The path leads to the node at this event (an alias is not yet followed)."""

    at: int


@dataclass(frozen=True, slots=True)
class Missing:
    """The path ends at the mapping (or null) `at`; `rest` has to be created there."""

    at: int
    rest: tuple[str, ...]


def labels_of(path: str) -> tuple[str, ...]:
    """Split a path at its dots, but for those behind a backslash."""
    return tuple(part.replace(_ESCAPED_DOT, ".") for part in _PLAIN_DOT.split(path))


def _checked(path: str, segments: tuple[str, ...], *, file: str) -> tuple[str, ...]:
    if not all(segments) or len(segments) > MAX_SEGMENTS:
        message = f"{file or 'the file'}: {path!r} is not a usable path: a part of it is empty"
        if len(segments) > MAX_SEGMENTS:
            message = f"{file or 'the file'}: a path of more than {MAX_SEGMENTS} parts"
        raise EditRefused(Reason.SETTINGS_INVALID, message, hint="write it like image.tag")
    return segments


def new_path(path: str, *, file: str) -> tuple[str, ...]:
    """Split the path of keys that are all to be created; a list is never created."""
    segments = _checked(path, labels_of(path), file=file)
    for segment in segments:
        if _names_item(segment):
            message = f"{file or 'the file'}: {segment!r}: there is no such list"
            raise EditRefused(Reason.TARGET_MISSING, message)
    return segments


def locate(doc: YamlText, root: int, path: str) -> Found | Missing:
    """Find the path below the root mapping: nested first, then as one literal root key."""
    literal = find_value(doc, root, path) if path and doc.is_mapping(root) else None
    if _ESCAPED_DOT in path and literal is None:
        # COMPAT: a key that ends in a backslash, where there is one, is found as it always was.
        plain = _if_found(doc, root, tuple(path.split(".")))
        if plain is not None:
            return plain
    try:
        nested = walk(doc, root, _checked(path, labels_of(path), file=doc.file))
    except EditRefused:
        if literal is None:
            raise
        return Found(literal)
    if isinstance(nested, Missing) and literal is not None:
        return Found(literal)
    return nested


def _if_found(doc: YamlText, root: int, segments: tuple[str, ...]) -> Found | None:
    try:
        place = walk(doc, root, segments)
    except EditRefused:
        return None
    return place if isinstance(place, Found) else None


def walk(doc: YamlText, root: int, segments: tuple[str, ...]) -> Found | Missing:
    """Follow the segments from the root as far as they exist."""
    node = root
    for position, segment in enumerate(segments):
        node = doc.resolved(node)
        if doc.is_null(node):
            return _missing(doc, node, segments[position:])
        if doc.is_sequence(node) and _INDEXES.fullmatch(segment):
            node = _items(doc, node, segment, segment)
            continue
        if not doc.is_mapping(node):
            _wrong_kind(doc, node, segments[:position])
        child = _step(doc, node, segment)
        if child is None:
            merged = merged_value(doc, node, segment)
            if merged is not None and position + 1 < len(segments):
                message = f"{segment!r} comes from a merge (<<); a new key would hide all of it"
                doc.refuse(Reason.AMBIGUOUS, message, at=node)
            return _missing(doc, node, segments[position:])
        node = child
    return Found(node)


def _step(doc: YamlText, mapping: int, segment: str) -> int | None:
    value = find_value(doc, mapping, segment)
    if value is not None:
        return value
    parts = _INDEXED.fullmatch(segment)
    if parts is None or not parts.group(1):
        return None
    child = find_value(doc, mapping, parts.group(1))
    if child is None:
        return None
    return _items(doc, child, parts.group(2), segment)


def _items(doc: YamlText, node: int, indexes: str, segment: str) -> int:
    for text in indexes[1:-1].split("]["):
        node = _item(doc, node, text, segment)
    return node


def _item(doc: YamlText, node: int, text: str, segment: str) -> int:
    sequence = doc.resolved(node)
    if not doc.is_sequence(sequence):
        doc.refuse(Reason.TARGET_MISMATCH, f"{segment!r}: an index, but no list", at=sequence)
    if _INDEX.fullmatch(text) is None:
        message = f"{segment!r}: the index {text!r} is not a whole number"
        doc.refuse(Reason.SETTINGS_INVALID, message, at=sequence)
    items = doc.items(sequence)
    if not 0 <= int(text) < len(items):
        message = f"{segment!r}: the list has {len(items)} items, counted from 0"
        doc.refuse(Reason.TARGET_MISSING, message, at=sequence)
    return items[int(text)]


def _names_item(segment: str) -> bool:
    return _INDEXED.fullmatch(segment) is not None


def _missing(doc: YamlText, node: int, rest: tuple[str, ...]) -> Missing:
    for segment in rest:
        if _names_item(segment):
            doc.refuse(Reason.TARGET_MISSING, f"{segment!r}: there is no such list", at=node)
    return Missing(node, rest)


def _wrong_kind(doc: YamlText, node: int, done: tuple[str, ...]) -> NoReturn:
    where = repr(".".join(done)) if done else "the document"
    if doc.is_sequence(node):
        message = f"{where} is a list; the path needs an index such as [0]"
    else:
        message = f"{where} holds a single value, not keys"
    doc.refuse(Reason.TARGET_MISMATCH, message, at=node)
