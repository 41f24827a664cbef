"""A plain model of edits of values files, on parsed documents: what the edited text has to say.

It knows nothing of text, quotes, comments or anchors of single values, so it is short; collections
behind an alias are one object and change together.
"""

import re
from itertools import pairwise

from vectors.core_schema import load_documents

SEGMENT = re.compile(r"(?P<key>[^\[\]]+)(?P<indexes>(\[\d+\])+)")


class Refusal(Exception):
    """The path does not fit the document: nothing may be written."""


def with_values(text, writes):
    """Return the documents of a text with (path, value) set in order."""
    documents = load_documents(text or "") or [{}]
    for path, value in writes:
        set_path(document_with(documents, path), path, value)
    return documents


def document_with(documents, path):
    """Return the first document that has the path, else the first one."""
    return next((one for one in documents if has_path(one, path)), documents[0])


def has_path(document, path):
    try:
        parent, key = place_of(document, path, create=False)
    except Refusal:
        return False
    return key in parent if isinstance(parent, dict) else True


def value_at(document, path):
    """Return what stands at a path, or None."""
    if not has_path(document, path):
        return None
    parent, key = place_of(document, path, create=False)
    return parent[key]


def set_path(document, path, value):
    parent, key = place_of(document, path, create=True)
    if isinstance(parent[key] if key in parent or isinstance(parent, list) else None, dict | list):
        raise Refusal(f"{path} holds more than one value")
    parent[key] = value


def place_of(document, path, *, create):
    """Return the collection and the key or index of a path; nested first, then one literal key."""
    if not isinstance(document, dict):
        raise Refusal("the document is no mapping")
    try:
        parent, key = nested_place(document, path, create=False)
        if isinstance(parent, list) or key in parent:
            return parent, key
    except Refusal:
        pass
    if path in document:
        return document, path
    return nested_place(document, path, create=create)


def nested_place(document, path, *, create):
    node, keys = document, steps_of(document, path)
    for key, following in pairwise(keys):
        child = child_of(node, key)
        is_key = isinstance(key, str) and isinstance(following, str)
        if child is None and create and is_key:
            child = node[key] = {}
        node = child
    last = keys[-1]
    if isinstance(last, int):
        child_of(node, last)
    elif not isinstance(node, dict):
        raise Refusal(f"{path}: no mapping at its end")
    return node, last


def child_of(node, key):
    if isinstance(key, int):
        if not isinstance(node, list) or key >= len(node):
            raise Refusal(f"no list with an item {key}")
        return node[key]
    if not isinstance(node, dict):
        raise Refusal(f"no mapping with a key {key}")
    return node.get(key)


def steps_of(document, path):
    """Split a path into keys and indexes; no part of it may be empty."""
    keys = []
    for segment in path.split("."):
        if not segment:
            raise Refusal("a part of the path is empty")
        match = SEGMENT.fullmatch(segment)
        if match:
            keys.append(match["key"])
            keys += map(int, re.findall(r"\d+", match["indexes"]))
        else:
            keys.append(segment)
    return keys
