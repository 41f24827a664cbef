"""What this program wrote, kept between runs in SQLite; see `core/write_history.py`.

All methods block: call them in a thread. Nothing here is worth stopping for: see
`state/database.py`. Bounded by age, per field and in all: the last writes of a field are what
counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.write_history import (
    FieldHistory,
    FieldKey,
    Hold,
    Writer,
    WriteRecord,
)
from argocd_image_updater.state.database import Layout, Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

SCHEMA_VERSION = 1
RECORDS_PER_FIELD = 20
KEPT_S = 8 * 24 * 60 * 60  # a value that comes back after a week is no flip
# About 300 bytes a row: some 30 MB on disk.
ROWS_LIMIT = 100_000
_KEYS_PER_QUERY = 400  # two variables each; SQLite takes at least 999
_SCHEMA = """
CREATE TABLE IF NOT EXISTS writes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, place TEXT NOT NULL,
  resource TEXT NOT NULL, application TEXT NOT NULL, alias TEXT NOT NULL,
  old TEXT NOT NULL, new TEXT NOT NULL, settings TEXT NOT NULL, at_s INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS writes_by_field ON writes (destination, place, id);
CREATE TABLE IF NOT EXISTS holds (
  destination TEXT NOT NULL, place TEXT NOT NULL,
  resource TEXT NOT NULL, application TEXT NOT NULL, alias TEXT NOT NULL,
  value TEXT NOT NULL, settings TEXT NOT NULL, since_s INTEGER NOT NULL,
  PRIMARY KEY (destination, place, resource, application, alias, value)) WITHOUT ROWID;
"""


class WriteHistory(Store):
    """The embedded store of past writes and of what is held because of them."""

    layout = Layout(_SCHEMA, SCHEMA_VERSION, "past writes")

    def read(self, keys: Collection[FieldKey]) -> Mapping[FieldKey, FieldHistory]:
        """Return what is remembered of some fields; one without memory is left out."""
        records: dict[FieldKey, list[WriteRecord]] = {}
        holds: dict[FieldKey, list[Hold]] = {}
        with self._database.reading() as connection:
            for some in _batches(sorted(set(keys))):
                for row in _select(connection, "writes", some, columns="old, new, settings, at_s"):
                    record = WriteRecord(_writer(row), *row[5:])
                    records.setdefault(FieldKey(row[0], row[1]), []).append(record)
                for row in _select(connection, "holds", some, columns="value, settings, since_s"):
                    hold = Hold(_writer(row), *row[5:])
                    holds.setdefault(FieldKey(row[0], row[1]), []).append(hold)
        return {
            key: FieldHistory(tuple(records.get(key, ())), tuple(holds.get(key, ())))
            for key in records.keys() | holds.keys()
        }

    def record(self, writes: Sequence[tuple[FieldKey, WriteRecord]], *, now_s: int) -> None:
        """Remember writes in their order; what was held of these fields is over."""
        with self._database.changing() as connection:
            connection.executemany(
                "INSERT INTO writes (destination, place, resource, application, alias,"
                " old, new, settings, at_s) VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    (*_columns(key, item.writer), item.old, item.new, item.settings, item.at_s)
                    for key, item in writes
                ),
            )
            fields = sorted({(key.destination, key.place) for key, _ in writes})
            connection.executemany("DELETE FROM holds WHERE destination = ? AND place = ?", fields)
            connection.executemany(
                "DELETE FROM writes WHERE destination = ?1 AND place = ?2 AND id <="
                " (SELECT id FROM writes WHERE destination = ?1 AND place = ?2"
                " ORDER BY id DESC LIMIT 1 OFFSET ?3)",
                [(*field, RECORDS_PER_FIELD) for field in fields],
            )
            _prune(connection, now_s)

    def hold(self, holds: Iterable[tuple[FieldKey, Hold]]) -> None:
        """Remember what is held from now on."""
        with self._database.changing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO holds VALUES (?,?,?,?,?,?,?,?)",
                (
                    (*_columns(key, item.writer), item.value, item.settings, item.since_s)
                    for key, item in holds
                ),
            )


def _prune(connection: sqlite3.Connection, now_s: int) -> None:
    """Drop what is old, and the older half where there is too much."""
    connection.execute("DELETE FROM writes WHERE at_s < ?", (now_s - KEPT_S,))
    connection.execute("DELETE FROM holds WHERE since_s < ?", (now_s - KEPT_S,))
    (count,) = connection.execute("SELECT count(*) FROM writes").fetchone()
    if count > ROWS_LIMIT:
        connection.execute(
            "DELETE FROM writes WHERE id IN (SELECT id FROM writes ORDER BY id LIMIT ?)",
            (count - ROWS_LIMIT // 2,),
        )


def _batches(keys: Sequence[FieldKey]) -> Iterator[Sequence[FieldKey]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start : start + _KEYS_PER_QUERY]


def _select(
    connection: sqlite3.Connection, table: str, keys: Sequence[FieldKey], *, columns: str
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of some fields in the order of their writing."""
    values = ",".join(["(?,?)"] * len(keys))
    order = " ORDER BY id" if table == "writes" else ""
    yield from connection.execute(
        f"SELECT destination, place, resource, application, alias, {columns} FROM {table}"  # noqa: S608 - names of our own, no values
        f" WHERE (destination, place) IN (VALUES {values}){order}",
        [text for key in keys for text in (key.destination, key.place)],
    )


def _columns(key: FieldKey, writer: Writer) -> tuple[str, str, str, str, str]:
    return (
        key.destination, key.place, str(writer.resource), str(writer.application), writer.alias
    )  # fmt: skip


def _writer(row: tuple[Any, ...]) -> Writer:
    return Writer(_object_key(row[2]), _object_key(row[3]), row[4])


def _object_key(text: str) -> ObjectKey:
    namespace, _, name = text.partition("/")
    return ObjectKey(namespace, name)
