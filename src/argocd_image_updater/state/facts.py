"""Facts about images, kept between runs in SQLite.

Two tables. ``images`` is content-addressed: what a manifest digest holds for a set of platforms
never changes, so it is kept until space is needed. ``tags`` says which digest a tag had when it was
last checked; that can change, so every row carries its time and the caller decides what to check
again.

All methods block: call them in a thread. Nothing here is worth stopping for: see
`state/database.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.facts import Failure, FailureKind, TagMetadata
from argocd_image_updater.state.database import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.state.database import Database

SCHEMA_VERSION = 1
# About 150 bytes a row: 1,000,000 tags need some 150 MB on disk.
ROWS_LIMIT = 1_000_000
# A process that runs for months looks at its size after so many rows.
ROWS_PER_PRUNING = 50_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tags (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, checked_at INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (
  repository TEXT NOT NULL, digest TEXT NOT NULL, platforms TEXT NOT NULL,
  created_ns TEXT, labels TEXT NOT NULL, failure TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (repository, digest, platforms)) WITHOUT ROWID;
"""
# Only what can never change by trying again is worth keeping.
_KEPT_FAILURES = {FailureKind.UNUSABLE, FailureKind.NO_PLATFORM}


@dataclass(frozen=True, slots=True)
class StoredTag:
    """A tag as it was last checked: its digest, the time (seconds since 1970), and its image."""

    tag: str
    digest: str
    checked_at_s: int
    image: TagMetadata | Failure | None


class FactStore(Store):
    """The embedded store of facts about images."""

    layout = Layout(_SCHEMA, SCHEMA_VERSION, "facts about images")

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._unlooked_rows = 0

    def read_tags(self, repository: str, platforms: str) -> dict[str, StoredTag]:
        """Return all known tags of a repository with their images for a set of platforms."""
        rows: list[tuple[Any, ...]] = []
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT t.tag, t.digest, t.checked_at, i.created_ns, i.labels, i.failure, i.message"
                " FROM tags t LEFT JOIN images i"
                " ON i.repository = t.repository AND i.digest = t.digest AND i.platforms = ?"
                " WHERE t.repository = ?",
                (platforms, repository),
            ).fetchall()
        return {row[0]: StoredTag(row[0], row[1], row[2], _image(row[1], row[3:])) for row in rows}

    def write(
        self,
        repository: str,
        *,
        tags: Mapping[str, str],
        images: Iterable[tuple[str, str, TagMetadata | Failure]],
        checked_at_s: int,
    ) -> None:
        """Keep tag → digest as checked now, and images as (digest, platforms, image)."""
        tag_rows = [(repository, tag, digest, checked_at_s) for tag, digest in tags.items()]
        image_rows = [
            (repository, digest, platforms, *_columns(image))
            for digest, platforms, image in images
            if isinstance(image, TagMetadata) or image.kind in _KEPT_FAILURES
        ]
        with self._database.changing() as connection:
            connection.executemany("INSERT OR REPLACE INTO tags VALUES (?,?,?,?)", tag_rows)
            connection.executemany(
                "INSERT OR REPLACE INTO images VALUES (?,?,?,?,?,?,?)", image_rows
            )
        self._unlooked_rows += len(tag_rows)
        if self._unlooked_rows >= ROWS_PER_PRUNING:
            self.prune()

    def forget_tags(self, repository: str, tags: Iterable[str]) -> None:
        """Drop tags that the registry no longer lists."""
        with self._database.changing() as connection:
            connection.executemany(
                "DELETE FROM tags WHERE repository = ? AND tag = ?",
                [(repository, tag) for tag in tags],
            )

    def prune(self) -> None:
        """Keep the store within its bound: drop what was checked longest ago."""
        self._unlooked_rows = 0
        with self._database.changing() as connection:
            (count,) = connection.execute("SELECT count(*) FROM tags").fetchone()
            if count <= ROWS_LIMIT:
                return
            connection.execute(
                "DELETE FROM tags WHERE (repository, tag) IN"
                " (SELECT repository, tag FROM tags ORDER BY checked_at LIMIT ?)",
                (count - ROWS_LIMIT // 2,),
            )
            connection.execute(
                "DELETE FROM images WHERE NOT EXISTS (SELECT 1 FROM tags t"
                " WHERE t.repository = images.repository AND t.digest = images.digest)"
            )


def _image(
    digest: str, columns: tuple[str | None, str | None, str | None, str | None]
) -> TagMetadata | Failure | None:
    created_ns, labels, failure, message = columns
    if labels is None or failure is None:
        return None
    if failure:
        return Failure(FailureKind(failure), message or "")
    created = None if created_ns is None else int(created_ns)
    return TagMetadata(digest, created, json.loads(labels))


def _columns(image: TagMetadata | Failure) -> tuple[str | None, str, str, str]:
    """Return the columns of an image; the time is text, for it can exceed SQLite's integers."""
    if isinstance(image, Failure):
        return None, "{}", image.kind.value, image.message
    created = None if image.created_ns is None else str(image.created_ns)
    return created, json.dumps(dict(image.labels), separators=(",", ":")), "", ""
