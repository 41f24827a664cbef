"""How long a store that has lost sight of a namespace may be acted on, with a clock of the test."""

import asyncio
from types import SimpleNamespace

import pytest

from argocd_image_updater.errors import DeniedError
from argocd_image_updater.kube.kinds import APPLICATIONS, IMAGE_UPDATERS
from argocd_image_updater.kube.reflector import Scope
from argocd_image_updater.kube.store import LOST_S, ClusterStore
from argocd_image_updater.net.timing import Timing

SCOPES = [Scope(kind, "team") for kind in (IMAGE_UPDATERS, APPLICATIONS)]
DENIED = DeniedError("not any more")


class Clock:
    def __init__(self):
        self.now_s = 1000.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    """A store that has read one namespace."""
    client = SimpleNamespace(timing=Timing(monotonic=lambda: clock.now_s))
    store = ClusterStore(client, namespaces=["team"])
    for scope in SCOPES:
        store.begin_list(scope)
        store.end_list(scope)
    store.take_changes()
    return store


def test_a_short_fault_keeps_nobody_from_acting(store, clock):
    store.failed(SCOPES[1], DENIED)
    clock.now_s += LOST_S - 1
    store.failed(SCOPES[1], DENIED)

    assert store.is_current("team")


@pytest.mark.parametrize("scope", SCOPES)
def test_what_was_read_long_before_a_fault_is_not_acted_on(store, clock, scope):
    store.failed(scope, DENIED)
    clock.now_s += LOST_S / 2
    store.failed(scope, DENIED)
    clock.now_s += LOST_S / 2

    assert store.is_complete("team")
    assert not store.is_current("team")
    assert not store.is_current("another")


async def test_who_waits_is_woken_when_it_can_be_followed_again(store, clock):
    store.failed(SCOPES[1], DENIED)
    clock.now_s += LOST_S
    waiting = asyncio.create_task(store.wait_changes())
    await asyncio.sleep(0)

    store.recovered(SCOPES[1])

    assert store.is_current("team")
    async with asyncio.timeout(5):
        assert await waiting == ()


def test_a_new_fault_counts_from_its_own_beginning(store, clock):
    store.failed(SCOPES[1], DENIED)
    clock.now_s += LOST_S / 2
    store.recovered(SCOPES[1])
    store.failed(SCOPES[1], DENIED)
    clock.now_s += LOST_S / 2

    assert store.is_current("team")


async def test_the_first_complete_list_wakes_who_waits_though_it_is_empty(clock):
    client = SimpleNamespace(timing=Timing(monotonic=lambda: clock.now_s))
    store = ClusterStore(client, namespaces=["team"])
    waiting = asyncio.create_task(store.wait_changes())
    await asyncio.sleep(0)

    store.begin_list(SCOPES[0])
    store.end_list(SCOPES[0])

    async with asyncio.timeout(5):
        assert await waiting == ()
