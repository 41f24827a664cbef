"""Edits of a kustomization file: the ``images`` entries of managed images, and nothing else.

Invariant: an entry is matched by its ``name``, else through its ``newName``; only ``newTag``,
``digest`` and, where an original name is given, ``newName`` change; all other keys stay. The file
is never created. Sources: tests/vectors/data/kustomization_file.json,
https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.operations import (
    AddItems,
    AddKeys,
    DropItem,
    DropKey,
    NewDocument,
    Operation,
    SetScalar,
    edit_text,
)
from argocd_image_updater.core.edits.result import Edit, EditRefused
from argocd_image_updater.core.edits.yamltext import KEPT_TEXTS, parse
from argocd_image_updater.core.edits.yamltree import (
    effective_value,
    find_value,
    holds,
    scalar_of,
    shared_paths,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import ImageTag, parse_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.edits.yamltext import YamlText

KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True)
class KustomizeEntry:
    """One entry of ``images``; an empty text means that the key is absent."""

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""


@dataclass(slots=True)
class _Plan:
    operations: list[Operation] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)

    @property
    def also_changed(self) -> tuple[str, ...]:
        """Return the paths that change along through an anchor."""
        return tuple(sorted(self.shared - self.own))


def kustomize_entry(text: str) -> KustomizeEntry:
    """Return the entry for an override text ``[original=]image[:tag][@digest]``.

    The name stays as it is written, so that it equals the name in the manifests.
    """
    image = parse_image(text)
    tag = image.tag or ImageTag()
    name = _repository(text.partition("=")[2] if "=" in text else text, tag)
    if not name:
        message = f"{text!r} is no image override"
        raise EditRefused(Reason.SETTINGS_INVALID, message, hint="write it like name=image:tag")
    if image.alias:
        return KustomizeEntry(image.alias, name, tag.name, tag.digest)
    return KustomizeEntry(name, "", tag.name, tag.digest)


def _repository(text: str, tag: ImageTag) -> str:
    """Cut tag and digest off without touching the spelling."""
    image = text.partition("@")[0]
    return (
        image.removesuffix(tag.name).removesuffix(":") if image.endswith(f":{tag.name}") else image
    )


def read_kustomization_images(content: bytes, *, file: str = "") -> tuple[KustomizeEntry, ...]:
    """Return the entries of ``images`` that are mappings, in order.

    Raises:
        EditRefused: the file cannot be read.
    """
    return tuple(entry for _, _, entry in _present(content, file))


@lru_cache(maxsize=KEPT_TEXTS)
def _present(content: bytes, file: str) -> tuple[tuple[int, int, KustomizeEntry], ...]:
    """Return position, node and entry of every item of ``images`` that is a mapping."""
    doc = parse(content, file=file)
    root = _root(doc)
    images = None if root is None or doc.is_null(root) else _images(doc, root)
    if images is None or not doc.is_sequence(images):
        return ()
    nodes = ((position, doc.resolved(item)) for position, item in enumerate(doc.items(images)))
    return tuple(
        (position, node, _entry_at(doc, node)) for position, node in nodes if doc.is_mapping(node)
    )


def edit_kustomization(
    content: bytes,
    entries: Sequence[KustomizeEntry],
    *,
    file: str,
    refuse_shared: bool = False,
) -> Edit:
    """Return the kustomization with the entries set; an entry that is missing is appended.

    Raises:
        EditRefused: the file is no single kustomization, or the edit cannot be proven.
    """
    doc, plan = _planned(content, entries, file=file, refuse_shared=refuse_shared)
    if not plan.operations:
        return Edit(content, changed=False)
    edited = edit_text(doc, plan.operations, style=detect_style(doc))
    return Edit(edited, changed=True, also_changed=plan.also_changed)


def changes_kustomization(
    content: bytes,
    entries: Sequence[KustomizeEntry],
    *,
    file: str,
    refuse_shared: bool = False,
) -> bool:
    """Tell whether an edit would change the file, without making it.

    Raises:
        EditRefused: the file is no single kustomization.
    """
    return bool(_planned(content, entries, file=file, refuse_shared=refuse_shared)[1].operations)


def _planned(
    content: bytes, entries: Sequence[KustomizeEntry], *, file: str, refuse_shared: bool
) -> tuple[YamlText, _Plan]:
    doc = parse(content, file=file)
    root = _root(doc)
    wanted = list({entry.name: entry for entry in entries}.values())
    plan = _Plan()
    if root is None or doc.is_null(root):
        _fill_root(root, wanted, plan=plan)
    else:
        _plan_images(doc, root, wanted, present=_present(content, file), plan=plan)
    if refuse_shared and plan.also_changed:
        message = f"the change would also change {', '.join(plan.also_changed)} through an anchor"
        doc.refuse(Reason.AMBIGUOUS, message)
    return doc, plan


def _root(doc: YamlText) -> int | None:
    """Return the root of the only document that is not empty."""
    filled = [root for root in doc.roots if not doc.is_null(root)]
    if len(filled) > 1:
        message = "a kustomization holds one document only"
        doc.refuse(Reason.TARGET_MISMATCH, message, at=filled[1])
    root = filled[0] if filled else next(iter(doc.roots), None)
    if filled and not doc.is_mapping(filled[0]):
        doc.refuse(Reason.TARGET_MISMATCH, "a kustomization is a mapping", at=filled[0])
    return root


def _images(doc: YamlText, root: int) -> int | None:
    value = find_value(doc, root, "images")
    if value is None:
        return None
    node = doc.resolved(value)
    if not doc.is_sequence(node) and not doc.is_null(node):
        doc.refuse(Reason.TARGET_MISMATCH, "'images' must be a list", at=node)
    return node


def _entry_at(doc: YamlText, node: int) -> KustomizeEntry:
    names = ("name", "newName", "newTag", "digest")
    return KustomizeEntry(*(scalar_of(doc, effective_value(doc, node, key)) or "" for key in names))


def _fill_root(root: int | None, wanted: Sequence[KustomizeEntry], *, plan: _Plan) -> None:
    if wanted:
        new = {"images": [_new_item(entry) for entry in wanted]}
        plan.operations.append(NewDocument(new) if root is None else AddKeys(root, new))


def _plan_images(
    doc: YamlText,
    root: int,
    wanted: Sequence[KustomizeEntry],
    *,
    present: Sequence[tuple[int, int, KustomizeEntry]],
    plan: _Plan,
) -> None:
    images = _images(doc, root)
    items = doc.items(images) if images is not None and doc.is_sequence(images) else []
    names = {entry.name for entry in wanted}
    new = []
    for entry in wanted:
        matches = _matches(present, entry, names=names)
        for position, node, old in matches:
            _plan_entry(doc, node, entry, old=old, label=f"images[{position}]", plan=plan)
        if not matches:
            new.append(_new_item(entry))
    if new and images is None:
        plan.operations.append(AddKeys(root, {"images": new}))
    elif new and images is not None:
        plan.operations.append(AddItems(images, new))
    if plan.operations:
        _drop_empty(doc, items, plan=plan)


def _matches(
    present: Sequence[tuple[int, int, KustomizeEntry]], entry: KustomizeEntry, *, names: set[str]
) -> list[tuple[int, int, KustomizeEntry]]:
    """Return the items an entry is for: those of its name, else those that are renamed to it.

    names: what is wanted by name; such items are not found through their ``newName``.
    """
    named = {found[1]: found for found in present if found[2].name == entry.name}
    if named or entry.new_name:
        return list(named.values())
    renamed = {
        found[1]: found
        for found in present
        if found[2].new_name == entry.name and found[2].name not in names
    }
    return list(renamed.values())


def _plan_entry(
    doc: YamlText,
    node: int,
    entry: KustomizeEntry,
    *,
    old: KustomizeEntry,
    label: str,
    plan: _Plan,
) -> None:
    values = {"newName": entry.new_name, "newTag": entry.new_tag, "digest": entry.digest}
    new = {}
    for key, value in values.items():
        if not value:
            continue
        at = find_value(doc, node, key)
        seen = effective_value(doc, node, key)
        if seen is not None and holds(doc, seen, value):
            continue
        if at is None:
            new[key] = value
        else:
            plan.operations.append(SetScalar(_replaceable(doc, at, key), value))
        _note_shared(doc, node, key, label=label, plan=plan)
    if new:
        plan.operations.append(AddKeys(node, new))
    if entry.new_tag and not entry.digest and old.digest:
        _drop_digest(doc, node, label=label, plan=plan)


def _replaceable(doc: YamlText, at: int, key: str) -> int:
    """Return the value to replace: an alias is replaced itself, not followed."""
    # COMPAT: `newTag: *tag` gets a value of its own (kustomization_file.json).
    if not doc.is_scalar(doc.resolved(at)):
        doc.refuse(Reason.TARGET_MISMATCH, f"{key!r} must be a single value", at=at)
    return at


def _drop_digest(doc: YamlText, node: int, *, label: str, plan: _Plan) -> None:
    """Remove the digest, which would win over the new tag."""
    at = find_value(doc, node, "digest")
    if at is None:
        message = "the digest comes from a merge (<<) and would win over the new tag"
        doc.refuse(Reason.AMBIGUOUS, message, at=node)
    plan.operations.append(DropKey(at))
    _note_shared(doc, node, "digest", label=label, plan=plan)


def _note_shared(doc: YamlText, node: int, key: str, *, label: str, plan: _Plan) -> None:
    at = find_value(doc, node, key)
    shared = shared_paths(doc, node, below=(key,))
    if at is not None and not doc.is_alias(at):
        shared += shared_paths(doc, at)
    plan.shared.update(shared)
    plan.own.add(f"{label}.{key}")


def _drop_empty(doc: YamlText, items: Sequence[int], *, plan: _Plan) -> None:
    """Remove null and ``{}`` items along with a change, unless nothing else would be left."""
    # COMPAT: kustomization_file.json
    empty = [item for item in items if doc.is_null(item) or doc.is_empty(item)]
    if len(empty) < len(items):
        plan.operations += [DropItem(item) for item in empty if doc.events[item].anchor is None]


def _new_item(entry: KustomizeEntry) -> dict[str, str]:
    item = {
        "name": entry.name,
        "newName": entry.new_name,
        "newTag": entry.new_tag,
        "digest": entry.digest,
    }
    return {key: value for key, value in item.items() if value}
