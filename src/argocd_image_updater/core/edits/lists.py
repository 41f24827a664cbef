"""The three lists of an Application source, wherever they stand: parameters, images, variables.

Override files and Application manifests hold the same lists below different keys. Here their items
are read, and changed items are turned into operations that touch only what differs.
Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/ (override files),
tests/vectors/data/argocd_source_file.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from argocd_image_updater.core.application import EnvEntry, HelmParameter
from argocd_image_updater.core.edits.operations import AddItems, AddKeys, Operation, SetScalar
from argocd_image_updater.core.edits.scalars import Flag
from argocd_image_updater.core.edits.yamltree import (
    effective_value,
    find_value,
    holds,
    scalar_of,
    shared_paths,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.edits.content import New
    from argocd_image_updater.core.edits.yamltext import YamlText

LIST_KEYS: Mapping[ApplicationType, tuple[str, str]] = {
    ApplicationType.HELM: ("helm", "parameters"),
    ApplicationType.KUSTOMIZE: ("kustomize", "images"),
    ApplicationType.PLUGIN: ("plugin", "env"),
}
_TRUE_TEXTS = frozenset({"true", "True", "TRUE"})


_Named = TypeVar("_Named", HelmParameter, EnvEntry)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The entries that a list of `kind` should have."""

    kind: ApplicationType
    helm: tuple[HelmParameter, ...]
    kustomize: tuple[str, ...]
    plugin: tuple[EnvEntry, ...]


@dataclass(slots=True)
class ListEdit:
    """The operations on one list, and which of its items are meant to change."""

    path: str
    operations: list[Operation] = field(default_factory=list)
    touched: list[tuple[str, int]] = field(default_factory=list)

    def add(self, operations: Sequence[Operation], *, position: int) -> None:
        """Add operations on the item at a position of the list."""
        self.operations += operations
        prefix = f"{self.path}[{position}]"
        for operation in operations:
            if isinstance(operation, SetScalar | AddKeys):
                self.touched.append((prefix, operation.at))

    def also_changed(self, doc: YamlText) -> tuple[str, ...]:
        """Return the paths outside the touched items that share an anchor with them."""
        shared = {path for _, at in self.touched for path in shared_paths(doc, at)}
        own = tuple(prefix for prefix, _ in self.touched)
        return tuple(sorted(path for path in shared if not path.startswith(own)))


def last_of_each(entries: Iterable[_Named]) -> list[_Named]:
    """Keep the first position and the last value of every name."""
    return list({entry.name: entry for entry in entries}.values())


def list_node(doc: YamlText, source: int, *, kind: ApplicationType) -> int | None:
    """Return the list of `kind` below a source (or override root); None if it is absent or null."""
    node = source
    for key in LIST_KEYS[kind]:
        if not doc.is_mapping(node):
            doc.refuse(Reason.TARGET_MISMATCH, f"{key!r} cannot stand here", at=node)
        value = effective_value(doc, node, key)
        if value is None or doc.is_null(doc.resolved(value)):
            return None
        node = doc.resolved(value)
    if not doc.is_sequence(node):
        message = f"{'.'.join(LIST_KEYS[kind])!r} must be a list"
        doc.refuse(Reason.TARGET_MISMATCH, message, at=node)
    return node


def add_list(
    doc: YamlText, source: int, items: Sequence[New], *, kind: ApplicationType
) -> list[Operation]:
    """Return the operation that puts items into a list that is absent, null or empty."""
    block, key = LIST_KEYS[kind]
    outer = find_value(doc, source, block) if doc.is_mapping(source) else None
    if outer is None:
        return [AddKeys(source, {block: {key: list(items)}})]
    outer = doc.resolved(outer)
    inner = find_value(doc, outer, key) if doc.is_mapping(outer) else None
    if inner is None:
        return [AddKeys(outer, {key: list(items)})]
    return [AddItems(doc.resolved(inner), list(items))]


def force_string_value(doc: YamlText, item: int) -> int | None:
    """Return the value of ``forceString``, which Argo CD reads in any letter case."""
    for key, value in doc.pairs(item):
        if (doc.key_text(key) or "").lower() == "forcestring":
            return value
    return None


def read_parameters(doc: YamlText, sequence: int) -> tuple[HelmParameter, ...]:
    """Return the Helm parameters of a list; items that are no mapping have an empty name."""
    found = []
    for item in doc.items(sequence):
        name, value = _name_and_value(doc, item)
        force = None
        if doc.is_mapping(doc.resolved(item)):
            force = scalar_of(doc, force_string_value(doc, doc.resolved(item)))
        found.append(HelmParameter(name, value, force in _TRUE_TEXTS))
    return tuple(found)


def read_env(doc: YamlText, sequence: int) -> tuple[EnvEntry, ...]:
    """Return the variables of a list; items that are no mapping have an empty name."""
    return tuple(EnvEntry(*_name_and_value(doc, item)) for item in doc.items(sequence))


def read_images(doc: YamlText, sequence: int) -> tuple[str, ...]:
    """Return the texts of a list of images; items that are no text are empty."""
    return tuple(scalar_of(doc, item) or "" for item in doc.items(sequence))


def _name_and_value(doc: YamlText, item: int) -> tuple[str, str]:
    node = doc.resolved(item)
    if not doc.is_mapping(node):
        return "", ""
    name = scalar_of(doc, effective_value(doc, node, "name"))
    return name or "", scalar_of(doc, effective_value(doc, node, "value")) or ""


def set_named(
    doc: YamlText,
    item: int,
    value: str,
    *,
    force_string: bool | None = None,
    force_key: str = "forceString",
) -> list[Operation]:
    """Return the operations that give a named item its value, and its flag unless that is None."""
    operations, new = _set_value(doc, item, value)
    if force_string is not None:
        present = force_string_value(doc, item)
        if present is None and force_string:
            new[force_key] = Flag(value=True)
        elif present is not None and not holds(doc, present, Flag(force_string)):
            operations.append(SetScalar(present, Flag(force_string)))
    return [*operations, AddKeys(item, new)] if new else operations


def _set_value(doc: YamlText, item: int, value: str) -> tuple[list[Operation], dict[str, New]]:
    own = find_value(doc, item, "value")
    seen = effective_value(doc, item, "value")
    if seen is not None and holds(doc, seen, value):
        return [], {}
    if own is None:
        return [], {"value": value}
    if not doc.is_scalar(doc.resolved(own)):
        doc.refuse(Reason.TARGET_MISMATCH, "'value' must be a single value", at=own)
    return [SetScalar(own, value)], {}


def new_parameter(parameter: HelmParameter, *, force_key: str, always: bool) -> dict[str, New]:
    """Return a new list item; always: write the flag also where it is false."""
    item: dict[str, New] = {"name": parameter.name, "value": parameter.value}
    if parameter.force_string or always:
        item[force_key] = Flag(parameter.force_string)
    return item


def new_variable(entry: EnvEntry) -> dict[str, New]:
    return {"name": entry.name, "value": entry.value}
