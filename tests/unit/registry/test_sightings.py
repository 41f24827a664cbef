"""Since when tags are what they are: asked as seldom as it can be, and never guessed."""

from collections import Counter

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    RepositoryKey,
    Sighting,
    SightingQuestion,
)
from argocd_image_updater.registry.sightings import Sightings
from argocd_image_updater.state.sightings import SightingStore

REPOSITORY = RepositoryKey("reg.example", "app")
S = 1_000_000_000


class World:
    def __init__(self, store=None):
        self.now_s, self.digests, self.heads = 1_000.0, {"1.0": "sha256:a"}, []
        self.sightings = Sightings(
            store or SightingStore.in_memory(), unix=lambda: self.now_s, counts=Counter()
        )

    async def head(self, tag):
        self.heads.append(tag)
        return self.digests.get(tag)

    async def ask(self, tag="1.0", **more):
        question = SightingQuestion(REPOSITORY, tag, **more)
        return await self.sightings.answer(question, "https://reg.example app", head=self.head)


async def test_a_tag_that_was_never_seen_is_seen_now():
    world = World()
    assert await world.ask() == Sighting("sha256:a", 1_000 * S)


async def test_a_fraction_of_a_second_never_makes_an_image_older():
    world = World()
    world.now_s = 1_000.25
    assert await world.ask() == Sighting("sha256:a", 1_001 * S)


async def test_a_tag_is_looked_at_once_a_cycle_whoever_asks():
    world = World()
    await world.ask()
    await world.ask(fresh=True)
    assert world.heads == ["1.0"]
    world.sightings.begin_cycle()
    await world.ask()
    assert world.heads == ["1.0"]  # what was seen last serves
    await world.ask(fresh=True)
    assert world.heads == ["1.0", "1.0"]


async def test_a_tag_that_was_pushed_again_begins_anew():
    world = World()
    await world.ask()
    world.now_s, world.digests["1.0"] = 5_000.0, "sha256:b"
    world.sightings.begin_cycle()
    assert await world.ask() == Sighting("sha256:a", 1_000 * S)
    assert await world.ask(fresh=True) == Sighting("sha256:b", 5_000 * S)


async def test_a_digest_that_is_known_is_not_asked_for():
    world = World()
    assert await world.ask(digest="sha256:c") == Sighting("sha256:c", 1_000 * S)
    assert world.heads == []


async def test_a_tag_that_is_not_there_was_not_seen():
    world = World()
    missing = await world.ask("9.9")
    assert isinstance(missing, Failure)
    assert missing.kind is FailureKind.NOT_FOUND
    world.digests["9.9"] = "sha256:z"
    world.sightings.begin_cycle()
    world.now_s = 2_000.0
    assert await world.ask("9.9") == Sighting("sha256:z", 2_000 * S)


async def test_a_failure_is_handed_on_and_not_kept():
    world = World()
    failure = Failure(FailureKind.TRANSIENT, "status 503")
    world.digests["1.0"] = failure
    assert await world.ask() is failure
    world.digests["1.0"] = "sha256:a"
    world.sightings.begin_cycle()
    assert await world.ask() == Sighting("sha256:a", 1_000 * S)


async def test_another_identity_and_another_run_know_what_was_seen(tmp_path):
    store = SightingStore.open(tmp_path / "sightings.db")
    await World(store).ask()
    store.close()
    again = World(SightingStore.open(tmp_path / "sightings.db"))
    again.now_s = 9_000.0
    assert await again.ask(fresh=True) == Sighting("sha256:a", 1_000 * S)
