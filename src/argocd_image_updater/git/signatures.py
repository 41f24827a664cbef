"""Signatures in commits: where they stand, and a series of commits signed one after the other.

The name of a commit covers its signature and its parent, so every commit of a series gets its
final name only when those before it are signed. The header is folded as Git folds it; in a
repository with SHA-256 it has a name of its own. No process is started here: `sign` is handed in.

Source: https://git-scm.com/docs/gitformat-signature.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from argocd_image_updater.git.batch import CommitStatus
from argocd_image_updater.git.objects import StoredObject, hash_object, object_format

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.git.commit import Series

    Sign = Callable[[bytes], Awaitable[str]]

_HEADERS = {"sha1": "gpgsig", "sha256": "gpgsig-sha256"}


def with_signature(content: bytes, signature: str, *, algorithm: str) -> bytes:
    """Return a commit with its signature as the last header."""
    headers, blank, message = content.partition(b"\n\n")
    lines = signature.replace("\r", "").rstrip("\n").split("\n")
    folded = f"\n{_HEADERS[algorithm]} " + "\n ".join(lines)
    return headers + folded.encode() + blank + message


def with_parent(content: bytes, parent: str) -> bytes:
    """Return a commit with another parent in place of its only one."""
    tree, _, rest = content.split(b"\n", 2)
    return b"\n".join((tree, b"parent " + parent.encode(), rest))


async def signed_series(series: Series, sign: Sign) -> Series:
    """Return the same commits, each signed and on top of the signed one before it.

    Raises:
        GitError: what `sign` raises; there is no series with some signatures.
    """
    objects = dict(series.objects)
    results = []
    tip = ""
    for result in series.results:
        if result.status is not CommitStatus.PLANNED:
            results.append(result)
            continue
        content = objects.pop(result.commit).content
        plain = with_parent(content, tip) if tip else content
        algorithm = object_format(result.commit)
        signed = with_signature(plain, await sign(plain), algorithm=algorithm)
        item = StoredObject("commit", signed)
        tip = hash_object(item, algorithm)
        objects[tip] = item
        results.append(replace(result, commit=tip))
    return replace(series, results=tuple(results), tip=tip or series.tip, objects=objects)
