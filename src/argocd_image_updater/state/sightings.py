"""When each tag was first seen to point at each digest, kept between runs in SQLite.

The age of an image is counted from here where nobody else tells it, so a row that is lost makes a
wait longer and never shorter. A tag that points back at an older digest keeps that one's time.

All methods block: call them in a thread. Nothing here is worth stopping for: see
`state/database.py`. Bounded in number; what was not seen for the longest time goes first.
Source of the rules: docs/minimum-age.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.state.database import Layout, Store

if TYPE_CHECKING:
    from argocd_image_updater.state.database import Database

SCHEMA_VERSION = 1
# About 200 bytes a row: some 40 MB on disk.
ROWS_LIMIT = 200_000
# A process that runs for months looks at its size after so many new rows.
ROWS_PER_PRUNING = 10_000
# That a tag still is what it was is noted only so often.
NOTED_EVERY_S = 86_400
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sightings (
  repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
  first_s INTEGER NOT NULL, last_s INTEGER NOT NULL,
  PRIMARY KEY (repository, tag, digest)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StoredSighting:
    """What a tag pointed at, and when that was first and last seen, in seconds since 1970."""

    digest: str
    first_s: int
    last_s: int


class SightingStore(Store):
    """The embedded store of first sightings."""

    layout = Layout(_SCHEMA, SCHEMA_VERSION, "first sightings of tags")

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._unlooked_rows = 0

    def last(self, repository: str, tag: str) -> StoredSighting | None:
        """Return what a tag pointed at when it was seen last, None where it never was."""
        row = None
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT digest, first_s, last_s FROM sightings WHERE repository = ? AND tag = ?"
                " ORDER BY last_s DESC, first_s DESC LIMIT 1",
                (repository, tag),
            ).fetchone()
        return StoredSighting(*row) if row else None

    def see(self, repository: str, tag: str, *, digest: str, now_s: int) -> int:
        """Note that a tag points at a digest now; return when that was first seen, in seconds."""
        last = self.last(repository, tag)
        if last and last.digest == digest and 0 <= now_s - last.last_s < NOTED_EVERY_S:
            return last.first_s
        first_s = now_s  # also where the disk does not keep it: then the wait is longer
        with self._database.changing() as connection:
            row = connection.execute(
                "INSERT INTO sightings VALUES (?1, ?2, ?3, ?4, ?4)"
                " ON CONFLICT DO UPDATE SET last_s = max(last_s, excluded.last_s)"
                " RETURNING first_s",
                (repository, tag, digest, now_s),
            ).fetchone()
            first_s = int(row[0])
        self._unlooked_rows += 1
        if self._unlooked_rows >= ROWS_PER_PRUNING:
            self.prune()
        return first_s

    def prune(self) -> None:
        """Keep the store within its bound: drop what was not seen for the longest time."""
        self._unlooked_rows = 0
        with self._database.changing() as connection:
            (count,) = connection.execute("SELECT count(*) FROM sightings").fetchone()
            if count > ROWS_LIMIT:
                connection.execute(
                    "DELETE FROM sightings WHERE (repository, tag, digest) IN"
                    " (SELECT repository, tag, digest FROM sightings ORDER BY last_s LIMIT ?)",
                    (count - ROWS_LIMIT // 2,),
                )
