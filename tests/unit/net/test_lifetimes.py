"""Values with a life: replaced in time, fetched once, dropped when refused."""

import asyncio
from dataclasses import replace

import pytest

from argocd_image_updater.errors import UpdaterError
from argocd_image_updater.net.lifetimes import FAULT_LIFE_S, Lifetimes, Lived


class Source:
    """Hands out numbers and counts; `fault` makes it fail."""

    def __init__(self, life_s=100.0):
        self.now = 1_000.0
        self.fetched = 0
        self.fault = None
        self.life_s = life_s
        self.kept = Lifetimes(lambda: self.now)

    async def fetch(self):
        await asyncio.sleep(0)
        self.fetched += 1
        if self.fault:
            raise self.fault
        return Lived(self.fetched, self.life_s)

    async def get(self, key="k", **more):
        return await self.kept.get(key, self.fetch, **more)


async def test_a_value_can_be_replaced_at_a_distance_from_its_end():
    source = Source()

    async def fetch():
        return replace(await source.fetch(), spare_s=10.0)

    assert await source.kept.get("k", fetch) == 1
    source.now += 89
    assert await source.kept.get("k", fetch) == 1
    source.now += 1
    assert await source.kept.get("k", fetch) == 2


async def test_a_value_is_replaced_when_four_fifths_of_its_life_are_over():
    source = Source()
    assert await source.get() == 1
    source.now += 79
    assert await source.get() == 1
    source.now += 1
    assert await source.get() == 2


async def test_all_who_ask_at_once_share_one_fetch_and_keys_do_not():
    source = Source()
    assert set(await asyncio.gather(*(source.get() for _ in range(20)))) == {1}
    assert await source.get("other") == 2


async def test_a_shorter_age_may_be_wished_for():
    source = Source()
    await source.get(max_age_s=30)
    source.now += 29
    assert await source.get(max_age_s=30) == 1
    source.now += 1
    assert await source.get(max_age_s=30) == 2


async def test_a_failure_is_told_to_all_and_not_asked_for_again_at_once():
    source = Source()
    source.fault = UpdaterError("no", hint="do this")
    for _ in range(3):
        with pytest.raises(UpdaterError, match="no"):
            await source.get()
    assert source.fetched == 1
    source.fault = None
    source.now += FAULT_LIFE_S
    assert await source.get() == 2


async def test_what_was_refused_is_dropped_unless_it_is_new_or_replaced():
    source = Source(life_s=10_000)
    value = await source.get()
    assert not source.kept.drop(value)
    source.now += 60
    assert not source.kept.drop(value + 1)
    assert source.kept.drop(value)
    assert not source.kept.drop(value)
    assert await source.get() == 2


async def test_a_value_without_any_life_is_used_once():
    source = Source(life_s=-5.0)
    assert [await source.get(), await source.get()] == [1, 2]


async def test_the_number_of_values_is_bounded(monkeypatch):
    monkeypatch.setattr("argocd_image_updater.net.lifetimes.MAX_KEPT", 3)
    source = Source()
    for key in "abcd":
        await source.get(key)
    assert await source.get("d") == 4
    assert await source.get("a") == 5
