"""Where pushed changes stand, kept between runs in SQLite; see `core/rollouts.py`.

All methods block: call them in a thread. Nothing here is worth stopping for: see
`state/database.py`. One row for each image of each Application, bounded by age and in number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.refreshes import Push
from argocd_image_updater.core.rollouts import Rollout, RolloutKey, Stage
from argocd_image_updater.state.database import Layout, Store

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION = 1
KEPT_S = 8 * 24 * 60 * 60  # as long as the writes themselves
# About 500 bytes a row: some 10 MB on disk.
ROWS_LIMIT = 20_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rollouts (
  resource TEXT NOT NULL, application TEXT NOT NULL, alias TEXT NOT NULL, image TEXT NOT NULL,
  repository TEXT NOT NULL, branch TEXT NOT NULL, is_default INTEGER NOT NULL,
  commit_id TEXT NOT NULL, tip_id TEXT NOT NULL, chosen TEXT NOT NULL, at_s INTEGER NOT NULL,
  stage TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (resource, application, alias, image)) WITHOUT ROWID;
"""
_STAGES = frozenset(Stage)


class RolloutStore(Store):
    """The embedded store of rollouts."""

    layout = Layout(_SCHEMA, SCHEMA_VERSION, "commits of past writes")

    def read(self) -> tuple[Rollout, ...]:
        """Return every rollout that is kept."""
        rows: list[tuple[Any, ...]] = []
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM rollouts").fetchall()
        return tuple(_rollout(row) for row in rows if row[11] in _STAGES)

    def keep(self, rollouts: Iterable[Rollout], *, now_s: int) -> None:
        """Keep rollouts in the place of earlier ones, and drop what is old or too much."""
        with self._database.changing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO rollouts VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                map(_row, rollouts),
            )
            connection.execute("DELETE FROM rollouts WHERE at_s < ?", (now_s - KEPT_S,))
            (count,) = connection.execute("SELECT count(*) FROM rollouts").fetchone()
            if count > ROWS_LIMIT:
                connection.execute(
                    "DELETE FROM rollouts WHERE (resource, application, alias, image) IN"
                    " (SELECT resource, application, alias, image FROM rollouts"
                    " ORDER BY at_s LIMIT ?)",
                    (count - ROWS_LIMIT,),
                )


def _row(item: Rollout) -> tuple[str | int, ...]:
    key, push = item.key, item.push
    where = (str(key.resource), str(key.application), key.alias, key.image)
    pushed = (push.repository, push.branch, int(push.is_default), push.commit, push.tip)
    return (*where, *pushed, item.chosen, item.at_s, str(item.stage), item.note)


def _rollout(row: tuple[Any, ...]) -> Rollout:
    resource, application, alias, image, repository, branch, is_default, commit, tip = row[:9]
    chosen, at_s, stage, note = row[9:]
    return Rollout(
        RolloutKey(_object_key(resource), _object_key(application), alias, image),
        Push(repository, branch, commit, tip, is_default=bool(is_default)),
        chosen,
        at_s,
        Stage(stage),
        note,
    )


def _object_key(text: str) -> ObjectKey:
    namespace, _, name = text.partition("/")
    return ObjectKey(namespace, name)
