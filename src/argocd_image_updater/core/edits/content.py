"""New YAML content in the file's own style: mappings, lists and scalars that an edit adds.

Invariant: what is rendered here is described by the same value to the proof, so a rendering fault
is found before anything is written. Source of the canonical style of files of our own:
tests/vectors/data/argocd_source_file.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from argocd_image_updater.core.edits.scalars import (
    Flag,
    canonical,
    double_quoted,
    is_plain,
    literal_block,
)

New = str | Flag | Mapping[str, "New"] | Sequence["New"]


@dataclass(frozen=True, slots=True)
class Style:
    """How new lines look.

    step: blanks per level. list_offset: blanks of a list's dashes below their key.
    canonical: quotes as in files of our own. json: JSON strings only.
    quoted_keys: the neighbouring keys stand in double quotes.
    """

    step: int = 2
    list_offset: int = 0
    canonical: bool = False
    json: bool = False
    quoted_keys: bool = False


def scalar_text(value: str | Flag, *, style: Style, flow: bool = False) -> str:
    """Return a new scalar's text on one line."""
    if isinstance(value, Flag):
        return value.text
    if style.json:
        return double_quoted(value)
    if style.canonical:
        return canonical(value, flow=flow)
    return value if is_plain(value, flow=flow) else double_quoted(value)


def key_text(key: str, *, style: Style, flow: bool = False) -> str:
    """Return a new key's text."""
    if style.json or style.quoted_keys:
        return double_quoted(key)
    return key if is_plain(key, flow=flow) else double_quoted(key)


def block_mapping(entries: Mapping[str, New], *, indent: int, style: Style) -> list[str]:
    """Return the lines of the entries of a block mapping, keys at column `indent`."""
    lines: list[str] = []
    for key, value in entries.items():
        head = " " * indent + key_text(key, style=style) + ":"
        lines += _block_value(head, value, indent=indent, style=style)
    return lines


def block_items(items: Sequence[New], *, indent: int, style: Style, gap: str = " ") -> list[str]:
    """Return the lines of the items of a block list, dashes at column `indent`."""
    lines: list[str] = []
    width = 1 + len(gap)
    for item in items:
        dash = " " * indent + "-" + gap
        if isinstance(item, Mapping) and item:
            rows = block_mapping(item, indent=indent + width, style=style)
            lines += [dash + rows[0][indent + width :], *rows[1:]]
        else:
            lines += _block_value(dash.rstrip(), item, indent=indent, style=style, gap=gap)
    return lines


def _block_value(head: str, value: New, *, indent: int, style: Style, gap: str = " ") -> list[str]:
    if isinstance(value, str | Flag):
        return _block_scalar(head + gap, value, indent=indent, style=style)
    if not value:
        return [head + gap + ("{}" if isinstance(value, Mapping) else "[]")]
    if isinstance(value, Mapping):
        return [head, *block_mapping(value, indent=indent + style.step, style=style)]
    return [head, *block_items(value, indent=indent + style.list_offset, style=style)]


def _block_scalar(head: str, value: str | Flag, *, indent: int, style: Style) -> list[str]:
    block = literal_block(value) if style.canonical and isinstance(value, str) else None
    if block is not None:
        header, rows = block
        pad = " " * (indent + style.step)
        return [head + header, *((pad + row) if row else "" for row in rows)]
    return [head + scalar_text(value, style=style)]


def flow_text(value: New, *, style: Style) -> str:
    """Return the value in flow style on one line."""
    if isinstance(value, str | Flag):
        return scalar_text(value, style=style, flow=True)
    if isinstance(value, Mapping):
        return "{" + ", ".join(flow_entries(value, style=style)) + "}"
    return "[" + ", ".join(flow_text(item, style=style) for item in value) + "]"


def flow_entries(entries: Mapping[str, New], *, style: Style) -> list[str]:
    """Return every entry of a flow mapping as ``key: value``."""
    return [
        f"{key_text(key, style=style, flow=True)}: {flow_text(value, style=style)}"
        for key, value in entries.items()
    ]
