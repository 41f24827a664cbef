"""Git objects as bytes: trees, commits and packs, computed without a Git process or a work tree.

Pure functions. The formats are those of https://git-scm.com/docs/gitformat-pack and of the
"Git Objects" chapter of Pro Git. Both object formats (SHA-1, SHA-256) are known; an object id is
its hexadecimal text, and its length tells the format.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MODE_FILE = "100644"
MODE_DIRECTORY = "40000"
MODE_LINK = "120000"
SHA1_HEX_LENGTH = 40

_PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: mode as Git writes it, and the object it names."""

    mode: str
    object_id: str

    @property
    def is_directory(self) -> bool:
        return self.mode == MODE_DIRECTORY

    @property
    def is_file(self) -> bool:
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object ready to be stored: its type (``blob``, ``tree``, ``commit``) and content."""

    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CommitFact:
    """What is needed of a commit."""

    tree: str
    parents: tuple[str, ...]


def object_format(object_id: str) -> str:
    """Return ``sha1`` or ``sha256``, the format in which `object_id` is written."""
    return "sha1" if len(object_id) == SHA1_HEX_LENGTH else "sha256"


def hash_object(item: StoredObject, algorithm: str) -> str:
    """Return the id of an object."""
    header = f"{item.kind} {len(item.content)}".encode() + b"\0"
    return hashlib.new(algorithm, header + item.content, usedforsecurity=False).hexdigest()


def parse_tree(content: bytes, algorithm: str) -> dict[bytes, Entry]:
    """Return the entries of a tree by name; ValueError when the bytes are no tree."""
    width = hashlib.new(algorithm, usedforsecurity=False).digest_size
    entries: dict[bytes, Entry] = {}
    at = 0
    while at < len(content):
        blank = content.index(b" ", at)
        end = content.index(b"\0", blank)
        after = end + 1 + width
        if after > len(content):
            raise ValueError("tree ends inside an entry")
        mode = content[at:blank].decode("ascii").lstrip("0")
        entries[content[blank + 1 : end]] = Entry(mode, content[end + 1 : after].hex())
        at = after
    return entries


def encode_tree(entries: Mapping[bytes, Entry]) -> bytes:
    """Return the bytes of a tree; directories sort as if their name ended with a slash."""

    def order(item: tuple[bytes, Entry]) -> bytes:
        return item[0] + b"/" if item[1].is_directory else item[0]

    return b"".join(
        entry.mode.encode() + b" " + name + b"\0" + bytes.fromhex(entry.object_id)
        for name, entry in sorted(entries.items(), key=order)
    )


def parse_commit(content: bytes) -> CommitFact:
    """Return tree and parents of a commit; ValueError when the bytes are no commit."""
    header = content.split(b"\n\n", 1)[0].decode("utf-8", "replace").splitlines()
    if not header or not header[0].startswith("tree "):
        raise ValueError("a commit without a tree")
    parents = tuple(line[7:] for line in header if line.startswith("parent "))
    return CommitFact(header[0][5:], parents)


def build_pack(items: Iterable[StoredObject], algorithm: str) -> bytes:
    """Return a pack with every object in full."""
    packed = list(items)
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(packed).to_bytes(4, "big")]
    for item in packed:
        parts.append(_entry_header(_PACK_TYPES[item.kind], len(item.content)))
        parts.append(zlib.compress(item.content, 1))
    body = b"".join(parts)
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest()


def _entry_header(kind: int, size: int) -> bytes:
    """Return type and size: four bits of size in the first byte, seven in each further one."""
    first = kind << 4 | size & 0xF
    size >>= 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first = size & 0x7F
        size >>= 7
    header.append(first)
    return bytes(header)
