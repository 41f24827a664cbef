"""JSON of any depth, cut to one that a decoder takes: deeper values become ``null``.

The API server stores objects that are nested up to 10,000 levels deep (Helm values, say), and a
decoder of Python ends at its recursion limit. Whoever may create one object must not be able to
keep a whole list from being read. Nothing that is looked at lies as deep as the cut. Used only
where the decoder has given up, because it looks at every byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import msgspec

_Value = TypeVar("_Value")
# Of a list or an event: their own levels, and those of an object. Fields of interest are above 16.
MAX_LEVELS = 64
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_OPENING = frozenset((b"{", b"["))
_NOTHING = b"null"


def decode_any_depth(
    decode: Callable[[bytes | msgspec.Raw], _Value], body: bytes | msgspec.Raw
) -> _Value:
    """Return what `decode` makes of a body; where it is nested too deeply, of the body cut."""
    try:
        return decode(body)
    except RecursionError:
        return decode(without_deep(bytes(body)))


def without_deep(body: bytes, *, levels: int = MAX_LEVELS) -> bytes:
    """Return JSON with ``null`` in place of every object and array below so many levels."""
    return b"".join(_shallow(body, levels))


def _shallow(body: bytes, levels: int) -> Iterator[bytes]:
    depth = kept_from = 0
    for mark in _MARK.finditer(body):
        text = mark[0]
        if text in _OPENING:
            depth += 1
            if depth == levels + 1:
                yield body[kept_from : mark.start()]
                yield _NOTHING
        elif text[0] != ord('"'):
            if depth == levels + 1:
                kept_from = mark.end()
            depth -= 1
    if depth <= levels:
        yield body[kept_from:]
