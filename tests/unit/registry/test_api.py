"""The API of an endpoint: its URLs, scopes, and the names that may stand in them."""

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.api import is_digest, is_repository, is_tag, parse_api
from argocd_image_updater.registry.endpoint import Endpoint


def api(url):
    return parse_api(Endpoint(name="test", prefix="test", api_url=url))


@pytest.mark.parametrize(
    ("url", "base", "host"),
    [
        ("https://reg.test", "https://reg.test", "reg.test:443"),
        ("https://REG.test/", "https://REG.test", "reg.test:443"),
        ("http://reg.test:5000", "http://reg.test:5000", "reg.test:5000"),
        ("https://reg.test/art/docker/", "https://reg.test/art/docker", "reg.test:443"),
        ("http://[::1]:5000", "http://[::1]:5000", "::1:5000"),
    ],
)
def test_paths_are_appended_to_the_whole_url(url, base, host):
    found = api(url)
    assert (found.base, found.host) == (base, host)
    assert found.url("a/tags/list") == f"{base}/v2/a/tags/list"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "reg.test",
        "ftp://reg.test",
        "https://",
        "https://u:secret@reg.test",
        "https://r?x=1",
        "https://r#x",
        "https://r:port",
        "https://[r",
    ],
)
def test_a_url_of_no_use_is_a_failure_without_its_secrets(url):
    failure = api(url)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CONFIG
    assert "secret" not in failure.message


@pytest.mark.parametrize("suffix", ["azurecr.io", "azurecr.us", "azurecr.cn"])
def test_azure_needs_more_actions(suffix):
    scope = api(f"https://team.{suffix}").scope("a/b")
    assert scope == "repository:a/b:pull,metadata_read,content_read"
    assert api("https://reg.test").scope("a/b") == "repository:a/b:pull"


@pytest.mark.parametrize("name", ["a", "a/b", "a.b/c_d/e__f/g---h", "0", "a" * 255])
def test_repository_names(name):
    assert is_repository(name)


@pytest.mark.parametrize(
    "name",
    ["", "A", "a/", "/a", "a//b", "a..b", "a___b", "-a", "a!", "a\n", "a" * 256, "ä", "../a"],
)
def test_names_that_are_no_repositories(name):
    assert not is_repository(name)


def test_tags_and_digests():
    assert is_tag("1.0_x-Y")
    assert is_tag("a" * 128)
    assert not is_tag("a" * 129)
    assert not is_tag(".a")
    assert not is_tag("a\n")
    assert is_digest("sha256:" + "0a" * 32)
    assert is_digest("sha512:" + "0a" * 64)
    assert not is_digest("sha256:" + "0A" * 32)
    assert not is_digest("md5:" + "0a" * 16)
    assert not is_digest("sha256:" + "0a" * 32 + "\n")
