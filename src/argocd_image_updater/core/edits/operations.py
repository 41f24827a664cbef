"""The operations an edit is made of, and the plan that turns them into splices and patches.

Invariant: every operation yields both its splices (what happens to the text) and its patches (what
must happen to the documents); `edit_text` applies the first and proves the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits import members, replace
from argocd_image_updater.core.edits.embedded import embedded_splices
from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.proof import (
    Patch,
    document,
    prove,
    written,
    written_entries,
    written_items,
)
from argocd_image_updater.core.edits.splices import Splice, apply_splices

if TYPE_CHECKING:
    from argocd_image_updater.core.edits.content import New, Style
    from argocd_image_updater.core.edits.scalars import Scalar
    from argocd_image_updater.core.edits.yamltext import YamlText


@dataclass(frozen=True, slots=True)
class SetScalar:
    """Give the scalar (or alias, which is then replaced) at event `at` a new value."""

    at: int
    value: Scalar


@dataclass(frozen=True, slots=True)
class AddKeys:
    """Add entries to the mapping at event `at`; a null becomes a mapping."""

    at: int
    entries: Mapping[str, New]


@dataclass(frozen=True, slots=True)
class AddItems:
    """Add items to the list at event `at` before item `before` (None: at the end)."""

    at: int
    items: Sequence[New]
    before: int | None = None


@dataclass(frozen=True, slots=True)
class DropItem:
    """Remove the item at event `at` from its list."""

    at: int


@dataclass(frozen=True, slots=True)
class DropKey:
    """Remove the entry whose value is at event `at` from its mapping."""

    at: int


@dataclass(frozen=True, slots=True)
class NewDocument:
    """Add a document to a text that holds none (it is empty or has only comments)."""

    entries: Mapping[str, New]


@dataclass(frozen=True, slots=True)
class EditEmbedded:
    """Edit the YAML text that the scalar at event `at` holds; `operations` are on that text."""

    at: int
    inner: YamlText
    operations: Sequence[Operation]


Operation = NewDocument | EditEmbedded | SetScalar | AddKeys | AddItems | DropItem | DropKey


@dataclass(slots=True)
class _Plan:
    splices: list[Splice] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)


def edit_text(doc: YamlText, operations: Sequence[Operation], *, style: Style) -> bytes:
    """Return the edited bytes; refuse if the result is not exactly what was intended."""
    return _edited(doc, operations, style=style)[1]


def _edited(
    doc: YamlText, operations: Sequence[Operation], *, style: Style
) -> tuple[Sequence[Splice], bytes]:
    plan = _Plan()
    for operation in operations:
        _plan(doc, operation, style=style, plan=plan)
    text = apply_splices(doc.text, plan.splices, file=doc.file)
    return plan.splices, prove(doc, text, plan.patches)


def _plan(doc: YamlText, operation: Operation, *, style: Style, plan: _Plan) -> None:
    match operation:
        case SetScalar(at, value):
            plan.splices += replace.scalar(doc, at, value=value, style=style)
            anchor = None if doc.is_alias(at) else doc.events[at].anchor
            plan.patches.append(Patch(at, at + 1, tuple(written(value, anchor=anchor))))
        case AddKeys(at, entries):
            plan.splices += members.add_keys(doc, at, entries=entries, style=style)
            plan.patches.append(_added(doc, at, entries))
        case AddItems(at, items, before):
            plan.splices += members.add_items(doc, at, items=items, before=before, style=style)
            plan.patches.append(_added(doc, at, items, before=before))
        case EditEmbedded(at, inner, operations):
            splices, content = _edited(inner, operations, style=detect_style(inner))
            value = content.decode()
            plan.splices += embedded_splices(doc, at, inner=inner, splices=splices, value=value)
            anchor = doc.events[at].anchor
            plan.patches.append(Patch(at, at + 1, tuple(written(value, anchor=anchor))))
        case NewDocument(entries):
            plan.splices.append(members.new_document(doc, entries=entries, style=style))
            end = len(doc.events) - 1
            plan.patches.append(Patch(end, end, document(entries)))
        case DropItem(at):
            plan.splices.append(members.drop_item(doc, at))
            plan.patches.append(Patch(at, doc.ends[at] + 1, ()))
        case DropKey(at):
            plan.splices.append(members.drop_key(doc, at))
            plan.patches.append(Patch(doc.key_of(at), doc.ends[at] + 1, ()))


def _added(
    doc: YamlText, at: int, new: Mapping[str, New] | Sequence[New], *, before: int | None = None
) -> Patch:
    if doc.is_scalar(at):  # a null turns into the collection
        return Patch(at, at + 1, tuple(written(new, anchor=doc.events[at].anchor)))
    place = members.place_of_new(doc, at) if before is None else before
    content = written_entries(new) if isinstance(new, Mapping) else written_items(new)
    return Patch(place, place, tuple(content))
