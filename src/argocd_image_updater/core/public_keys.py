"""Public keys as text: the PEM blocks of a Secret's field, and what is wrong with them.

Rules: every block is a key; text around blocks is ignored; a block begins at the beginning of a
line, so an indented one or one without line breaks is none. What the bytes in a block are is said
where signatures are verified. Source: RFC 7468; cases: tests/vectors/data/cosign_verify.json.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

MAX_KEYS = 10  # a rotation needs two
MAX_TEXT_BYTES = 65_536  # a block is below two thousand

_BLOCK = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n(.*?)^-----END \1-----[ \t]*\r?$",
    re.MULTILINE | re.DOTALL,
)


class PublicKeyError(ValueError):
    """The text cannot be used as public keys. The message tells nothing of what it holds."""


@dataclass(frozen=True, slots=True)
class PemBlock:
    """The bytes of one block."""

    label: str
    content: bytes


def split_keys(text: bytes) -> tuple[PemBlock, ...]:
    """Return the blocks of a text with public keys, at least one.

    Raises:
        PublicKeyError: there are none, too many, or one cannot be a public key.
    """
    if not text.strip():
        raise PublicKeyError("is empty")
    if len(text) > MAX_TEXT_BYTES:
        raise PublicKeyError(f"is larger than {MAX_TEXT_BYTES} bytes")
    blocks = tuple(_block(found) for found in _BLOCK.finditer(text))
    if not blocks:
        raise PublicKeyError(
            "holds no key in PEM form: a line of its own with -----BEGIN PUBLIC KEY-----, "
            "not indented"
        )
    if len(blocks) > MAX_KEYS:
        raise PublicKeyError(f"holds more than {MAX_KEYS} keys")
    return blocks


def _block(found: re.Match[bytes]) -> PemBlock:
    label = found[1].decode("ascii")
    if "PRIVATE KEY" in label:
        raise PublicKeyError("holds a private key: put the public key in its place")
    if "CERTIFICATE" in label:
        raise PublicKeyError("holds a certificate: put its public key in its place")
    try:
        content = base64.b64decode(b"".join(found[2].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PublicKeyError("holds a key that is not valid base64") from error
    return PemBlock(label, content)
