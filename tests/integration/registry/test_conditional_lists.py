"""Lists that have not changed are not sent again: real ones, behind a front with validators."""

import time
from collections import Counter

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.page_memory import REREAD_S
from registries import conditional_front as fronts
from registries.conditional_front import ConditionalFront
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.identities import ONCE, endpoint_of, given

pytestmark = pytest.mark.lab("docker-registry")


class Asking:
    """One process that asks a front again and again, with a client for each cycle."""

    def __init__(self, front, repository):
        self.front = front
        self.repository = repository
        self.passed_s = 0.0
        self.statuses = Counter()
        self.network = RegistryNetwork(
            policy=ONCE,
            timing=Timing(monotonic=lambda: time.monotonic() + self.passed_s),
            observe=lambda exchange: self.statuses.update([exchange.status]),
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.network.aclose()

    async def tags(self, user="", password="", *, front=None):
        client = self.network.client(
            endpoint_of((front or self.front).url),
            self.repository,
            credentials=given(user, password),
        )
        listed = await client.list_tags()
        return listed if isinstance(listed, Failure) else sorted(listed.tags)


@pytest.fixture
async def front(distribution):
    async with ConditionalFront(distribution.url) as opened:
        yield opened


@pytest.mark.parametrize("validator", [fronts.strong, fronts.weak, fronts.bare, fronts.dated])
async def test_an_unchanged_list_is_not_sent_again(distribution, front, repository, validator):
    front.validator = validator
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        assert await asking.tags() == ["1.0"]
        assert front.counts() == (1, 0)
        assert [await asking.tags(), await asking.tags()] == [["1.0"], ["1.0"]]
        assert front.counts() == (0, 2)
        assert asking.statuses[304] == 2


async def test_a_new_tag_is_seen_at_once(distribution, front, repository):
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        await asking.tags()
        distribution.push_image(repository, "1.1")
        assert await asking.tags() == ["1.0", "1.1"]
        assert front.counts() == (2, 0)
        assert await asking.tags() == ["1.0", "1.1"]
        distribution.delete_tag(repository, "1.0")
        assert await asking.tags() == ["1.1"]
        assert front.counts() == (1, 1)


async def test_each_page_of_a_list_is_remembered(distribution, front, repository):
    front.page_size = 2
    tags = ["1.0", "1.1", "1.2", "1.3", "1.4"]
    distribution.push_tags(repository, tags)
    async with Asking(front, repository) as asking:
        assert await asking.tags() == tags
        assert front.counts() == (3, 0)
        assert await asking.tags() == tags
        assert front.counts() == (0, 3)


async def test_nobody_is_answered_from_a_list_that_somebody_else_has_read(tmp_path, repository):
    with DistributionRegistry(
        auth=htpasswd_auth(tmp_path), push_authorization=basic_header(USERNAME, PASSWORD)
    ) as registry:
        registry.push_image(repository, "1.0")
        async with ConditionalFront(registry.url) as front, Asking(front, repository) as asking:
            assert await asking.tags(USERNAME, PASSWORD) == ["1.0"]
            assert (await asking.tags(USERNAME, "wrong")).kind is FailureKind.DENIED
            assert (await asking.tags()).kind is FailureKind.DENIED
            # what was never asked about is asked for in whole
            assert front.conditions == [{}]
            assert await asking.tags(USERNAME, PASSWORD) == ["1.0"]
            assert front.counts() == (1, 1)


async def test_a_list_without_a_validator_is_read_in_whole(distribution, front, repository):
    front.validator = fronts.silent
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        assert [await asking.tags(), await asking.tags()] == [["1.0"], ["1.0"]]
        assert front.counts() == (2, 0)
        assert front.conditions == [{}, {}]


async def test_a_registry_that_lies_is_found_out_within_the_hour(distribution, front, repository):
    front.validator = fronts.frozen
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        await asking.tags()
        distribution.push_image(repository, "1.1")
        assert await asking.tags() == ["1.0"]
        asking.passed_s = REREAD_S
        assert await asking.tags() == ["1.0", "1.1"]
        assert front.counts() == (2, 1)


async def test_not_modified_without_a_question_is_a_failure_that_passes(
    distribution, front, repository
):
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        front.unasked = True
        failure = await asking.tags()
        assert failure.kind is FailureKind.TRANSIENT
        assert "304" in failure.message
        front.unasked = False
        assert await asking.tags() == ["1.0"]


async def test_a_list_that_was_spoilt_on_the_way_is_read_again_in_whole(
    distribution, front, repository
):
    distribution.push_image(repository, "1.0")
    async with Asking(front, repository) as asking:
        front.spoil = lambda body: body[: len(body) // 2]
        assert isinstance(await asking.tags(), Failure)
        front.spoil = None
        assert await asking.tags() == ["1.0"]
        assert front.counts() == (2, 0)


async def test_a_list_is_never_taken_for_that_of_another_registry(distribution, front, repository):
    distribution.push_image(repository, "1.0")
    async with (
        ConditionalFront(distribution.url) as other,
        Asking(front, repository) as asking,
    ):
        await asking.tags()
        await asking.tags(front=other)
        assert other.conditions == [{}]
