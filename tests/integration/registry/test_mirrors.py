"""A registry that is read through mirrors: what is asked where, with whose credentials."""

import pytest

from argocd_image_updater.core.facts import FailureKind, TagListQuestion, TagMetadata
from argocd_image_updater.registry.signatures import search_signatures
from faults.http_proxy import FaultProxy
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.mirror_scene import MirrorScene
from registries.pull_counter import PullCounter
from registries.signing import Signer, push_simple

pytestmark = pytest.mark.lab("docker-registry")


@pytest.fixture(scope="module")
def pull_through(distribution):
    """A pull-through cache of the registry."""
    settings = {"proxy": {"remoteurl": distribution.url}}
    with DistributionRegistry(settings=settings) as registry:
        yield registry


@pytest.fixture(scope="module")
def second():
    """A registry that is filled by hand."""
    with DistributionRegistry() as registry:
        yield registry


@pytest.fixture
def registry(distribution):
    with FaultProxy(distribution) as proxy:
        yield proxy


@pytest.fixture
def mirror(pull_through):
    with FaultProxy(pull_through) as proxy:
        yield proxy


@pytest.fixture
def filled(second):
    with FaultProxy(second) as proxy:
        yield proxy


async def test_without_a_mirror_an_image_costs_what_it_did(registry, distribution, repository):
    distribution.push_image(repository, "1.0")
    async with MirrorScene(registry, [], repository) as scene:
        await scene.images("1.0")
        assert scene.asked("registry") == {"manifests by tag": 1, "blobs": 1}
        assert scene.lookups["mirror", True] == scene.lookups["mirror", False] == 0


async def test_contents_come_from_a_pull_through_cache_and_tags_from_the_registry(
    registry, mirror, distribution, repository
):
    digests = {
        tag: distribution.push_image(repository, tag, created=f"2024-01-0{day}T00:00:00Z")
        for day, tag in enumerate(("1.0", "1.1", "1.2"), start=1)
    }
    async with MirrorScene(registry, [mirror], repository) as scene:
        assert await scene.tags() == ["1.0", "1.1", "1.2"]
        found = await scene.images("1.0", "1.1", "1.2")
        assert {tag: image.digest for tag, image in found.items()} == digests
        assert scene.asked("registry") == {"lists": 1, "heads": 3}
        assert scene.asked("mirror 1") == {"manifests": 3, "blobs": 3}
        assert scene.lookups["mirror", True] == 6
        distribution.push_image(repository, "1.2", created="2024-05-01T00:00:00Z")
        moved = (await scene.images("1.2", fresh=True))["1.2"]
        assert moved.created_ns > found["1.2"].created_ns
        assert scene.asked("registry") == {"heads": 1}
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}


async def test_a_tag_that_is_not_there_is_not_there(registry, mirror, distribution, repository):
    distribution.push_image(repository, "1.0")
    async with MirrorScene(registry, [mirror], repository) as scene:
        image = (await scene.images("2.0"))["2.0"]
        assert image.kind is FailureKind.NOT_FOUND
        assert scene.asked("registry") == {"heads": 1}
        assert scene.asked("mirror 1") == {}


async def test_the_path_of_a_mirror_is_put_before_the_repository(
    registry, filled, distribution, second, repository
):
    digest = distribution.push_image(repository, "1.0")
    assert second.push_image(f"proxy-hub/{repository}", "1.0") == digest
    async with MirrorScene(registry, [filled], repository, path="/proxy-hub") as scene:
        assert (await scene.images("1.0"))["1.0"].digest == digest
        assert scene.asked("registry") == {"heads": 1}
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}
        assert filled.asked(f"/v2/proxy-hub/{repository}/manifests/")


async def test_what_one_mirror_does_not_have_the_next_one_has(
    registry, filled, mirror, distribution, repository
):
    distribution.push_image(repository, "1.0")
    async with MirrorScene(registry, [filled, mirror], repository) as scene:
        assert isinstance((await scene.images("1.0"))["1.0"], TagMetadata)
        assert scene.asked("registry") == {"heads": 1}
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}
        assert scene.asked("mirror 2") == {"manifests": 1, "blobs": 1}


