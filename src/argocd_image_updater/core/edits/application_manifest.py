"""Edits of an Application manifest: the list of one source, in a file that may hold many objects.

Invariant: entries that are equal stay as they are, byte for byte; changed ones get their value,
new ones follow at the end, nothing is removed. ``forceString: true`` is added only to entries that
are new or changed. Source: docs/standalone.md,
https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.lists import (
    LIST_KEYS,
    ListEdit,
    Wanted,
    add_list,
    list_node,
    new_parameter,
    new_variable,
    read_env,
    read_images,
    read_parameters,
    set_named,
)
from argocd_image_updater.core.edits.operations import AddItems, SetScalar, edit_text
from argocd_image_updater.core.edits.result import Edit, EditRefused
from argocd_image_updater.core.edits.yamltext import parse
from argocd_image_updater.core.edits.yamltree import effective_value, scalar_of
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.application import EnvEntry, HelmParameter, SourceRef
    from argocd_image_updater.core.edits.content import New
    from argocd_image_updater.core.edits.yamltext import YamlText

FORCE_KEY = "forceString"


def edit_application_manifest(
    content: bytes,
    *,
    document: int,
    source: SourceRef,
    kind: ApplicationType,
    helm: Sequence[HelmParameter] = (),
    kustomize: Sequence[str] = (),
    plugin: Sequence[EnvEntry] = (),
    item: int | None = None,
    file: str,
) -> Edit:
    """Return the file with the whole intended list set in one source of one Application.

    document: 0-based number of the YAML document, empty ones counted.
    item: position in ``items`` if the document is a list of objects.

    Raises:
        EditRefused: the object or source is not there, or the edit cannot be proven.
    """
    if kind not in LIST_KEYS:
        message = f"{file}: an application of type {kind} has no list to edit"
        raise EditRefused(Reason.SOURCE_UNSUPPORTED, message)
    doc = parse(content, file=file)
    node = _application(doc, document, item=item)
    path = _source_path(source)
    place = _walk(doc, node, path)
    wanted = Wanted(kind, tuple(helm), tuple(kustomize), tuple(plugin))
    prefix = (["items", f"[{item}]"] if item is not None else []) + path
    edit = plan_list(doc, place, wanted, path=_joined([*prefix, *LIST_KEYS[kind]]))
    if not edit.operations:
        return Edit(content, changed=False)
    edited = edit_text(doc, edit.operations, style=detect_style(doc))
    return Edit(edited, changed=True, also_changed=edit.also_changed(doc))


def _application(doc: YamlText, document: int, *, item: int | None) -> int:
    if not 0 <= document < len(doc.roots):
        doc.refuse(Reason.TARGET_MISSING, f"there is no document number {document}")
    node = doc.roots[document]
    if item is not None:
        node = _walk(doc, node, ["items", f"[{item}]"])
    kind = scalar_of(doc, effective_value(doc, node, "kind")) if doc.is_mapping(node) else None
    if kind != "Application":
        doc.refuse(Reason.TARGET_MISSING, "there is no Application any more", at=node)
    return node


def _source_path(source: SourceRef) -> list[str]:
    if source.dry:
        return ["spec", "sourceHydrator", "drySource"]
    return ["spec", "source"] if source.index is None else ["spec", "sources", f"[{source.index}]"]


def _joined(labels: Sequence[str]) -> str:
    return ".".join(labels).replace(".[", "[")


def _walk(doc: YamlText, node: int, labels: Sequence[str]) -> int:
    for label in labels:
        child = None
        if label.startswith("["):
            items = doc.items(node) if doc.is_sequence(node) else []
            child = items[int(label[1:-1])] if int(label[1:-1]) < len(items) else None
        elif doc.is_mapping(node):
            child = effective_value(doc, node, label)
        if child is None:
            message = f"the object has no {_joined(labels)}"
            doc.refuse(Reason.TARGET_MISSING, message, at=node)
        node = doc.resolved(child)
    return node


def plan_list(doc: YamlText, source: int, wanted: Wanted, *, path: str) -> ListEdit:
    """Plan the whole intended list of one source.

    Raises:
        EditRefused: the list is not the one that the change was planned for.
    """
    edit = ListEdit(path)
    sequence = list_node(doc, source, kind=wanted.kind)
    if sequence is None or doc.is_empty(sequence):
        items = _new_items(wanted, first=0)
        edit.operations += add_list(doc, source, items, kind=wanted.kind) if items else []
        return edit
    if wanted.kind is ApplicationType.HELM:
        _plan_helm(doc, sequence, wanted, edit=edit)
    elif wanted.kind is ApplicationType.PLUGIN:
        _plan_plugin(doc, sequence, wanted, edit=edit)
    else:
        _plan_images(doc, sequence, wanted, edit=edit)
    return edit


def _new_items(wanted: Wanted, *, first: int) -> list[New]:
    if wanted.kind is ApplicationType.HELM:
        new = [new_parameter(item, force_key=FORCE_KEY, always=False) for item in wanted.helm]
        return list(new[first:])
    if wanted.kind is ApplicationType.PLUGIN:
        return [new_variable(item) for item in wanted.plugin[first:]]
    return list(wanted.kustomize[first:])


def _plan_helm(doc: YamlText, sequence: int, wanted: Wanted, *, edit: ListEdit) -> None:
    present = read_parameters(doc, sequence)
    _check_prefix(doc, sequence, [old.name for old in present], [new.name for new in wanted.helm])
    for position, (item, old, new) in enumerate(
        zip(doc.items(sequence), present, wanted.helm, strict=False)
    ):
        if old.value == new.value or not new.name:
            continue
        force = new.force_string or None
        operations = set_named(
            doc, doc.resolved(item), new.value, force_string=force, force_key=FORCE_KEY
        )
        edit.add(operations, position=position)
    _append(sequence, _new_items(wanted, first=len(present)), edit=edit)


def _plan_plugin(doc: YamlText, sequence: int, wanted: Wanted, *, edit: ListEdit) -> None:
    present = read_env(doc, sequence)
    _check_prefix(doc, sequence, [old.name for old in present], [new.name for new in wanted.plugin])
    for position, (item, old, new) in enumerate(
        zip(doc.items(sequence), present, wanted.plugin, strict=False)
    ):
        if old != new and new.name:
            edit.add(set_named(doc, doc.resolved(item), new.value), position=position)
    _append(sequence, _new_items(wanted, first=len(present)), edit=edit)


def _plan_images(doc: YamlText, sequence: int, wanted: Wanted, *, edit: ListEdit) -> None:
    present = read_images(doc, sequence)
    if len(wanted.kustomize) < len(present):
        _refuse_shorter(doc, sequence)
    for position, (item, old, new) in enumerate(
        zip(doc.items(sequence), present, wanted.kustomize, strict=False)
    ):
        if old != new:
            edit.add([SetScalar(item, new)], position=position)
    _append(sequence, _new_items(wanted, first=len(present)), edit=edit)


def _append(sequence: int, items: Sequence[New], *, edit: ListEdit) -> None:
    if items:
        edit.operations.append(AddItems(sequence, list(items)))


def _check_prefix(
    doc: YamlText, sequence: int, present: Sequence[str], wanted: Sequence[str]
) -> None:
    """Refuse a list whose entries are not the old ones with new ones behind them."""
    if list(wanted[: len(present)]) != list(present):
        _refuse_shorter(doc, sequence)


def _refuse_shorter(doc: YamlText, sequence: int) -> None:
    message = "the list is not the one that the change was planned for"
    doc.refuse(Reason.AMBIGUOUS, message, at=sequence)
