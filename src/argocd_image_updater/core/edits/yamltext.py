"""YAML text as a flat list of parser events with positions: the model every edit works on.

Invariant: the text is never re-serialised; nodes are found by position and edited in place. The
list of events is the node tree written flat, so two texts with equal lists hold equal documents.
Positions are character offsets into the text without its byte order mark. Everything is bounded:
size, nesting, nodes, and the size that aliases would expand to. Source: https://yaml.org/spec/1.1/
for the events, docs/editing.md for the limits.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE_BYTES = 8 * 1024 * 1024  # larger files are data, not configuration
MAX_DEPTH = 100  # nested collections
MAX_EVENTS = 400_000  # about 400 bytes of memory each
# The images of an Application look at the same file one after the other; a text can be large.
KEPT_TEXTS = 2
MAX_EXPANDED_NODES = 1_000_000  # nodes after expanding aliases: stops alias bombs

BOM = "\ufeff"
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
NULL_TEXTS = frozenset({"", "~", "null", "Null", "NULL"})

_STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(slots=True)
class YamlText:
    """A parsed text.

    ends: for a collection's first event the index of its last one, else the event's own index.
    parents: index of the enclosing collection's first event, -1 for a document's root.
    roots: index of every document's root node. targets: alias event → anchored node, and users the
    other way round. members: of mappings that were looked at, key text → values.
    """

    text: str
    file: str
    bom: bool = False
    events: list[Any] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    targets: dict[int, int] = field(default_factory=dict)
    users: dict[int, list[int]] = field(default_factory=dict)
    members: dict[int, dict[str, list[int]]] = field(default_factory=dict)

    def refuse(self, reason: Reason, message: str, *, at: int | None = None) -> NoReturn:
        """Raise a refusal that names the file and, with an event index, the line."""
        where = self.file or "the file"
        if at is not None:
            where = f"{where}:{self.events[at].start_mark.line + 1}"
        raise EditRefused(reason, f"{where}: {message}")

    # kinds of nodes -----------------------------------------------------------------------------

    def is_mapping(self, index: int) -> bool:
        return type(self.events[index]) is yaml.MappingStartEvent

    def is_sequence(self, index: int) -> bool:
        return type(self.events[index]) is yaml.SequenceStartEvent

    def is_scalar(self, index: int) -> bool:
        return type(self.events[index]) is yaml.ScalarEvent

    def is_alias(self, index: int) -> bool:
        return type(self.events[index]) is yaml.AliasEvent

    def is_null(self, index: int) -> bool:
        """Tell whether the node is a plain, untagged null."""
        event = self.events[index]
        return self.is_scalar(index) and event.implicit[0] and event.value in NULL_TEXTS

    def is_empty(self, index: int) -> bool:
        """Tell whether the node is a collection without members."""
        return type(self.events[index]) in _STARTS and self.ends[index] == index + 1

    def in_flow(self, index: int) -> bool:
        """Tell whether the node stands inside a flow collection."""
        parent = self.parents[index]
        return parent >= 0 and bool(self.events[parent].flow_style)

    # the tree -----------------------------------------------------------------------------------

    def resolved(self, index: int) -> int:
        """Return the node itself, or the anchored node if it is an alias."""
        return self.targets.get(index, index)

    def children(self, index: int) -> Iterator[int]:
        """Yield the direct members of a collection; of a mapping keys and values in turn."""
        child, end = index + 1, self.ends[index]
        while child < end:
            yield child
            child = self.ends[child] + 1

    def pairs(self, index: int) -> Iterator[tuple[int, int]]:
        """Yield key and value of every entry of a mapping."""
        members = self.children(index)
        return zip(members, members, strict=True)

    def items(self, index: int) -> list[int]:
        """Return the items of a sequence."""
        return list(self.children(index))

    def key_text(self, key: int) -> str | None:
        """Return a key's text, None for a key that is a collection."""
        event = self.events[self.resolved(key)]
        return event.value if type(event) is yaml.ScalarEvent else None

    def is_merge_key(self, key: int) -> bool:
        event = self.events[key]
        return self.is_scalar(key) and event.value == "<<" and event.implicit[0]

    def values_of(self, mapping: int, key: str) -> list[int]:
        """Return the values that stand under a key's text: more than one is a fault of the file."""
        if mapping not in self.members:
            found: dict[str, list[int]] = {}
            for name, value in self.pairs(mapping):
                if (text := self.key_text(name)) is not None:
                    found.setdefault(text, []).append(value)
            self.members[mapping] = found
        return self.members[mapping].get(key, [])

    def key_of(self, value: int) -> int:
        """Return the key of a mapping's value; -1 if the node is not such a value."""
        parent = self.parents[value]
        if parent < 0 or not self.is_mapping(parent):
            return -1
        key = value - 1
        if type(self.events[key]) in _ENDS:  # the key is a collection
            return next((name for name, val in self.pairs(parent) if val == value), -1)
        text = self.key_text(key)
        return key if text is not None and value in self.values_of(parent, text) else -1

    # positions ----------------------------------------------------------------------------------

    def start(self, index: int) -> int:
        return int(self.events[index].start_mark.index)

    def end(self, index: int) -> int:
        return int(self.events[self.ends[index]].end_mark.index)

    def line_start(self, position: int) -> int:
        """Return the offset of the first character of the line that holds `position`."""
        return 1 + max(self.text.rfind(mark, 0, position) for mark in "\n\r\x85\u2028\u2029")

    def line_end(self, position: int) -> int:
        """Return the offset of the line break that ends the line, or of the text's end."""
        found = BREAK.search(self.text, position)
        return found.start() if found else len(self.text)

    def eol(self, position: int = 0) -> str:
        """Return the line break in use at `position`, else the text's first, else LF."""
        found = BREAK.search(self.text, position) or BREAK.search(self.text)
        return found.group() if found else "\n"

    @property
    def is_json(self) -> bool:
        """Tell whether the whole text is JSON, which must stay JSON.

        A lone ``{}`` is an empty YAML file unless its name says JSON.
        """
        if self.text.lstrip()[:1] not in {"{", "["} or not reads_as_json(self.text):
            return False
        return self.file.endswith(".json") or self.text.strip() != "{}"


def reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=KEPT_TEXTS)
def parse(content: bytes, *, file: str) -> YamlText:
    """Parse bytes; raise `EditRefused` (TargetUnreadable) if they are no acceptable YAML.

    All who ask for the same bytes share one text: nobody may change it.
    """
    text = _decode(content, file=file)
    bom = text.startswith(BOM)
    doc = YamlText(text=text[1:] if bom else text, file=file, bom=bom)
    try:
        _read_events(doc)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = shorten(error.problem or error.context or "syntax error")
        message = f"{file or 'the file'}{line}: not valid YAML: {problem}"
        raise EditRefused(Reason.TARGET_UNREADABLE, message) from None
    except yaml.YAMLError as error:
        message = f"{file or 'the file'}: not valid YAML: {shorten(str(error))}"
        raise EditRefused(Reason.TARGET_UNREADABLE, message) from None
    return doc


def _decode(content: bytes, *, file: str) -> str:
    where = file or "the file"
    if len(content) > MAX_SIZE_BYTES:
        message = f"{where}: {len(content)} bytes, the limit is {MAX_SIZE_BYTES}"
        raise EditRefused(Reason.TARGET_UNREADABLE, message)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{where}:{line}: not UTF-8 text; save the file as UTF-8"
        raise EditRefused(Reason.TARGET_UNREADABLE, message) from None


@dataclass(slots=True)
class _Open:
    """What is known while events are read: the open collections and the document's anchors."""

    stack: list[int] = field(default_factory=lambda: [-1])
    sizes: list[int] = field(default_factory=lambda: [0])
    anchors: dict[str, tuple[int, int]] = field(default_factory=dict)


def _read_events(doc: YamlText) -> None:
    loader = yaml.CSafeLoader(doc.text)
    state = _Open()
    try:
        while (event := loader.get_event()) is not None:
            _take(doc, event, state=state)
    finally:
        loader.dispose()


def _take(doc: YamlText, event: Any, *, state: _Open) -> None:
    index, kind = len(doc.events), type(event)
    doc.events.append(event)
    doc.ends.append(index)
    doc.parents.append(state.stack[-1])
    if kind is yaml.ScalarEvent:
        _close(doc, index, size=1, state=state)
    elif kind in _STARTS:
        _open(doc, index, state=state)
    elif kind in _ENDS:
        start = state.stack.pop()
        doc.ends[start] = index
        doc.parents[index] = doc.parents[start]
        _close(doc, start, size=state.sizes.pop() + 1, state=state)
    elif kind is yaml.AliasEvent:
        _alias(doc, index, state=state)
    elif kind is yaml.DocumentStartEvent:
        state.anchors.clear()
    if index >= MAX_EVENTS:
        doc.refuse(Reason.TARGET_UNREADABLE, f"more than {MAX_EVENTS} nodes", at=index)


def _open(doc: YamlText, index: int, *, state: _Open) -> None:
    state.stack.append(index)
    state.sizes.append(0)
    if len(state.stack) > MAX_DEPTH:
        doc.refuse(Reason.TARGET_UNREADABLE, f"nested deeper than {MAX_DEPTH} levels", at=index)
    if doc.events[index].anchor is not None:
        state.anchors[doc.events[index].anchor] = (index, -1)


def _close(doc: YamlText, index: int, *, size: int, state: _Open) -> None:
    state.sizes[-1] += size
    if size > MAX_EXPANDED_NODES or state.sizes[-1] > MAX_EXPANDED_NODES:
        message = f"aliases expand to more than {MAX_EXPANDED_NODES} nodes"
        doc.refuse(Reason.TARGET_UNREADABLE, message, at=index)
    event = doc.events[index]
    if event.anchor is not None and type(event) is not yaml.AliasEvent:
        state.anchors[event.anchor] = (index, size)
    if len(state.stack) == 1:
        doc.roots.append(index)


def _alias(doc: YamlText, index: int, *, state: _Open) -> None:
    name = doc.events[index].anchor
    target, size = state.anchors.get(name, (-1, -1))
    if target < 0:
        doc.refuse(Reason.TARGET_UNREADABLE, f"alias to an unknown anchor {name!r}", at=index)
    if size < 0:
        doc.refuse(Reason.TARGET_UNREADABLE, f"anchor {name!r} contains itself", at=index)
    doc.targets[index] = target
    doc.users.setdefault(target, []).append(index)
    _close(doc, index, size=size, state=state)
