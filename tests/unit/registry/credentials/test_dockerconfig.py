"""Entries of a Docker configuration for paths, patterns and Docker Hub."""

import base64
import json

import pytest

from argocd_image_updater.registry.credentials.dockerconfig import (
    credentials_from_docker_config,
)
from argocd_image_updater.registry.credentials.values import CredentialValueError


def auth(username: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:p".encode()).decode()}


def user(auths: dict[str, object], api_url: str, repository: str = "") -> str:
    text = json.dumps({"auths": auths})
    return credentials_from_docker_config(text, api_url=api_url, repository=repository).username


def test_the_longest_path_wins():
    auths = {"r.test": auth("host"), "r.test/a/b": auth("ab"), "https://r.test/a": auth("a")}
    for repository, name in (("a/b/c", "ab"), ("a/bc", "a"), ("ab/c", "host")):
        assert user(auths, "https://r.test", repository) == name


def test_a_path_that_is_no_prefix_of_the_repository_does_not_match():
    with pytest.raises(CredentialValueError, match="no entry"):
        user({"r.test/team": auth("team")}, "https://r.test", "teams/app")


def test_an_exact_host_wins_over_a_pattern_and_a_pattern_stays_within_its_label():
    auths = {"*.r.test": auth("any"), "eu.r.test": auth("eu")}
    assert user(auths, "https://eu.r.test") == "eu"
    assert user(auths, "https://us.r.test") == "any"
    with pytest.raises(CredentialValueError, match="no entry"):
        user(auths, "https://a.b.r.test")


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "registry.hub.docker.com", "hub.docker.com"]
)
def test_the_names_of_docker_hub_are_one(key):
    assert user({key: auth("hub")}, "https://registry-1.docker.io", "library/nginx") == "hub"


@pytest.mark.parametrize("key", ["r.test:5000", "r.test.evil.example", "evil.r.test", "r.test:80"])
def test_another_host_or_port_never_matches(key):
    with pytest.raises(CredentialValueError, match="no entry"):
        user({key: auth("u")}, "https://r.test")


def test_default_ports_are_equal_to_none():
    assert user({"r.test:443": auth("u")}, "https://r.test") == "u"
    assert user({"r.test": auth("u")}, "https://r.test:443/path") == "u"
    assert user({"[fd00::1]": auth("u")}, "https://[FD00::1]:443") == "u"


def test_user_and_password_serve_where_there_is_no_auth():
    assert user({"r.test": {"username": "u", "password": "p"}}, "https://r.test") == "u"


def test_an_unusable_entry_gives_way_to_the_next():
    auths = {"r.test/a": {"identitytoken": "t"}, "r.test": auth("host")}
    assert user(auths, "https://r.test", "a/b") == "host"


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"auths": null}', "\x00"])
def test_other_texts_are_refused_without_showing_them(text):
    with pytest.raises(CredentialValueError):
        credentials_from_docker_config(text, api_url="https://r.test")


def test_an_identity_token_comes_out_only_where_it_can_be_traded():
    text = json.dumps({"auths": {"r.test": {**auth("0000"), "identitytoken": "r3fresh"}}})
    plain = credentials_from_docker_config(text, api_url="https://r.test")
    assert (plain.username, plain.identity_token) == ("0000", "")
    traded = credentials_from_docker_config(text, api_url="https://r.test", identity_tokens=True)
    assert (traded.username, traded.identity_token) == ("", "r3fresh")