async def test_reading_at_a_mirror_costs_no_pull(distribution, filled, second, repository):
    tags = ("1.0", "1.1", "1.2")
    for day, tag in enumerate(tags, start=1):
        for registry in (distribution, second):
            registry.push_image(repository, tag, created=f"2024-01-0{day}T00:00:00Z")
    async with PullCounter(distribution.url, limit=100) as counter:
        counter.base, counter.lines = counter.url, []
        async with MirrorScene(counter, [filled], repository) as scene:
            found = await scene.images(*tags)
        assert all(isinstance(image, TagMetadata) for image in found.values())
        assert counter.made == 0
        assert counter.count("HEAD", "/manifests/") == 3


# --- mirrors that may answer for tags -----------------------------------------------------------


async def test_a_mirror_that_may_answer_for_tags_spares_the_registry(
    registry, mirror, distribution, repository
):
    digest = distribution.push_image(repository, "1.0")
    async with MirrorScene(registry, [mirror], repository, mirror="tags: true") as scene:
        assert await scene.tags() == ["1.0"]
        assert (await scene.images("1.0"))["1.0"].digest == digest
        assert scene.asked("registry") == {}
        assert scene.asked("mirror 1") == {"lists": 1, "heads": 1, "manifests": 1, "blobs": 1}


async def test_a_repository_that_a_mirror_does_not_have_is_that_of_the_registry(
    registry, filled, distribution, repository
):
    digest = distribution.push_image(repository, "1.0")
    async with MirrorScene(registry, [filled], repository, mirror="tags: true") as scene:
        assert await scene.tags() == ["1.0"]
        assert (await scene.images("1.0"))["1.0"].digest == digest
        assert scene.asked("registry") == {"lists": 1, "heads": 1, "manifests": 1, "blobs": 1}


async def test_an_empty_list_of_a_mirror_is_no_list(
    registry, filled, distribution, second, repository
):
    distribution.push_image(repository, "1.0")
    second.push_image(repository, "1.0")
    second.delete_tag(repository, "1.0")
    async with MirrorScene(registry, [filled], repository, mirror="tags: true") as scene:
        assert await scene.tags() == ["1.0"]
        assert [scene.asked(name) for name in scene.proxies] == [{"lists": 1}, {"lists": 1}]


async def test_a_current_tag_that_a_mirror_does_not_list_is_asked_for_at_the_registry(
    registry, filled, distribution, second, repository
):
    """And where it is there, the list is read there too: the mirror was behind."""
    distribution.push_tags(repository, ["1.0", "1.1"])
    second.push_image(repository, "1.0")
    async with MirrorScene(registry, [filled], repository, mirror="tags: true") as scene:
        assert await scene.tags() == ["1.0"]
        answers = await scene.exists("1.1")
        assert [answer for answer in answers.values() if isinstance(answer, bool)] == [True]
        assert sorted(answers[TagListQuestion(scene.key)].tags) == ["1.0", "1.1"]
        assert scene.asked("registry") == {"heads": 1, "lists": 1}
        assert scene.asked("mirror 1") == {"lists": 1}
        # and for the rest of the cycle
        (listed,) = (await scene.engine.ask([TagListQuestion(scene.key)])).values()
        assert sorted(listed.tags) == ["1.0", "1.1"]
        assert scene.asked("registry") == scene.asked("mirror 1") == {}


async def test_a_tag_that_was_withdrawn_is_withdrawn_whatever_the_mirror_says(
    registry, filled, distribution, second, repository
):
    distribution.push_image(repository, "1.0")
    second.push_tags(repository, ["1.0", "1.1"])
    async with MirrorScene(registry, [filled], repository, mirror="tags: true") as scene:
        assert await scene.tags() == ["1.0", "1.1"]
        answers = await scene.exists("1.1")
        assert list(answers.values()) == [False]
        assert scene.asked("registry") == {"heads": 1}


