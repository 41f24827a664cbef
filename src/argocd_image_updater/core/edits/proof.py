"""The proof of an edit: the new text's events are the old ones with exactly the intended changes.

Invariant: nothing leaves an edit unproven. Every node of every document is compared: kind, anchor,
tag, text and whether the text was plain. A value that was written must be a string under YAML 1.1
and YAML 1.2. Source: docs/editing.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.edits.scalars import Flag, is_ambiguous
from argocd_image_updater.core.edits.yamltext import YamlText, reads_as_json
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from argocd_image_updater.core.edits.content import New

STR_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar that an edit wrote: must read as exactly this string (or boolean)."""

    value: str | Flag
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """The start or end of a collection or document that an edit wrote."""

    kind: type[Any]
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Replace the events ``start:end`` of the old text by what was written."""

    start: int
    end: int
    content: tuple[Written | Mark, ...]


def written(value: New, *, anchor: str | None = None) -> Iterator[Written | Mark]:
    """Describe new content as the events that it must parse to."""
    if isinstance(value, str | Flag):
        yield Written(value, anchor)
    elif isinstance(value, Mapping):
        yield Mark(yaml.MappingStartEvent, anchor)
        yield from written_entries(value)
        yield Mark(yaml.MappingEndEvent)
    else:
        yield Mark(yaml.SequenceStartEvent, anchor)
        yield from written_items(value)
        yield Mark(yaml.SequenceEndEvent)


def written_entries(entries: Mapping[str, New]) -> Iterator[Written | Mark]:
    for key, value in entries.items():
        yield Written(key)
        yield from written(value)


def written_items(items: Iterable[New]) -> Iterator[Written | Mark]:
    for item in items:
        yield from written(item)


def document(value: New) -> tuple[Written | Mark, ...]:
    """Describe a whole new document."""
    start, end = Mark(yaml.DocumentStartEvent), Mark(yaml.DocumentEndEvent)
    return (start, *written(value), end)


def prove(old: YamlText, new_text: str, patches: Sequence[Patch]) -> bytes:
    """Return the new text as bytes if it holds exactly the intended documents; refuse otherwise."""
    if old.is_json and not reads_as_json(new_text):
        raise _unproven(old, "the result would not be JSON")
    loader = None
    try:
        loader = yaml.CSafeLoader(new_text)
        _compare(old, loader, _expected(old.events, patches))
        return ("\ufeff" * old.bom + new_text).encode("utf-8")
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        message = f"the result would not be valid: {shorten(str(error))}"
        raise _unproven(old, message) from None
    finally:
        if loader is not None:
            loader.dispose()


def _compare(old: YamlText, loader: yaml.CSafeLoader, expected: Iterator[Any]) -> None:
    """Compare what the new text holds, event by event, with what it should hold."""
    for want in expected:
        got: Any = loader.get_event()
        if got is None or not _same(want, got):
            where = f"near line {got.start_mark.line + 1}" if got is not None else "at the end"
            raise _unproven(old, f"the result would differ elsewhere, {where}")
    if loader.get_event() is not None:
        raise _unproven(old, "the result would hold more than intended")


def _unproven(old: YamlText, message: str) -> EditRefused:
    return EditRefused(
        Reason.AMBIGUOUS,
        f"{old.file or 'the file'}: the edit cannot be made safely: {message}",
        hint="edit the value by hand once, in a plain style",
    )


def _expected(events: Sequence[Any], patches: Sequence[Patch]) -> Iterator[Any]:
    position = 0
    for patch in sorted(patches, key=lambda item: (item.start, item.end)):
        yield from events[position : patch.start]
        yield from patch.content
        position = patch.end
    yield from events[position:]


def _same(want: Any, got: Any) -> bool:
    kind = type(want)
    if kind is Written:
        return _is_written(want, got)
    if kind is Mark:
        return _is_mark(want, got)
    if kind is not type(got):
        return False
    if kind is yaml.ScalarEvent:
        return bool(
            want.value == got.value
            and want.implicit == got.implicit
            and want.tag == got.tag
            and want.anchor == got.anchor
        )
    if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
        return bool(want.tag == got.tag and want.anchor == got.anchor)
    if kind is yaml.AliasEvent:
        return bool(want.anchor == got.anchor)
    if kind is yaml.DocumentStartEvent:
        return bool(
            want.explicit == got.explicit and want.version == got.version and want.tags == got.tags
        )
    return True


def _is_mark(want: Mark, got: Any) -> bool:
    if want.kind is not type(got):
        return False
    return want.anchor == getattr(got, "anchor", None) and getattr(got, "tag", None) is None


def _is_written(want: Written, got: Any) -> bool:
    if type(got) is not yaml.ScalarEvent or got.anchor != want.anchor:
        return False
    if isinstance(want.value, Flag):
        return bool(got.value == want.value.text and got.implicit[0])
    return bool(got.value == want.value) and reads_as_string(got)


def reads_as_string(event: Any) -> bool:
    """Tell whether every YAML reader takes the scalar event for a string."""
    if event.tag is not None:
        return bool(event.tag == STR_TAG or not event.tag.startswith("tag:yaml.org,2002:"))
    return not event.implicit[0] or not is_ambiguous(event.value)
