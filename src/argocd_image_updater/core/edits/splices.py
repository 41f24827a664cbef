"""Splices: the only way text changes. A splice replaces one span; everything else stays as it is.

Invariant: splices never overlap. At one position the deeper one comes first, so that new lines of
an inner collection stand before new lines of the outer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Splice:
    """Replace ``text[start:end]``; `depth` orders splices at one position, deepest first."""

    start: int
    end: int
    text: str
    depth: int = 10_000


def apply_splices(text: str, splices: Sequence[Splice], *, file: str) -> str:
    """Return the text with every splice applied; refuse if two of them touch one span."""
    parts: list[str] = []
    position = 0
    for splice in sorted(splices, key=lambda item: (item.start, item.end, -item.depth)):
        if splice.start < position:
            message = f"{file or 'the file'}: two changes meet in one place; edit it by hand once"
            raise EditRefused(Reason.AMBIGUOUS, message)
        parts += [text[position : splice.start], splice.text]
        position = splice.end
    parts.append(text[position:])
    return "".join(parts)
