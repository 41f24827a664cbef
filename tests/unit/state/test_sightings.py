"""First sightings of tags on disk: kept, never moved back, and bounded."""

import sqlite3

from argocd_image_updater.state import sightings
from argocd_image_updater.state.sightings import SightingStore, StoredSighting

DAY_S = 86_400


def see(store, digest, now_s, tag="1.0"):
    return store.see("reg team/app", tag, digest=digest, now_s=now_s)


def test_the_first_sighting_of_a_digest_under_a_tag_stays(tmp_path):
    store = SightingStore.open(tmp_path / "sightings.db")
    assert see(store, "sha256:a", 100) == 100
    assert see(store, "sha256:a", 200) == 100
    assert see(store, "sha256:b", 300) == 300
    assert see(store, "sha256:a", 400) == 100  # moved back
    assert see(store, "sha256:a", 100, tag="1.1") == 100
    store.close()
    again = SightingStore.open(tmp_path / "sightings.db")
    assert see(again, "sha256:b", 500) == 300
    assert again.last("reg team/app", "1.0") == StoredSighting("sha256:b", 300, 500)
    assert again.last("reg team/app", "1.1") == StoredSighting("sha256:a", 100, 100)
    assert again.last("reg team/other", "1.0") is None
    again.close()


def test_that_a_tag_stays_what_it_is_is_written_once_a_day():
    store = SightingStore.in_memory()
    see(store, "sha256:a", 0)
    see(store, "sha256:a", DAY_S - 1)
    assert store.last("reg team/app", "1.0").last_s == 0
    see(store, "sha256:a", DAY_S)
    assert store.last("reg team/app", "1.0") == StoredSighting("sha256:a", 0, DAY_S)


def test_a_clock_that_goes_back_loses_nothing():
    store = SightingStore.in_memory()
    see(store, "sha256:a", 1_000)
    assert see(store, "sha256:a", 10) == 1_000
    assert store.last("reg team/app", "1.0") == StoredSighting("sha256:a", 1_000, 1_000)


def test_what_was_not_seen_for_long_goes_first(monkeypatch):
    monkeypatch.setattr(sightings, "ROWS_LIMIT", 4)
    monkeypatch.setattr(sightings, "ROWS_PER_PRUNING", 5)
    store = SightingStore.in_memory()
    for number in range(5):
        see(store, "sha256:a", number, tag=f"1.{number}")
    assert [bool(store.last("reg team/app", f"1.{number}")) for number in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_a_damaged_file_makes_every_wait_begin_anew(tmp_path):
    path = tmp_path / "sightings.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    store = SightingStore.open(path)
    assert see(store, "sha256:a", 700) == 700
    store.close()


def test_what_the_disk_refuses_counts_as_seen_only_now(tmp_path):
    path = tmp_path / "sightings.db"
    store = SightingStore.open(path)
    see(store, "sha256:a", 100)
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE sightings")
    other.close()
    assert see(store, "sha256:a", 900) == 900
    assert "first sightings of tags are not kept" in store.take_trouble()
    store.close()
