"""Metadata put together from parts: nesting, missing dates, platforms, failures of parts.

What a whole registry answers is in the vector runner of tag_metadata.
"""

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind, TagMetadata
from argocd_image_updater.registry.manifests import (
    CREATED,
    Descriptor,
    ImageConfig,
    ImageIndex,
    ImageManifest,
    Platform,
)
from argocd_image_updater.registry.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from argocd_image_updater.registry.metadata import (
    MAX_CHILDREN,
    MAX_NESTING,
    Purpose,
    read_metadata,
)
from argocd_image_updater.registry.timestamps import ZERO_TIME_NS, parse_created

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
WANTED = ("linux/amd64",)


class Shelf:
    """Manifests and configs by name, and what was asked for."""

    def __init__(self):
        self.manifests = {}
        self.configs = {}
        self.asked = []

    async def manifest(self, reference, *, size_bytes=0):
        assert size_bytes >= 0
        self.asked.append(reference)
        gone = Failure(FailureKind.NOT_FOUND, f"{reference} is gone")
        return self.manifests.get(reference, gone)

    async def config(self, descriptor):
        self.asked.append(descriptor.digest)
        gone = Failure(FailureKind.NOT_FOUND, f"{descriptor.digest} is gone")
        return self.configs.get(descriptor.digest, gone)

    def image(
        self, name, *, platform=AMD64, created="", annotations=None, config_type=OCI_CONFIG, **more
    ):
        config = Descriptor(config_type, f"config of {name}")
        self.manifests[name] = ImageManifest(
            name, OCI_MANIFEST, config, annotations=annotations or {}, **more
        )
        self.configs[config.digest] = ImageConfig(
            platform, created, parse_created(created), {"name": name}
        )
        return self

    def index(self, name, *entries, annotations=None):
        manifests = tuple(
            entry
            if isinstance(entry, Descriptor)
            else Descriptor(OCI_MANIFEST, entry[0], platform=entry[1])
            for entry in entries
        )
        self.manifests[name] = ImageIndex(name, OCI_INDEX, manifests, annotations or {})
        return self

    async def read(self, *, platforms=WANTED, purpose=Purpose.METADATA):
        return await read_metadata(self, "tag", platforms=platforms, purpose=purpose)


def ns(text):
    return parse_created(text)


async def test_a_date_that_is_missing_comes_from_the_annotation_of_the_manifest():
    shelf = Shelf().image("tag", annotations={CREATED: "2024-01-01T00:00:00Z"})
    metadata = await shelf.read()
    assert metadata == TagMetadata("tag", ns("2024-01-01T00:00:00Z"), {"name": "tag"})
    assert metadata.warnings == ()


@pytest.mark.parametrize(("created", "why"), [("", "missing"), ("yesterday", "malformed")])
async def test_a_tag_without_any_date_counts_as_oldest_with_a_warning(created, why):
    metadata = await Shelf().image("tag", created=created).read()
    assert metadata == TagMetadata("tag", None, {"name": "tag"})
    assert why in metadata.warnings[0]


async def test_an_undated_entry_takes_the_date_of_its_index():
    shelf = (
        Shelf().image("a").index("tag", ("a", AMD64), annotations={CREATED: "2024-01-01T00:00:00Z"})
    )
    assert (await shelf.read()).created_ns == ns("2024-01-01T00:00:00Z")


async def test_a_dated_entry_is_newer_than_an_undated_one():
    shelf = (
        Shelf()
        .image("a")
        .image("b", created="1970-01-01T00:00:00Z")
        .index("tag", ("a", AMD64), ("b", AMD64))
    )
    metadata = await shelf.read()
    assert (metadata.created_ns, metadata.labels) == (0, {"name": "b"})


async def test_the_zero_time_is_a_date_for_an_image_and_none_for_an_index():
    zero = "0001-01-01T00:00:00Z"
    assert (await Shelf().image("tag", created=zero).read()).created_ns == ZERO_TIME_NS
    metadata = await Shelf().image("a", created=zero).index("tag", ("a", AMD64)).read()
    assert metadata == TagMetadata("tag")


@pytest.mark.parametrize(
    "config_type",
    [
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.oci.empty.v1+json",
        "application/vnd.example",
    ],
)
async def test_what_is_no_image_is_not_looked_into(config_type):
    shelf = Shelf().image("tag", created="2024-01-01T00:00:00Z", config_type=config_type)
    failure = await shelf.read()
    assert failure.kind is FailureKind.UNUSABLE
    assert config_type in failure.message
    assert shelf.asked == ["tag"]


