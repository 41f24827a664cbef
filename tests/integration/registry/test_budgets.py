"""Limits of registries kept by us: counted pulls, many images, and what a host says is left."""

import time

import pytest

from argocd_image_updater.core.choice import Choice, NoChoice, Pending, choose
from argocd_image_updater.core.facts import Failure, FailureKind, RepositoryKey, TagList
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ImageSettings, Strategy
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.identities import ONCE, OneClient
from registries.pull_counter import PullCounter
from registries.scripted import ScriptedRegistry

pytestmark = pytest.mark.lab("docker-registry")
PLATFORM = "linux/amd64"


class Choosing:
    """Chooses the newest build of one repository, cycle by cycle, as the controller does."""

    def __init__(self, url, repository, extra):
        self.now = 0.0
        timing = Timing(monotonic=lambda: self.now + time.monotonic())
        self._network = RegistryNetwork(policy=ONCE, timing=timing)
        self._store = FactStore.in_memory()
        self._repository = RepositoryKey("reg.test", repository)
        self._table = load_table(
            f"registries: [{{name: local, prefix: reg.test, api_url: '{url}'}}]",
            ca_directories=(),
            extra=(f"registries: [{{prefix: reg.test, {extra}}}]", "registries.extra.conf"),
        )
        self._settings = ImageSettings(
            "main", parse_image(f"reg.test/{repository}"), strategy=Strategy.NEWEST_BUILD
        )
        self.engine = RegistryEngine(
            network=self._network,
            resolver=CredentialResolver(environ={}, clock=time.monotonic),
            store=self._store,
            unix=lambda: self.now + time.time(),
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._network.aclose()
        self._store.close()

    async def cycle(self):
        self.engine.begin_cycle(self._table)
        facts = {}
        while True:
            found = choose(self._settings, self._repository, facts=facts, default_platform=PLATFORM)
            if not isinstance(found, Pending):
                return found
            facts.update(await self.engine.ask(found.questions))


def push(registry, repository, tags):
    for number, tag in enumerate(tags):
        created = f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z"
        registry.push_image(repository, tag, created=created)


async def test_many_images_are_read_over_several_cycles_and_then_only_the_new_ones(
    distribution, repository
):
    tags = [f"b{number:02}" for number in range(25)]
    push(distribution, repository, tags)
    async with Choosing(distribution.url, repository, "metadataReads: 10") as choosing:
        for read in (10, 20):
            found = await choosing.cycle()
            assert isinstance(found, NoChoice)
            assert found.reason is Reason.METADATA_INCOMPLETE
            assert f"{read} of 25 tags are read" in found.message
            assert "metadataReads" in found.message
            assert choosing.engine.counts["images"] == 10
        found = await choosing.cycle()
        assert isinstance(found, Choice)
        assert found.chosen.name == "b24"
        assert choosing.engine.counts["images"] == 5
        distribution.push_image(repository, "new", created="2025-01-01T00:00:00Z")
        assert (await choosing.cycle()).chosen.name == "new"
        assert choosing.engine.counts["images"] == 1


async def test_pulls_stop_at_the_reserve_and_what_was_read_is_kept(distribution, repository):
    push(distribution, repository, [f"b{number:02}" for number in range(12)])
    async with (
        PullCounter(distribution.url, limit=15) as front,
        Choosing(front.url, repository, "pullReserve: 5") as choosing,
    ):
        front.made = 3  # by a node of the cluster
        found = await choosing.cycle()
        assert isinstance(found, NoChoice)
        assert found.reason is Reason.RATE_LIMITED
        assert "5 of 15 pulls are left" in found.message
        assert "within 6 h" in found.message
        assert (front.made, front.refused) == (10, 0)
        assert front.count("HEAD", "/manifests/") == 1
        assert (await choosing.cycle()).reason is Reason.RATE_LIMITED
        assert (front.made, front.refused) == (10, 0)
        choosing.now += 7 * 3_600
        front.made = 0
        found = await choosing.cycle()
        assert found.chosen.name == "b11"
        assert (front.made, front.refused) == (5, 0)


async def test_a_registry_that_counts_no_pulls_is_asked_as_often_as_needed(
    distribution, repository
):
    push(distribution, repository, [f"b{number:02}" for number in range(12)])
    async with Choosing(distribution.url, repository, "pullReserve: 5") as choosing:
        assert (await choosing.cycle()).chosen.name == "b11"


async def test_docker_hub_is_known_to_count_and_lists_and_heads_are_free(distribution, repository):
    distribution.push_tags(repository, ["1.0"])
    async with PullCounter(distribution.url, limit=0) as front:
        network = RegistryNetwork(environment={"HTTP_PROXY": front.url}, policy=ONCE)
        client = OneClient("http://registry-1.docker.io", repository, network=network)
        async with client as hub:
            assert await hub.list_tags() == TagList(("1.0",))
            assert isinstance(await hub.head("1.0"), str)
            refused = await hub.manifest("1.0")
    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.RATE_LIMITED
    assert front.count("GET", "/manifests/") == 0
    assert refused.retry_after_s > 0


async def test_a_host_that_says_that_nothing_is_left_is_not_asked_again_before(repository):
    headers = [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(int(time.time()) + 900))]
    routes = {
        "/v2/": [{"status": 200}],
        f"/v2/{repository}/tags/list": [
            {"status": 200, "headers": headers, "body": '{"tags": ["1"]}'}
        ],
    }
    async with ScriptedRegistry(routes) as registry, OneClient(registry.base, repository) as client:
        assert await client.list_tags() == TagList(("1",))
        refused = await client.list_tags()
        assert refused.kind is FailureKind.RATE_LIMITED
        assert 800 < refused.retry_after_s <= 900
        assert len(registry.requests) == 2


async def test_a_429_with_a_time_of_return_is_taken_at_its_word(repository):
    headers = [("RateLimit-Remaining", "0"), ("RateLimit-Reset", "900")]
    routes = {"/v2/": [{"status": 429, "headers": headers}]}
    async with ScriptedRegistry(routes) as registry, OneClient(registry.base, repository) as client:
        for _ in range(2):
            refused = await client.list_tags()
            assert refused.kind is FailureKind.RATE_LIMITED
        assert len(registry.requests) == 1


async def test_what_another_host_says_after_a_redirect_is_not_about_the_registry(repository):
    headers = [("RateLimit-Remaining", "0"), ("RateLimit-Reset", "900")]
    elsewhere = {"/list": [{"status": 200, "headers": headers, "body": '{"tags": ["1"]}'}]}
    seen = []
    watched = RegistryNetwork(policy=ONCE, observe=seen.append)
    async with ScriptedRegistry(elsewhere) as store:
        there = [("Location", f"{store.base}/list")]
        routes = {
            "/v2/": [{"status": 200}],
            f"/v2/{repository}/tags/list": [{"status": 307, "headers": there}],
        }
        async with (
            ScriptedRegistry(routes) as registry,
            OneClient(registry.base, repository, network=watched) as client,
        ):
            for _ in range(2):
                assert await client.list_tags() == TagList(("1",))
    assert {one.quota_left for one in seen} == {None}
