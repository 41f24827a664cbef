"""The store of facts: what is kept, what is not, and what damage does."""

import sqlite3

from argocd_image_updater.core.facts import Failure, FailureKind, TagMetadata
from argocd_image_updater.state import facts
from argocd_image_updater.state.facts import FactStore

D1 = "sha256:" + "1" * 64
D2 = "sha256:" + "2" * 64


def test_a_tag_comes_back_with_its_image_and_the_time_of_its_check(tmp_path):
    image = TagMetadata(D1, -62135596800000000001, {"a": "ü"})
    store = FactStore.open(tmp_path / "facts.db")
    store.write("r/app", tags={"1.0": D1}, images=[(D1, "linux/amd64", image)], checked_at_s=77)
    store.close()
    store = FactStore.open(tmp_path / "facts.db")
    (found,) = store.read_tags("r/app", "linux/amd64").values()
    assert (found.tag, found.digest, found.checked_at_s, found.image) == ("1.0", D1, 77, image)
    store.close()


def test_an_image_is_known_per_repository_and_platforms(tmp_path):
    store = FactStore.open(tmp_path / "facts.db")
    store.write(
        "r/app", tags={"1": D1}, images=[(D1, "linux/amd64", TagMetadata(D1))], checked_at_s=1
    )
    assert store.read_tags("r/app", "linux/arm64")["1"].image is None
    assert store.read_tags("r/other", "linux/amd64") == {}
    store.close()


def test_permanent_failures_are_kept_and_transient_ones_are_not(tmp_path):
    store = FactStore.open(tmp_path / "facts.db")
    store.write(
        "r/app",
        tags={"chart": D1, "down": D2},
        images=[
            (D1, "p", Failure(FailureKind.UNUSABLE, "no image")),
            (D2, "p", Failure(FailureKind.TRANSIENT, "503")),
        ],
        checked_at_s=1,
    )
    known = store.read_tags("r/app", "p")
    assert known["chart"].image == Failure(FailureKind.UNUSABLE, "no image")
    assert known["down"].image is None
    store.close()


def test_a_moved_tag_points_at_its_new_image(tmp_path):
    store = FactStore.open(tmp_path / "facts.db")
    store.write("r", tags={"a": D1}, images=[(D1, "p", TagMetadata(D1, 1))], checked_at_s=1)
    store.write("r", tags={"a": D2}, images=[], checked_at_s=2)
    found = store.read_tags("r", "p")["a"]
    assert (found.digest, found.image, found.checked_at_s) == (D2, None, 2)
    store.close()


def test_forgotten_tags_are_gone(tmp_path):
    store = FactStore.open(tmp_path / "facts.db")
    store.write("r", tags={"a": D1, "b": D1}, images=[], checked_at_s=1)
    store.forget_tags("r", ["a"])
    assert set(store.read_tags("r", "p")) == {"b"}
    store.close()


def test_a_damaged_file_is_replaced(tmp_path):
    path = tmp_path / "facts.db"
    path.write_bytes(b"not a database at all" * 100)
    store = FactStore.open(path)
    store.write("r", tags={"a": D1}, images=[], checked_at_s=1)
    assert set(store.read_tags("r", "p")) == {"a"}
    store.close()


def test_a_store_of_another_layout_is_begun_anew(tmp_path):
    path = tmp_path / "facts.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE tags (x)")
        connection.execute("PRAGMA user_version=99")
    connection.close()
    store = FactStore.open(path)
    assert store.read_tags("r", "p") == {}
    store.close()


def test_pruning_keeps_the_rows_that_were_checked_last(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "ROWS_LIMIT", 4)
    store = FactStore.open(tmp_path / "facts.db")
    for second in range(6):
        digest = f"sha256:{second:064d}"
        store.write(
            "r",
            tags={f"t{second}": digest},
            images=[(digest, "p", TagMetadata(digest))],
            checked_at_s=second,
        )
    store.prune()
    assert set(store.read_tags("r", "p")) == {"t4", "t5"}
    store.close()


def test_a_store_that_is_open_for_months_stays_within_its_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "ROWS_LIMIT", 4)
    monkeypatch.setattr(facts, "ROWS_PER_PRUNING", 3)
    store = FactStore.open(tmp_path / "facts.db")
    for second in range(50):
        store.write("r", tags={f"t{second}": f"d{second}"}, images=[], checked_at_s=second)
        assert len(store.read_tags("r", "p")) < 4 + 3
    assert "t49" in store.read_tags("r", "p")
    store.close()


def test_a_store_that_cannot_be_opened_keeps_facts_in_memory_and_says_so(tmp_path):
    store = FactStore.open(tmp_path / "missing" / "facts.db")
    assert "in memory only" in store.take_trouble()
    assert store.take_trouble() == ""
    store.write("r", tags={"a": "d"}, images=[], checked_at_s=1)
    assert store.read_tags("r", "").keys() == {"a"}
    store.close()


def test_a_file_that_turns_out_to_be_damaged_stops_nothing_and_is_begun_anew(tmp_path):
    path = tmp_path / "facts.db"
    store = FactStore.open(path)
    tags = {f"tag-{number}": "d" * 71 for number in range(2_000)}
    store.write("r", tags=tags, images=[], checked_at_s=1)
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    store = FactStore.open(path)
    assert store.read_tags("r", "") == {}
    store.close()
    store = FactStore.open(path)
    store.write("r", tags={"a": "d"}, images=[], checked_at_s=1)
    assert store.read_tags("r", "").keys() == {"a"}
    assert store.take_trouble() == ""
    store.close()


def test_a_store_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = FactStore.in_memory()
    image = TagMetadata(D1, 1)
    store.write("r/app", tags={"1": D1}, images=[(D1, "", image)], checked_at_s=1)
    assert store.read_tags("r/app", "")["1"].image == image
    assert store.take_trouble() == ""
    store.close()
    assert list(tmp_path.iterdir()) == []
