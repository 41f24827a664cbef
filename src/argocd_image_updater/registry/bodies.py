"""Read the body of an answer: decompressed, and never more than the caller allows.

The limit holds for the bytes on the wire and for those after decompression, so that a small answer
cannot unfold into gigabytes. Codings: gzip, deflate, identity, and short stacks of them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

MAX_CODINGS = 3  # a registry applies one; a stack is a curiosity, a tall one an attack

_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16}
_RAW_DEFLATE = -zlib.MAX_WBITS
_ZLIB_METHOD = 8


class BodyError(Exception):
    """The body cannot be used: too large, cut short, or in a coding that we do not know."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


async def read_body(
    chunks: AsyncIterable[bytes], *, coding: str, limit_bytes: int, truncate: bool = False
) -> bytes:
    """Return the whole decoded body.

    truncate: cut at the limit in place of failing; for texts that only explain an error.

    Raises:
        BodyError: the body is larger than the limit, damaged, or of an unknown coding.
    """
    received: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        received.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            if not truncate:
                raise BodyError(f"the answer is larger than {limit_bytes} bytes")
            break
    body = received[0] if len(received) == 1 else b"".join(received)
    if coding and body:  # the answer to a HEAD names the coding of a body that is not there
        body = _decode(body, coding, limit_bytes=limit_bytes, truncate=truncate)
    return body[:limit_bytes]


def _decode(body: bytes, coding: str, *, limit_bytes: int, truncate: bool) -> bytes:
    names = [name.strip().lower() for name in coding.split(",")]
    if len(names) > MAX_CODINGS:
        raise BodyError(f"the answer has {len(names)} layers of compression")
    for name in reversed(names):
        if name not in {"", "identity"}:
            body = _inflate(body, name, limit_bytes=limit_bytes, truncate=truncate)
    return body


def _inflate(body: bytes, name: str, *, limit_bytes: int, truncate: bool) -> bytes:
    if name not in _WINDOW_BITS and name != "deflate":
        raise BodyError("the answer is compressed in a way that was not asked for")
    decoder = zlib.decompressobj(_WINDOW_BITS.get(name) or _deflate_bits(body))
    try:
        decoded = decoder.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise BodyError("the compressed answer is damaged", temporary=True) from error
    if len(decoded) > limit_bytes and not truncate:
        raise BodyError(f"the answer unfolds to more than {limit_bytes} bytes")
    if not decoder.eof and not truncate:
        raise BodyError("the compressed answer is cut short", temporary=True)
    return decoded


def _deflate_bits(body: bytes) -> int:
    """Tell zlib's format from raw deflate: both are sent under the name ``deflate``."""
    return zlib.MAX_WBITS if body[:1] and body[0] & 0x0F == _ZLIB_METHOD else _RAW_DEFLATE
