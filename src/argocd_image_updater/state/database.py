"""One SQLite file of the state directory: opened, guarded, and never worth stopping for.

A damaged file is thrown away and begun anew; where the disk gives no room, rows are kept in memory
or not at all, and `take_trouble` says so. All methods block: call them in a thread. There is one
connection, guarded by a lock.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEMORY = ":memory:"
_BUSY_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Layout:
    """schema: statements that may run again. version: another one is begun anew.

    content: what the rows are, for messages.
    """

    schema: str
    version: int
    content: str


class Database:
    """An open file, or memory in its place."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path | None,
        *,
        layout: Layout,
        trouble: str = "",
    ) -> None:
        self._connection = connection
        self._path = path
        self._layout = layout
        self._lock = threading.Lock()
        self._damaged = False
        self._trouble = trouble

    @classmethod
    def open(cls, path: Path, layout: Layout) -> Self:
        """Open the file at `path`, or a new one where it is damaged or of another layout."""
        with contextlib.suppress(sqlite3.DatabaseError):
            try:
                return cls(_connect(path, layout), path, layout=layout)
            except sqlite3.OperationalError as error:  # a full disk: the file itself may be good
                return cls._in_place_of(path, layout, error)
        try:
            _remove(path)
            return cls(_connect(path, layout), path, layout=layout)
        except (sqlite3.Error, OSError) as error:
            return cls._in_place_of(path, layout, error)

    @classmethod
    def in_memory(cls, layout: Layout, *, trouble: str = "") -> Self:
        """Open one that ends with the process. trouble: why it is not a file, if it should be."""
        return cls(_connect(_MEMORY, layout), None, layout=layout, trouble=trouble)

    @classmethod
    def _in_place_of(cls, path: Path, layout: Layout, error: Exception) -> Self:
        trouble = f"{path} cannot be used, so {layout.content} are kept in memory only: {error}"
        return cls.in_memory(layout, trouble=trouble)

    def take_trouble(self) -> str:
        """Return why rows were not kept since the last call, empty when they were."""
        trouble, self._trouble = self._trouble, ""
        return trouble

    def close(self) -> None:
        """Close the file; one that turned out to be damaged goes, and is begun anew."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            self._connection.close()
            if self._damaged and self._path is not None:
                _remove(self._path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Use the connection alone; what the disk refuses is remembered, not raised."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                self._damaged |= not isinstance(error, sqlite3.OperationalError)
                self._trouble = (
                    f"{self._layout.content} are not kept ({error}): look at the state directory"
                )

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Do the same in one transaction."""
        with self.reading() as connection, connection:
            yield connection


class Store:
    """What is kept in a file of its own; each kind says by ``layout`` what the file holds."""

    layout: ClassVar[Layout]

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store at `path`, or a new one where the file is damaged or of another layout."""
        return cls(Database.open(path, cls.layout))

    @classmethod
    def in_memory(cls) -> Self:
        """Open a store that ends with the process."""
        return cls(Database.in_memory(cls.layout))

    def take_trouble(self) -> str:
        """Return why something was not kept since the last call, empty when all was."""
        return self._database.take_trouble()

    def close(self) -> None:
        """Close the store."""
        self._database.close()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path | str, layout: Layout) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_TIMEOUT_S)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, layout.version}:
            raise sqlite3.DatabaseError("another layout")
        connection.executescript(layout.schema)
        connection.execute(f"PRAGMA user_version={layout.version}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
