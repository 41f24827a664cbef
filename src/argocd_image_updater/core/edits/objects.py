"""Kubernetes objects in a file: its documents, and the items of documents that are lists.

Invariant: an object is found by what it says, its kind and name, never by its position, so that it
is found again when the file has moved on. Source of the fields:
https://kubernetes.io/docs/concepts/overview/working-with-objects/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.yamltree import effective_value, scalar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argocd_image_updater.core.edits.yamltext import YamlText

_LIST = "List"


@dataclass(frozen=True, slots=True)
class FileObject:
    """One object; node: its mapping. labels: the path to it in its document."""

    node: int
    kind: str
    name: str
    namespace: str
    labels: tuple[str, ...] = ()


def objects_in(doc: YamlText) -> Iterator[FileObject]:
    """Yield the objects of all documents in their order."""
    for root in doc.roots:
        node = doc.resolved(root)
        if not doc.is_mapping(node):
            continue
        kind = scalar_of(doc, effective_value(doc, node, "kind")) or ""
        items = child_of(doc, node, "items")
        if not kind.endswith(_LIST) or items is None or not doc.is_sequence(items):
            yield _object(doc, node, kind=kind)
            continue
        implied = kind.removesuffix(_LIST)
        for number, item in enumerate(doc.items(items)):
            inner = doc.resolved(item)
            if doc.is_mapping(inner):
                own = scalar_of(doc, effective_value(doc, inner, "kind")) or implied
                yield _object(doc, inner, kind=own, labels=("items", f"[{number}]"))


def _object(doc: YamlText, node: int, *, kind: str, labels: tuple[str, ...] = ()) -> FileObject:
    name, namespace = (
        scalar_of(doc, node_at(doc, node, "metadata", key)) or "" for key in ("name", "namespace")
    )
    return FileObject(node, kind, name, namespace, labels)


def child_of(doc: YamlText, node: int, key: str) -> int | None:
    """Return what readers see under a key of a node, aliases followed; None if there is nothing."""
    if not doc.is_mapping(node):
        return None
    found = effective_value(doc, node, key)
    return None if found is None or doc.is_null(doc.resolved(found)) else doc.resolved(found)


def node_at(doc: YamlText, node: int, *keys: str) -> int | None:
    """Return what stands below several keys; None if there is nothing."""
    found: int | None = node
    for key in keys:
        found = child_of(doc, found, key) if found is not None else None
    return found
