"""Looking things up in a parsed text: keys, merges, and every path that shares an anchor.

Invariant: a key that stands twice in a mapping on the way is a refusal, since readers disagree on
which one counts. Merge keys follow https://yaml.org/type/merge.html: own keys win, then the merged
mappings in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.proof import reads_as_string
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argocd_image_updater.core.edits.scalars import Scalar
    from argocd_image_updater.core.edits.yamltext import YamlText

MAX_SHARED_PATHS = 1000  # a change that touches more places is refused


def find_value(doc: YamlText, mapping: int, key: str) -> int | None:
    """Return the value of a mapping's own key, None if there is none."""
    found = doc.values_of(mapping, key)
    if len(found) > 1:
        doc.refuse(Reason.AMBIGUOUS, f"the key {key!r} stands twice in one mapping", at=found[1])
    return found[0] if found else None


def merged_value(doc: YamlText, mapping: int, key: str) -> int | None:
    """Return the value that a merge key (``<<``) brings for `key`, None if there is none."""
    for source in _merged_mappings(doc, mapping):
        value = find_value(doc, source, key)
        if value is None:
            value = merged_value(doc, source, key)
        if value is not None:
            return value
    return None


def effective_value(doc: YamlText, mapping: int, key: str) -> int | None:
    """Return what readers see under `key`: the own value, else the merged one."""
    value = find_value(doc, mapping, key)
    return merged_value(doc, mapping, key) if value is None else value


def _merged_mappings(doc: YamlText, mapping: int) -> Iterator[int]:
    for key, value in doc.pairs(mapping):
        if not doc.is_merge_key(key):
            continue
        source = doc.resolved(value)
        candidates = doc.items(source) if doc.is_sequence(source) else [source]
        for candidate in candidates:
            if doc.is_mapping(doc.resolved(candidate)):
                yield doc.resolved(candidate)


def scalar_of(doc: YamlText, at: int | None) -> str | None:
    """Return a scalar's text (aliases followed); None for null, a collection or nothing."""
    if at is None:
        return None
    node = doc.resolved(at)
    return None if not doc.is_scalar(node) or doc.is_null(node) else str(doc.events[node].value)


def holds(doc: YamlText, at: int, value: Scalar) -> bool:
    """Tell whether the node already reads as exactly this value."""
    node = doc.resolved(at)
    if not doc.is_scalar(node):
        return False
    event = doc.events[node]
    if isinstance(value, str):
        return bool(event.value == value) and reads_as_string(event)
    return bool(event.value == value.text) and event.implicit[0]


def shared_paths(doc: YamlText, at: int, *, below: tuple[str, ...] = ()) -> list[str]:
    """Return every path under which readers see the node `at`, or the keys `below` it."""
    if not doc.targets:
        return []
    out: list[str] = []
    _collect(doc, at, below, out)
    return out


def _collect(doc: YamlText, at: int, below: tuple[str, ...], out: list[str]) -> None:
    for alias in doc.users.get(at, ()):
        _collect_alias(doc, alias, below, out)
    parent = doc.parents[at]
    if parent < 0:
        out.append(join_path(below))
        if len(out) > MAX_SHARED_PATHS:
            message = f"the change would show in more than {MAX_SHARED_PATHS} places"
            doc.refuse(Reason.AMBIGUOUS, message, at=at)
        return
    if doc.is_sequence(parent):
        label = f"[{doc.items(parent).index(at)}]"
    else:
        label = doc.key_text(doc.key_of(at)) or ""
    _collect(doc, parent, (label, *below), out)


def _collect_alias(doc: YamlText, alias: int, below: tuple[str, ...], out: list[str]) -> None:
    merger = _merging_mapping(doc, alias)
    if merger is None:
        _collect(doc, alias, below, out)
    elif below and find_value(doc, merger, below[0]) is None:
        _collect(doc, merger, below, out)


def _merging_mapping(doc: YamlText, alias: int) -> int | None:
    """Return the mapping that merges the alias through its ``<<`` key, if one does."""
    value, parent = alias, doc.parents[alias]
    if parent >= 0 and doc.is_sequence(parent):
        value, parent = parent, doc.parents[parent]
    if parent < 0 or not doc.is_mapping(parent):
        return None
    key = doc.key_of(value)
    return parent if key >= 0 and doc.is_merge_key(key) else None


def join_path(labels: tuple[str, ...]) -> str:
    """Write labels as a dotted path; indexes stick to the label before them."""
    path = ""
    for label in labels:
        path += label if not path or label.startswith("[") else f".{label}"
    return path
