"""Facts about images, kept between runs in SQLite.

Two tables. ``images`` is content-addressed: what a manifest digest holds for a set of platforms
never changes, so it is kept until space is needed. ``tags`` says which digest a tag had when it was
last checked; that can change, so every row carries its time and the caller decides what to check
again.

All methods block: call them in a thread. One connection, guarded by a lock. Nothing here is worth
stopping for: a damaged file is thrown away and begun anew; where the disk gives no room, facts are
kept in memory or not at all, and `take_trouble` says so.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from argocd_image_updater.core.facts import Failure, FailureKind, TagMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SCHEMA_VERSION = 1
# About 150 bytes a row: 1,000,000 tags need some 150 MB on disk.
ROWS_LIMIT = 1_000_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tags (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, checked_at INTEGER NOT NULL,
  PRIMARY KEY (repository, tag)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (
  repository TEXT NOT NULL, digest TEXT NOT NULL, platforms TEXT NOT NULL,
  created_ns TEXT, labels TEXT NOT NULL, failure TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (repository, digest, platforms)) WITHOUT ROWID;
"""
_MEMORY = ":memory:"
# Only what can never change by trying again is worth keeping.
_KEPT_FAILURES = {FailureKind.UNUSABLE, FailureKind.NO_PLATFORM}


@dataclass(frozen=True, slots=True)
class StoredTag:
    """A tag as it was last checked: its digest, the time (seconds since 1970), and its image."""

    tag: str
    digest: str
    checked_at_s: int
    image: TagMetadata | Failure | None


class FactStore:
    """The embedded store of facts about images."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path | None, *, trouble: str = ""
    ) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()
        self._damaged = False
        self._trouble = trouble

    def take_trouble(self) -> str:
        """Return why facts were not kept since the last call, empty when they were."""
        trouble, self._trouble = self._trouble, ""
        return trouble

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store at `path`, or a new one where the file is damaged or of another layout."""
        with contextlib.suppress(sqlite3.DatabaseError):
            try:
                return cls(_connect(path), path)
            except sqlite3.OperationalError as error:  # a full disk: the file itself may be good
                return cls(_connect(_MEMORY), None, trouble=_not_kept(path, error))
        try:
            _remove(path)
            return cls(_connect(path), path)
        except (sqlite3.Error, OSError) as error:
            return cls(_connect(_MEMORY), None, trouble=_not_kept(path, error))

    def close(self) -> None:
        """Close the store; a file that turned out to be damaged goes, and is begun anew."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            self._connection.close()
            if self._damaged and self._path is not None:
                _remove(self._path)

    def read_tags(self, repository: str, platforms: str) -> dict[str, StoredTag]:
        """Return all known tags of a repository with their images for a set of platforms."""
        rows: list[tuple[Any, ...]] = []
        with self._guarded():
            rows = self._connection.execute(
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
        with self._guarded(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO tags VALUES (?,?,?,?)", tag_rows)
            self._connection.executemany(
                "INSERT OR REPLACE INTO images VALUES (?,?,?,?,?,?,?)", image_rows
            )

    def forget_tags(self, repository: str, tags: Iterable[str]) -> None:
        """Drop tags that the registry no longer lists."""
        with self._guarded(), self._connection:
            self._connection.executemany(
                "DELETE FROM tags WHERE repository = ? AND tag = ?",
                [(repository, tag) for tag in tags],
            )

    def prune(self) -> None:
        """Keep the store within its bound: drop what was checked longest ago."""
        with self._guarded(), self._connection:
            (count,) = self._connection.execute("SELECT count(*) FROM tags").fetchone()
            if count <= ROWS_LIMIT:
                return
            self._connection.execute(
                "DELETE FROM tags WHERE (repository, tag) IN"
                " (SELECT repository, tag FROM tags ORDER BY checked_at LIMIT ?)",
                (count - ROWS_LIMIT // 2,),
            )
            self._connection.execute(
                "DELETE FROM images WHERE NOT EXISTS (SELECT 1 FROM tags t"
                " WHERE t.repository = images.repository AND t.digest = images.digest)"
            )

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Use the connection alone; what the disk refuses is remembered, not raised."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                self._damaged |= not isinstance(error, sqlite3.OperationalError)
                self._trouble = (
                    f"facts about images are not kept ({error}): look at the state directory"
                )


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _not_kept(path: Path, error: Exception) -> str:
    return f"{path} cannot be used, so facts about images are kept in memory only: {error}"


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, SCHEMA_VERSION}:
            raise sqlite3.DatabaseError("another layout")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


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