async def test_where_the_order_of_a_list_counts_it_is_that_of_the_registry(
    registry, mirror, distribution, repository
):
    distribution.push_image(repository, "1.0")
    async with MirrorScene(
        registry, [mirror], repository, mirror="tags: true", entry=", tagsortmode: latest-last"
    ) as scene:
        assert await scene.tags() == ["1.0"]
        assert scene.asked("registry") == {"lists": 1}
        assert scene.asked("mirror 1") == {}


async def test_whether_an_image_is_signed_is_asked_at_the_registry(
    registry, filled, distribution, second, repository
):
    """The mirror is behind and has no signature; the signed text may come from it all the same."""
    digest = distribution.push_image(repository, "1.0")
    assert second.push_image(repository, "1.0") == digest
    push_simple(distribution, repository, digest, Signer.ecdsa())
    found = []

    async def consider(item):
        found.append(item)
        return False

    async with MirrorScene(registry, [filled], repository, mirror="tags: true") as scene:
        scene.engine.begin_cycle(scene.table)
        await search_signatures(scene.engine.client(scene.key), digest, consider)
        assert [hasattr(item, "content") for item in found] == [True]
        asked = scene.asked("registry")
        assert asked["referrers"] == 1
        assert asked["heads"] == 2
        assert "heads" not in scene.asked("mirror 1")


# --- credentials --------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path):
    """A mirror that wants a login, and what it is asked."""
    authorization = basic_header(USERNAME, PASSWORD)
    with (
        DistributionRegistry(
            auth=htpasswd_auth(tmp_path), push_authorization=authorization
        ) as server,
        FaultProxy(server) as proxy,
    ):
        proxy.server = server
        yield proxy


async def test_a_mirror_gets_its_own_credentials_and_nothing_of_the_registry(
    registry, locked, distribution, repository
):
    digest = distribution.push_image(repository, "1.0")
    locked.server.push_image(repository, "1.0")
    async with MirrorScene(
        registry,
        [locked],
        repository,
        mirror="credentials: env:MIRROR",
        entry=", credentials: env:REGISTRY",
        environ={"MIRROR": f"{USERNAME}:{PASSWORD}", "REGISTRY": "somebody:secret"},
    ) as scene:
        assert (await scene.images("1.0"))["1.0"].digest == digest
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}
        assert {value for _, value in locked.authorizations} == {basic_header(USERNAME, PASSWORD)}
        assert registry.authorizations == []


async def test_without_credentials_of_its_own_a_mirror_gets_those_of_its_hosts_entry(
    registry, locked, distribution, repository
):
    distribution.push_image(repository, "1.0")
    locked.server.push_image(repository, "1.0")
    conf = f", {{name: m, prefix: m.test, api_url: '{locked.base}', credentials: env:MIRROR}}"
    async with MirrorScene(
        registry,
        [locked],
        repository,
        conf=conf,
        environ={"MIRROR": f"{USERNAME}:{PASSWORD}"},
    ) as scene:
        assert isinstance((await scene.images("1.0"))["1.0"], TagMetadata)
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}
        assert scene.asked("registry") == {"heads": 1}


@pytest.mark.parametrize("value", [None, f"{USERNAME}:wrong"])
async def test_a_mirror_that_refuses_us_is_no_fault_of_the_image(
    registry, locked, distribution, repository, value
):
    distribution.push_image(repository, "1.0")
    async with MirrorScene(
        registry,
        [locked],
        repository,
        mirror="credentials: env:MIRROR",
        entry=", credentials: env:REGISTRY",
        environ={"REGISTRY": f"{USERNAME}:{PASSWORD}"} | ({"MIRROR": value} if value else {}),
    ) as scene:
        assert isinstance((await scene.images("1.0"))["1.0"], TagMetadata)
        assert scene.asked("registry") == {"heads": 1, "manifests": 1, "blobs": 1}
        # refused once, it is not asked for the configuration any more
        assert scene.asked("mirror 1") == ({"manifests": 1} if value else {})
        sent = {sent for _, sent in locked.authorizations}
        assert basic_header(USERNAME, PASSWORD) not in sent
