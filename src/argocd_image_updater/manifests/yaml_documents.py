"""Read the documents of a YAML or JSON text into plain values, with their lines, within limits.

Values are built from the parser's events, without recursion and without tagged constructors: no
input can nest too deep, run code, or grow beyond the limits through aliases. What was read before a
broken place stays valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from argocd_image_updater.errors import ConfigError, shorten
from argocd_image_updater.manifests.scalars import key_text, read_scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

# Kubernetes objects are a tenth of this; a map in a map a hundred times over is an attack.
DEPTH_LIMIT = 100
# Values of one document, aliases counted as what they stand for.
VALUE_LIMIT = 200_000
DOCUMENT_LIMIT = 10_000
_MERGE_KEY = "<<"
# Root map, its list, and the maps in it: the items of a Kubernetes list.
_ITEM_DEPTH = 2
# JSON writes a character beyond U+FFFF as two escapes, which YAML does not know.
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)


class BrokenYaml(ConfigError):
    """The text cannot be read from this line (counted from 1) on."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its value, place in the file and first line (counted from 1).

    item_lines: first lines of maps in a list of the root map, by identity of the map.
    """

    value: Any
    index: int
    line: int
    item_lines: dict[int, int]


@dataclass(slots=True)
class _Frame:
    """A list or map under construction."""

    value: list[Any] | dict[str, Any]
    anchor: str | None
    size_before: int
    key: str | None = None
    is_merge: bool = False
    merged: list[Any] = field(default_factory=list)


class _Builder:
    """Builds one document out of events."""

    def __init__(self) -> None:
        self.root: Any = None
        self.line = 0
        self.item_lines: dict[int, int] = {}
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = 0

    def feed(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        is_plain = not event.style
        if self._awaits_key() and is_plain and event.value == _MERGE_KEY and event.tag is None:
            self._stack[-1].is_merge = True
            self._stack[-1].key = _MERGE_KEY
            return
        value = read_scalar(event.value, tag=event.tag, is_plain=is_plain)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, size=1, event=event)

    def _open(self, value: list[Any] | dict[str, Any], event: yaml.NodeEvent) -> None:
        if self._awaits_key():
            raise BrokenYaml("a map key must be text", line=_line(event))
        if len(self._stack) >= DEPTH_LIMIT:
            raise BrokenYaml(f"nested deeper than {DEPTH_LIMIT} levels", line=_line(event))
        if not self._stack:
            self.line = _line(event)
        elif len(self._stack) == _ITEM_DEPTH and isinstance(value, dict):
            self.item_lines[id(value)] = _line(event)
        self._stack.append(_Frame(value, event.anchor, self._size))

    def _close(self, event: yaml.Event) -> None:
        frame = self._stack.pop()
        for mapping in frame.merged:
            if not isinstance(mapping, dict):
                raise BrokenYaml("<< must name a map or a list of maps", line=_line(event))
            assert isinstance(frame.value, dict)
            for key, value in mapping.items():
                frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, self._size - frame.size_before + 1)
        self._add(frame.value, size=1, event=event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise BrokenYaml(
                f"alias *{shorten(event.anchor or '', 40)} is unknown", line=_line(event)
            )
        value, size = self._anchors[event.anchor]
        self._add(value, size=size, event=event)

    def _awaits_key(self) -> bool:
        return bool(self._stack) and (
            isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None
        )

    def _add(self, value: Any, *, size: int, event: yaml.Event) -> None:
        self._size += size
        if self._size > VALUE_LIMIT:
            raise BrokenYaml(f"more than {VALUE_LIMIT} values in a document", line=_line(event))
        if not self._stack:
            self.line = self.line or _line(event)
            self.root = value
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            if isinstance(value, list | dict):
                raise BrokenYaml("a map key must be text", line=_line(event))
            frame.key = key_text(value)
        else:
            if frame.is_merge:
                frame.merged += value if isinstance(value, list) else [value]
            else:
                frame.value[frame.key] = value
            frame.key, frame.is_merge = None, False


def read_documents(text: str) -> Iterator[Document]:
    """Yield the documents of a text, or raise BrokenYaml where it goes on no further."""
    if text.lstrip()[:1] in ("{", "["):
        text = _SURROGATES.sub(_join_surrogates, text)
    builder, index = _Builder(), -1
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                builder, index = _Builder(), index + 1
                if index >= DOCUMENT_LIMIT:
                    raise BrokenYaml(f"more than {DOCUMENT_LIMIT} documents", line=_line(event))
            elif isinstance(event, yaml.DocumentEndEvent):
                yield Document(builder.root, index, builder.line, builder.item_lines)
            else:
                builder.feed(event)
    except yaml.YAMLError as error:
        raise _broken(text, error) from None


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _broken(text: str, error: yaml.YAMLError) -> BrokenYaml:
    """Translate the parser's error; what it says of the text itself is left out."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return BrokenYaml("holds a character that YAML does not allow", line=line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return BrokenYaml(shorten(str(problem)), line=mark.line + 1 if mark else 1)