async def test_a_config_that_tells_nothing_is_no_image():
    failure = await Shelf().image("tag", platform=Platform()).read(platforms=())
    assert failure.kind is FailureKind.UNUSABLE


async def test_an_entry_without_platform_is_looked_into():
    shelf = (
        Shelf()
        .image("a", created="2024-01-01T00:00:00Z")
        .image("b", created="2024-02-01T00:00:00Z", platform=ARM64)
        .index("tag", ("a", None), ("b", None))
    )
    assert (await shelf.read()).labels == {"name": "a"}
    assert (await shelf.read(platforms=("windows/amd64",))).kind is FailureKind.NO_PLATFORM


@pytest.mark.parametrize(
    "attestation",
    [
        Descriptor(OCI_MANIFEST, "x", platform=Platform("unknown", "unknown")),
        Descriptor(
            OCI_MANIFEST,
            "x",
            platform=AMD64,
            annotations={"vnd.docker.reference.type": "attestation-manifest"},
        ),
    ],
)
@pytest.mark.parametrize("platforms", [WANTED, ()])
async def test_attestations_are_no_images(attestation, platforms):
    shelf = (
        Shelf().image("a", created="2024-01-01T00:00:00Z").index("tag", attestation, ("a", AMD64))
    )
    assert (await shelf.read(platforms=platforms)).created_ns == ns("2024-01-01T00:00:00Z")
    only = await Shelf().index("tag", attestation).read(platforms=platforms)
    assert only.kind is FailureKind.NO_PLATFORM


async def test_a_promised_platform_that_is_not_there_leaves_the_tag_in_without_a_date():
    shelf = Shelf().image("a", created="2024-01-01T00:00:00Z", platform=ARM64)
    metadata = await shelf.index("tag", ("a", AMD64)).read()
    assert metadata.digest == "tag"
    assert metadata.created_ns is None
    assert "another platform" in metadata.warnings[0]


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (FailureKind.TRANSIENT, FailureKind.TRANSIENT),
        (FailureKind.RATE_LIMITED, FailureKind.RATE_LIMITED),
        (FailureKind.DENIED, FailureKind.DENIED),
        (FailureKind.NOT_FOUND, FailureKind.UNUSABLE),
        (FailureKind.UNUSABLE, FailureKind.UNUSABLE),
    ],
)
async def test_the_failure_of_a_part_is_that_of_the_whole(kind, result):
    shelf = Shelf().image("a", created="2024-01-01T00:00:00Z").image("b")
    shelf.manifests["b"] = Failure(kind, "b")
    assert (await shelf.index("tag", ("a", AMD64), ("b", AMD64)).read()).kind is result
    shelf = Shelf().image("tag", created="2024-01-01T00:00:00Z")
    shelf.configs["config of tag"] = Failure(kind, "config")
    assert (await shelf.read()).kind is result


async def test_a_tag_that_is_gone_is_not_found():
    assert (await Shelf().read()).kind is FailureKind.NOT_FOUND


async def test_a_digest_looks_into_no_entry_that_names_its_platform():
    shelf = Shelf().index("tag", ("gone", AMD64))
    assert await shelf.read(purpose=Purpose.DIGEST) == TagMetadata("tag")
    assert shelf.asked == ["tag"]


async def test_a_digest_of_an_index_without_platforms_looks_into_the_configs():
    shelf = Shelf().image("a", created="2024-01-01T00:00:00Z").index("tag", ("a", None))
    metadata = await shelf.read(purpose=Purpose.DIGEST)
    assert metadata.digest == "tag"


async def test_indexes_of_indexes_are_read_to_a_depth():
    shelf = Shelf().image("0", created="2024-01-01T00:00:00Z")
    for depth in range(1, MAX_NESTING):
        shelf.index(str(depth), (str(depth - 1), AMD64))
    shelf.index("tag", (str(MAX_NESTING - 1), AMD64))
    assert (await shelf.read()).labels == {"name": "0"}
    circle = Shelf().index("tag", ("tag", AMD64))
    assert (await circle.read()).kind is FailureKind.UNUSABLE


async def test_an_index_with_too_many_wanted_entries_is_refused():
    shelf = Shelf().index("tag", *((str(number), AMD64) for number in range(MAX_CHILDREN + 1)))
    assert (await shelf.read()).kind is FailureKind.UNUSABLE


async def test_an_index_without_entries_is_unusable():
    assert (await Shelf().index("tag").read()).kind is FailureKind.UNUSABLE
