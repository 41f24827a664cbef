"""The history of writes: what comes back, in which order, and what its bounds drop."""

import sqlite3

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.write_history import FieldKey, Hold, Writer, WriteRecord
from argocd_image_updater.state import writes
from argocd_image_updater.state.writes import KEPT_S, RECORDS_PER_FIELD, WriteHistory

NOW_S = 1_800_000_000
WEB = Writer(ObjectKey("argocd", "updater"), ObjectKey("team", "web"), "ü")
FIELD, OTHER = FieldKey("git main a.yaml", "helm tag"), FieldKey("git main b.yaml", "helm tag")


def record(new, *, old="", at_s=NOW_S):
    return WriteRecord(WEB, old, new, "digest", at_s)


def hold(value="a", *, since_s=NOW_S):
    return Hold(WEB, value, "digest", since_s)


@pytest.fixture
def history(tmp_path):
    opened = WriteHistory.open(tmp_path / "writes.db")
    yield opened
    opened.close()


def test_writes_and_holds_come_back_in_their_order_after_a_restart(tmp_path):
    path = tmp_path / "writes.db"
    first = WriteHistory.open(path)
    first.record([(FIELD, record("b", old="a")), (OTHER, record("x"))], now_s=NOW_S)
    first.record([(FIELD, record("a", at_s=NOW_S - 60))], now_s=NOW_S)
    first.hold([(FIELD, hold("b"))])
    first.close()
    second = WriteHistory.open(path)
    known = second.read([FIELD])
    assert set(known) == {FIELD}
    assert known[FIELD].records == (record("b", old="a"), record("a", at_s=NOW_S - 60))
    assert known[FIELD].holds == (hold("b"),)
    assert second.take_trouble() == ""
    second.close()


def test_a_write_ends_what_was_held_of_its_field_only(history):
    history.hold([(FIELD, hold("a")), (FIELD, hold("b")), (OTHER, hold("a"))])
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    known = history.read([FIELD, OTHER])
    assert known[FIELD].holds == ()
    assert known[OTHER].holds == (hold("a"),)


def test_many_fields_are_read_at_once(history):
    keys = [FieldKey("git", f"place {number}") for number in range(1500)]
    history.record([(key, record("a")) for key in keys], now_s=NOW_S)
    assert len(history.read(keys)) == 1500
    assert history.read([]) == {}


def test_a_field_keeps_its_last_writes(history):
    for number in range(RECORDS_PER_FIELD + 7):
        history.record([(FIELD, record(str(number)))], now_s=NOW_S)
    kept = [item.new for item in history.read([FIELD])[FIELD].records]
    assert kept == [str(number) for number in range(7, RECORDS_PER_FIELD + 7)]


def test_old_writes_and_holds_go(history):
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    history.hold([(FIELD, hold())])
    history.record([(OTHER, record("a", at_s=NOW_S + KEPT_S + 1))], now_s=NOW_S + KEPT_S + 1)
    assert set(history.read([FIELD, OTHER])) == {OTHER}


def test_of_too_many_writes_the_older_half_goes(history, monkeypatch):
    monkeypatch.setattr(writes, "ROWS_LIMIT", 4)
    keys = [FieldKey("git", str(number)) for number in range(5)]
    history.record([(key, record("a")) for key in keys], now_s=NOW_S)
    assert set(history.read(keys)) == set(keys[3:])


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 9])
def test_a_damaged_file_is_begun_anew(tmp_path, content):
    path = tmp_path / "writes.db"
    path.write_bytes(content)
    history = WriteHistory.open(path)
    assert history.read([FIELD]) == {}
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    assert set(history.read([FIELD])) == {FIELD}
    assert history.take_trouble() == ""
    history.close()


def test_a_file_that_turns_out_to_be_damaged_is_told_and_begun_anew(tmp_path):
    path = tmp_path / "writes.db"
    history = WriteHistory.open(path)
    for number in range(300):
        key = FieldKey("git", f"place {number}" * 20)
        history.record([(key, record("a" * 100))], now_s=NOW_S)
    history.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    history = WriteHistory.open(path)
    assert history.read([FIELD]) == {}
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    history.close()
    history = WriteHistory.open(path)
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    assert set(history.read([FIELD])) == {FIELD}
    history.close()


def test_another_layout_is_begun_anew(tmp_path):
    path = tmp_path / "writes.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE writes (x)")
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    connection.close()
    history = WriteHistory.open(path)
    assert history.read([FIELD]) == {}
    assert history.take_trouble() == ""
    history.close()


def test_without_a_place_for_the_file_the_memory_serves_and_that_is_told(tmp_path):
    history = WriteHistory.open(tmp_path / "absent" / "writes.db")
    assert "past writes are kept in memory only" in history.take_trouble()
    history.record([(FIELD, record("a"))], now_s=NOW_S)
    assert set(history.read([FIELD])) == {FIELD}
    history.close()
