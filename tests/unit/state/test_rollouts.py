"""Rollouts on disk: kept over restarts, one for each image, bounded."""

from dataclasses import replace

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.refreshes import Push
from argocd_image_updater.core.rollouts import Rollout, RolloutKey, Stage
from argocd_image_updater.state import rollouts as module
from argocd_image_updater.state.rollouts import KEPT_S, RolloutStore

NOW_S = 1_800_000_000
KEY = RolloutKey(ObjectKey("argocd", "updater"), ObjectKey("argocd", "shop"), "web", "reg/web")
PUSH = Push("https://git.example.com/r.git", "main", "c1", "c2", is_default=True)
ROLLOUT = Rollout(KEY, PUSH, "1.1", NOW_S, Stage.SEEN, "Argo CD is syncing")


def test_a_rollout_lasts_over_restarts_and_the_next_takes_its_place(tmp_path):
    store = RolloutStore.open(tmp_path / "rollouts.db")
    store.keep([ROLLOUT], now_s=NOW_S)
    store.close()
    again = RolloutStore.open(tmp_path / "rollouts.db")
    assert again.read() == (ROLLOUT,)
    later = replace(ROLLOUT, chosen="1.2", stage=Stage.WRITTEN)
    again.keep([later], now_s=NOW_S)
    assert again.read() == (later,)
    again.close()


def test_what_is_old_goes():
    store = RolloutStore.in_memory()
    store.keep([ROLLOUT], now_s=NOW_S)
    store.keep([], now_s=NOW_S + KEPT_S + 1)
    assert store.read() == ()


def test_the_oldest_go_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "ROWS_LIMIT", 2)
    store = RolloutStore.in_memory()
    items = [
        replace(ROLLOUT, key=replace(KEY, alias=f"a{index}"), at_s=NOW_S + index)
        for index in range(4)
    ]
    store.keep(items, now_s=NOW_S)
    assert sorted(item.key.alias for item in store.read()) == ["a2", "a3"]


def test_a_damaged_file_is_begun_anew(tmp_path):
    (tmp_path / "rollouts.db").write_bytes(b"no database" * 1000)
    store = RolloutStore.open(tmp_path / "rollouts.db")
    assert store.read() == ()
    store.keep([ROLLOUT], now_s=NOW_S)
    assert store.read() == (ROLLOUT,)
    store.close()
