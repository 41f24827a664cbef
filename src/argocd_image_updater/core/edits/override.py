"""Edits of an override file, ``.argocd-source-<application>.yaml``.

Argo CD lays the file over the source of the application that it is named after.

Invariant: only the entries given are touched; other entries, keys and comments stay. A file that
does not exist is created in one exact shape. Source: tests/vectors/data/argocd_source_file.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.lists import (
    LIST_KEYS,
    ListEdit,
    Wanted,
    add_list,
    last_of_each,
    list_node,
    new_parameter,
    new_variable,
    read_env,
    read_images,
    read_parameters,
    set_named,
)
from argocd_image_updater.core.edits.operations import (
    AddItems,
    AddKeys,
    NewDocument,
    SetScalar,
    edit_text,
)
from argocd_image_updater.core.edits.result import Edit, EditRefused
from argocd_image_updater.core.edits.yamltext import KEPT_TEXTS, parse
from argocd_image_updater.core.edits.yamltree import find_value
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import (
    parse_image,
    same_for_override,
    tags_equal,
)
from argocd_image_updater.core.settings import ApplicationType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.application import EnvEntry, HelmParameter
    from argocd_image_updater.core.edits.content import New
    from argocd_image_updater.core.edits.yamltext import YamlText

# COMPAT: the key is written all lower case; Argo CD reads it in any case (argocd_source_file.json).
FORCE_KEY = "forcestring"


@dataclass(frozen=True, slots=True)
class OverrideContent:
    """What an override file says."""

    helm: tuple[HelmParameter, ...] = ()
    kustomize: tuple[str, ...] = ()
    plugin: tuple[EnvEntry, ...] = ()


@lru_cache(maxsize=KEPT_TEXTS)
def read_override(content: bytes, *, file: str = "") -> OverrideContent:
    """Return the lists of an override file.

    Raises:
        EditRefused: the file cannot be read.
    """
    doc = parse(content, file=file)
    root = next((root for root in doc.roots if doc.is_mapping(root)), None)
    if root is None:
        return OverrideContent()
    helm = list_node(doc, root, kind=ApplicationType.HELM)
    kustomize = list_node(doc, root, kind=ApplicationType.KUSTOMIZE)
    plugin = list_node(doc, root, kind=ApplicationType.PLUGIN)
    return OverrideContent(
        read_parameters(doc, helm) if helm is not None else (),
        read_images(doc, kustomize) if kustomize is not None else (),
        read_env(doc, plugin) if plugin is not None else (),
    )


def edit_override(
    content: bytes | None,
    *,
    kind: ApplicationType,
    helm: Sequence[HelmParameter] = (),
    kustomize: Sequence[str] = (),
    plugin: Sequence[EnvEntry] = (),
    file: str,
) -> Edit:
    """Return the override file with the entries of `kind` set; None or blank makes a new file.

    Raises:
        EditRefused: the file does not parse or has another shape, or the edit cannot be proven.
    """
    if kind not in LIST_KEYS:
        message = f"{file}: an application of type {kind} has no override file"
        raise EditRefused(Reason.SOURCE_UNSUPPORTED, message)
    parameters = sorted(last_of_each(helm), key=_name_bytes)
    wanted = Wanted(kind, tuple(parameters), tuple(kustomize), tuple(last_of_each(plugin)))
    if content is None or not content.strip(b" \t\r\n"):
        return _new_file(wanted, file=file)
    doc = parse(content, file=file)
    root = _root(doc, kind=kind)
    if root is not None and doc.is_sequence(root) and doc.is_empty(root) and len(doc.roots) == 1:
        # COMPAT: a file that says only `[]` is replaced (argocd_source_file.json).
        return _new_file(wanted, file=file)
    edit = _plan(doc, root, wanted)
    if not edit.operations:
        return Edit(content, changed=False)
    style = detect_style(doc, canonical=True)
    edited = edit_text(doc, edit.operations, style=style)
    return Edit(edited, changed=True, also_changed=edit.also_changed(doc))


def _name_bytes(parameter: HelmParameter) -> bytes:
    return parameter.name.encode("utf-8")


def _root(doc: YamlText, *, kind: ApplicationType) -> int | None:
    """Return the root of the document that has the block, else of the first with any content."""
    block = LIST_KEYS[kind][0]
    mappings = [root for root in doc.roots if doc.is_mapping(root)]
    for root in mappings:
        if find_value(doc, root, block) is not None:
            return root
    filled = (root for root in doc.roots if not doc.is_null(root))
    return next(filled, doc.roots[0] if doc.roots else None)


def _new_file(wanted: Wanted, *, file: str) -> Edit:
    doc = parse(b"", file=file)
    new = new_document(wanted, items=_new_items(wanted))
    style = detect_style(doc, canonical=True)
    return Edit(edit_text(doc, [NewDocument(new)], style=style), changed=True)


def new_document(wanted: Wanted, *, items: Sequence[New]) -> dict[str, New]:
    block, key = LIST_KEYS[wanted.kind]
    return {block: {key: list(items)}}


def _new_items(wanted: Wanted) -> list[New]:
    if wanted.kind is ApplicationType.HELM:
        return [new_parameter(item, force_key=FORCE_KEY, always=True) for item in wanted.helm]
    if wanted.kind is ApplicationType.PLUGIN:
        return [new_variable(item) for item in wanted.plugin]
    return list(wanted.kustomize)


def _plan(doc: YamlText, root: int | None, wanted: Wanted) -> ListEdit:
    edit = ListEdit(".".join(LIST_KEYS[wanted.kind]))
    items = _new_items(wanted)
    if not items:
        return edit
    if root is None:
        edit.operations.append(NewDocument(new_document(wanted, items=items)))
        return edit
    if doc.is_null(root):
        edit.operations.append(AddKeys(root, new_document(wanted, items=items)))
        return edit
    sequence = list_node(doc, root, kind=wanted.kind)
    if sequence is None or doc.is_empty(sequence):
        edit.operations += add_list(doc, root, items, kind=wanted.kind)
    elif wanted.kind is ApplicationType.HELM:
        _plan_helm(doc, sequence, wanted.helm, edit=edit)
    elif wanted.kind is ApplicationType.PLUGIN:
        _plan_plugin(doc, sequence, wanted.plugin, edit=edit)
    else:
        _plan_images(doc, sequence, wanted.kustomize, edit=edit)
    return edit


def _plan_helm(
    doc: YamlText, sequence: int, wanted: Sequence[HelmParameter], *, edit: ListEdit
) -> None:
    items, present = doc.items(sequence), read_parameters(doc, sequence)
    names = [parameter.name for parameter in present]
    for parameter in wanted:
        if parameter.name in names:
            position = names.index(parameter.name)
            operations = set_named(
                doc,
                doc.resolved(items[position]),
                parameter.value,
                force_string=parameter.force_string,
                force_key=FORCE_KEY,
            )
            edit.add(operations, position=position)
            continue
        item = new_parameter(parameter, force_key=FORCE_KEY, always=True)
        before = _sorted_place(names, parameter.name)
        place = items[before] if before is not None else None
        edit.operations.append(AddItems(sequence, [item], place))


def _sorted_place(names: Sequence[str], name: str) -> int | None:
    """Return the position before which a new name belongs; None: at the end.

    A list that is not sorted keeps its order, and new names follow at the end.
    """
    keys = [entry.encode("utf-8") for entry in names]
    if keys != sorted(keys):
        return None
    return next((index for index, key in enumerate(keys) if key > name.encode("utf-8")), None)


def _plan_plugin(
    doc: YamlText, sequence: int, wanted: Sequence[EnvEntry], *, edit: ListEdit
) -> None:
    items = doc.items(sequence)
    names = [entry.name for entry in read_env(doc, sequence)]
    for entry in wanted:
        if entry.name in names:
            position = names.index(entry.name)
            node = doc.resolved(items[position])
            edit.add(set_named(doc, node, entry.value), position=position)
        else:
            edit.operations.append(AddItems(sequence, [new_variable(entry)]))


def _plan_images(doc: YamlText, sequence: int, wanted: Sequence[str], *, edit: ListEdit) -> None:
    items, texts = doc.items(sequence), list(read_images(doc, sequence))
    added: list[str] = []
    final = dict(enumerate(texts))
    for text in wanted:
        place = _overridden([*texts, *added], text)
        if place is None:
            added.append(text)
        elif _is_newer(text, old=[*texts, *added][place]):
            if place < len(texts):
                texts[place] = text
            else:
                added[place - len(texts)] = text
    for position, text in enumerate(texts):
        if text != final[position]:
            edit.add([SetScalar(items[position], text)], position=position)
    if added:
        edit.operations.append(AddItems(sequence, added))


def _overridden(texts: Sequence[str], text: str) -> int | None:
    """Return the first entry that names the same image; its original name is not looked at."""
    image = parse_image(text)
    matches = (
        index
        for index, old in enumerate(texts)
        if old and same_for_override(parse_image(old), image)
    )
    return next(matches, None)


def _is_newer(text: str, *, old: str) -> bool:
    """Tell whether the entry replaces the old one: it has a tag, and a different one."""
    # COMPAT: an equal tag keeps the old spelling and alias (argocd_source_file.json).
    new_tag, old_tag = parse_image(text).tag, parse_image(old).tag
    if old_tag is None:
        return text != old
    return new_tag is not None and not tags_equal(new_tag, old_tag)
