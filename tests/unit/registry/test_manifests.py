"""Manifests and configs read from bytes; what a registry sends around them is elsewhere."""

import json

import pytest

from argocd_image_updater.registry.manifests import (
    MAX_INDEX_ENTRIES,
    ImageIndex,
    ImageManifest,
    ManifestError,
    Platform,
    digest_of,
    parse_config,
    parse_descriptors,
    parse_manifest,
)
from argocd_image_updater.registry.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
)

CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:x", "size": 7}


def parse(document, content_type):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_manifest(body, content_type, digest="sha256:d")


@pytest.mark.parametrize(
    "generic", ["", "application/json", "application/octet-stream", "text/plain"]
)
@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ({"config": CONFIG, "layers": []}, OCI_MANIFEST),
        ({"manifests": []}, OCI_INDEX),
        ({"mediaType": DOCKER_MANIFEST, "config": CONFIG}, DOCKER_MANIFEST),
        ({"mediaType": DOCKER_LIST, "manifests": []}, DOCKER_LIST),
    ],
)
def test_a_document_sent_without_a_type_tells_its_own(document, media_type, generic):
    assert parse(document, generic).media_type == media_type


def test_parameters_and_case_of_the_content_type_do_not_matter():
    manifest = parse({"config": CONFIG}, f"{OCI_MANIFEST.upper()}; charset=utf-8")
    assert isinstance(manifest, ImageManifest)
    assert manifest.config.size_bytes == 7


def test_nulls_count_as_absent():
    index = parse({"config": None, "layers": None, "manifests": None}, OCI_INDEX)
    assert index == ImageIndex("sha256:d", OCI_INDEX, ())
    manifest = parse(
        {"config": CONFIG | {"size": None}, "manifests": None, "annotations": None}, OCI_MANIFEST
    )
    assert manifest.annotations == {}


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (b"", OCI_MANIFEST),
        (b"[]", OCI_MANIFEST),
        (b"null", OCI_MANIFEST),
        (b"\xff", OCI_MANIFEST),
        (b"[" * 100_000, OCI_MANIFEST),
        ({}, OCI_MANIFEST),
        ({"config": []}, OCI_MANIFEST),
        ({"config": {"digest": 7}}, OCI_MANIFEST),
        ({"config": CONFIG, "layers": {}}, OCI_MANIFEST),
        ({"config": CONFIG, "manifests": []}, OCI_MANIFEST),
        ({"manifests": [], "config": CONFIG}, OCI_INDEX),
        ({"manifests": [], "layers": []}, OCI_INDEX),
        ({"manifests": [7]}, OCI_INDEX),
        ({"manifests": [{}] * (MAX_INDEX_ENTRIES + 1)}, OCI_INDEX),
        ({"manifests": [], "annotations": {"a": 7}}, OCI_INDEX),
        ({"config": CONFIG}, DOCKER_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST, "config": CONFIG}, OCI_MANIFEST),
        ({"config": CONFIG}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        ({"mediaType": "x", "config": CONFIG}, ""),
    ],
)
def test_what_breaks_a_rule_is_refused(document, content_type):
    with pytest.raises(ManifestError):
        parse(document, content_type)


def test_descriptors_are_read_whatever_the_type():
    assert parse_descriptors(b'{"manifests": null}') == ()
    [entry] = parse_descriptors(b'{"manifests": [{"digest": "d", "artifactType": "a"}]}')
    assert (entry.digest, entry.artifact_type, entry.platform) == ("d", "a", None)
    with pytest.raises(ManifestError):
        parse_descriptors(b"nothing")


def test_keys_of_a_config_are_matched_without_regard_to_case():
    config = parse_config(
        b'{"OS": "linux", "Architecture": "arm", "VARIANT": "v7",'
        b' "Created": "2024-01-01T00:00:00Z", "Config": {"labels": {"Key": "Value"}}}'
    )
    assert config.platform == Platform("linux", "arm", "v7")
    assert config.created_ns == 1_704_067_200_000_000_000
    assert config.labels == {"Key": "Value"}


def test_only_the_first_value_of_a_config_counts():
    assert parse_config(b'\n {"os": "linux"} and more').platform.os == "linux"


@pytest.mark.parametrize("body", [b"{}", b'{"config": null}', b'{"config": {"Labels": null}}'])
def test_absent_parts_of_a_config_are_empty(body):
    config = parse_config(body)
    assert (config.platform, config.created, config.labels) == (Platform(), "", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"\xff\xfe",
        b'{"os": 7}',
        b'{"created": 1709287200}',
        b'{"config": []}',
        b'{"config": {"Labels": []}}',
        b'{"config": {"Labels": ["a"]}}',
        b'{"config": {"Labels": {"a": 7}}}',
        b'{"a":' * 100_000,
    ],
)
def test_a_config_with_a_wrong_type_is_refused(body):
    with pytest.raises(ManifestError):
        parse_config(body)


def test_digests():
    assert digest_of(b"").startswith("sha256:e3b0c442")
    assert digest_of(b"", "sha512").startswith("sha512:cf83e135")
