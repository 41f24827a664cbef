"""A mirror that fails in any way is no fault of an image: the registry is asked in its place."""

import logging

import pytest

from argocd_image_updater.core.facts import FailureKind, TagMetadata
from argocd_image_updater.registry.mirror_health import MISSES, PAUSES
from faults.http_proxy import FaultProxy, page, reset, status
from registries.distribution import DistributionRegistry
from registries.mirror_scene import MirrorScene

pytestmark = pytest.mark.lab("docker-registry")
TAGS = ("1.0", "1.1", "1.2", "1.3")


@pytest.fixture(scope="module")
def servers():
    """A registry and a mirror of it that is filled by hand."""
    with DistributionRegistry() as home, DistributionRegistry() as copy:
        yield home, copy


@pytest.fixture
def registry(servers):
    with FaultProxy(servers[0]) as proxy:
        yield proxy


@pytest.fixture
def mirror(servers):
    with FaultProxy(servers[1]) as proxy:
        yield proxy


@pytest.fixture
def repository(request, servers):
    """A repository with four tags, equal at both."""
    name = "team/" + "".join(c for c in request.node.name.lower() if c.isalnum())[:100]
    for server in servers:
        for day, tag in enumerate(TAGS, start=1):
            server.push_image(name, tag, created=f"2024-01-0{day}T00:00:00Z")
    return name


def wrong_bytes(exchange):
    """Other content under the right name, as JSON that can be read."""
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body.replace(b"schemaVersion", b"schemaversion") + b" ")


def wrong_type(exchange):
    """The right content, called something else."""
    code, headers, body = exchange.upstream()
    kept = [(name, value) for name, value in headers if name.lower() != "content-type"]
    exchange.send(code, [*kept, ("Content-Type", "application/vnd.oci.image.index.v1+json")], body)


def cut(exchange):
    code, headers, body = exchange.upstream()
    exchange.send(code, headers, body[: len(body) // 2], length=len(body))


FAULTS = {
    "reset": reset,
    "500": status(500),
    "503": status(503),
    "429": status(429, ("Retry-After", "20")),
    "a page": page,
    "half an answer": cut,
    "wrong bytes": wrong_bytes,
    "not modified": status(304),
}


def all_images(found):
    return all(isinstance(image, TagMetadata) for image in found.values()) and len(found)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_mirror_that_fails_is_left_out_and_asked_again_later(
    registry, mirror, repository, fault, caplog
):
    # on a connection that was used before, the HTTP library sends a request a second time
    times = 2 if fault == "reset" else 1
    mirror.on("/manifests/", FAULTS[fault], times=times)
    async with MirrorScene(registry, [mirror], repository) as scene:
        with caplog.at_level(logging.WARNING):
            assert all_images(await scene.images("1.0"))
        assert scene.asked("registry") == {"heads": 1, "manifests": 1, "blobs": 1}
        assert scene.asked("mirror 1") == {"manifests": times}
        assert len([line for line in caplog.records if "is passed over" in line.message]) == 1
        assert scene.lookups["mirror", False] == 2
        # still left out
        assert all_images(await scene.images("1.1"))
        assert scene.asked("registry") == {"heads": 1, "manifests": 1, "blobs": 1}
        assert scene.asked("mirror 1") == {}
        # back again
        scene.passed_s = 2 * PAUSES.first_s
        assert all_images(await scene.images("1.2"))
        assert scene.asked("registry") == {"heads": 1}
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}


async def test_a_mirror_that_calls_content_something_else_is_not_believed(
    registry, mirror, repository
):
    """The bytes are right, so it is not left out, and the registry has the last word."""
    mirror.on("/manifests/", wrong_type)
    async with MirrorScene(registry, [mirror], repository) as scene:
        assert all_images(await scene.images("1.0"))
        assert scene.asked("registry") == {"heads": 1, "manifests": 1}
        assert scene.asked("mirror 1") == {"manifests": 1, "blobs": 1}


async def test_a_mirror_that_is_down_is_tried_once_for_all(registry, servers, repository, caplog):
    with FaultProxy(servers[1]) as gone:
        pass
    async with MirrorScene(registry, [gone], repository) as scene:
        with caplog.at_level(logging.WARNING):
            assert all_images(await scene.images(*TAGS)) == len(TAGS)
            assert all_images(await scene.images(*TAGS, fresh=True)) == len(TAGS)
        assert len([line for line in caplog.records if "is passed over" in line.message]) == 1
        assert scene.asked("registry") == {"heads": 8, "manifests": 4, "blobs": 4}


async def test_the_second_mirror_serves_while_the_first_fails(
    registry, mirror, servers, repository
):
    with FaultProxy(servers[1]) as broken:
        broken.on("/v2/", status(502))
        async with MirrorScene(registry, [broken, mirror], repository) as scene:
            assert all_images(await scene.images("1.0"))
            assert all_images(await scene.images("1.1"))
            assert scene.asked("registry") == {"heads": 2}
            assert scene.asked("mirror 1") == {}  # it did not get further than the first greeting
            assert len(broken.lines) == 1
            assert scene.asked("mirror 2") == {"manifests": 2, "blobs": 2}


async def test_a_mirror_that_lacks_a_repository_is_soon_not_asked_for_it(
    registry, mirror, repository
):
    mirror.on(f"/{repository}/", status(404))
    async with MirrorScene(registry, [mirror], repository) as scene:
        assert all_images(await scene.images(*TAGS)) == len(TAGS)
        assert scene.asked("mirror 1")["manifests"] == len(TAGS)
        assert all_images(await scene.images("1.0", fresh=True))
        asked = sum(len(mirror.asked(kind)) for kind in ("/manifests/", "/blobs/"))
        assert MISSES <= asked < 2 * len(TAGS) + MISSES


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "wrong bytes"], ids=str)
async def test_a_list_that_a_mirror_does_not_give_is_that_of_the_registry(
    registry, mirror, repository, fault
):
    mirror.on("/tags/list", FAULTS[fault])
    async with MirrorScene(registry, [mirror], repository, mirror="tags: true") as scene:
        assert await scene.tags() == list(TAGS)
        assert scene.asked("registry") == {"lists": 1}


async def test_a_digest_that_only_a_mirror_knows_is_no_statement_about_the_tag(
    registry, mirror, servers, repository
):
    """It names a digest and does not have it, and nor has the registry."""
    digest = servers[1].push_image(repository, "1.0", created="2020-01-01T00:00:00Z")
    mirror.on("GET .*/manifests/", status(500))
    async with MirrorScene(registry, [mirror], repository, mirror="tags: true") as scene:
        assert (await scene.images("1.0"))["1.0"].digest != digest
        assert scene.asked("mirror 1") == {"heads": 1, "manifests": 1}
        assert scene.asked("registry") == {"manifests": 1, "manifests by tag": 1, "blobs": 1}
        # it has the tag already: here the digest is asked for only
        servers[1].push_image(repository, "1.0", created="2020-01-02T00:00:00Z")
        scene.passed_s = 2 * PAUSES.first_s
        failure = (await scene.images("1.0", fresh=True))["1.0"]
        assert failure.kind is FailureKind.TRANSIENT


async def test_when_the_registry_fails_too_the_failure_is_that_of_the_registry(
    registry, mirror, repository
):
    mirror.on("GET .*/manifests/", status(500))
    registry.on("GET .*/manifests/", status(403))
    async with MirrorScene(registry, [mirror], repository) as scene:
        failure = (await scene.images("1.0"))["1.0"]
        assert failure.kind is FailureKind.DENIED
        assert "reg.test/" in failure.message
