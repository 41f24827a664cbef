"""Which Secret holds the credentials of a repository: pull secrets, and Argo CD's own."""

import base64
import json

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.found_credentials import Finder
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.registry.credentials.secret_search import (
    best_pull_secret,
    best_repository_secret,
    pair_in_secret,
)
from argocd_image_updater.registry.credentials.values import CredentialValueError

API = "https://registry.example"
LABEL = "argocd.argoproj.io/secret-type"


def entries(**by_key):
    return {key: {"auth": base64.b64encode(pair.encode()).decode()} for key, pair in by_key.items()}


def pull_secret(name, auths, *, field=".dockerconfigjson"):
    value = {"auths": auths} if field == ".dockerconfigjson" else auths
    return Secret(ObjectKey("shop", name), {field: json.dumps(value).encode()})


def best(*secrets, repository="acme/web", api_url=API):
    found = best_pull_secret(secrets, api_url=api_url, repository=repository)
    return found and found.name


def test_the_longest_path_wins_over_all_secrets_then_their_order():
    host = pull_secret("host", entries(**{"registry.example": "a:b"}))
    again = pull_secret("again", entries(**{"https://registry.example": "c:d"}))
    path = pull_secret("path", entries(**{"registry.example/acme": "e:f"}))
    other = pull_secret("other", entries(**{"other.example": "g:h"}))
    assert best(other, host, again) == "host"
    assert best(other, again, host) == "again"
    assert best(host, path, again) == "path"
    assert best(host, path, repository="acme2/web") == "host"
    assert best(other) is None
    assert best() is None


def test_the_older_type_of_pull_secret_is_read_too():
    old = pull_secret("old", entries(**{"registry.example": "u:p"}), field=".dockercfg")
    assert best(old) == "old"
    pair = pair_in_secret(
        old.data, Finder.WORKLOAD, api_url=API, repository="acme/web", source="here"
    )
    assert (pair.username, pair.password, pair.source) == ("u", "p", "here")


def test_docker_hub_is_known_by_all_its_names():
    hub = pull_secret("hub", entries(**{"https://index.docker.io/v1/": "u:p"}))
    assert best(hub, api_url="https://registry-1.docker.io", repository="library/nginx") == "hub"


@pytest.mark.parametrize("data", [
    {}, {"password": b"x"}, {".dockerconfigjson": b"no json"}, {".dockerconfigjson": b"{}"},
    {".dockerconfigjson": b"\xff"}, {".dockercfg": b"[]"}, {".dockercfg": b"no json"},
])  # fmt: skip
def test_a_pull_secret_that_cannot_be_read_is_named_and_never_quoted(data):
    with pytest.raises(CredentialValueError, match="pull secret shop/broken: ") as caught:
        best(Secret(ObjectKey("shop", "broken"), data))
    assert "no json" not in str(caught.value)


def repository_secret(name, url, *, kind="oci", label="repository", namespace="argocd", **fields):
    data = {"url": url, "type": kind, "username": "u", "password": f"of-{name}", **fields}
    return Secret(
        ObjectKey(namespace, name),
        {field: value.encode() for field, value in data.items() if value is not None},
        {LABEL: label},
    )


def serves(*secrets, project="default", repository="acme/web", api_url=API):
    found = best_repository_secret(secrets, project=project, api_url=api_url, repository=repository)
    return found and found.name


@pytest.mark.parametrize(("url", "options", "serving"), [
    ("oci://registry.example", {}, True),
    ("oci://registry.example/acme", {}, True),
    ("oci://registry.example/acme/web", {}, True),
    ("registry.example/acme", {"kind": "helm", "enableOCI": "true"}, True),
    ("oci://registry.example", {"label": "repo-creds"}, True),
    ("oci://REGISTRY.example:443/", {}, True),
    ("oci://registry.example/acm", {}, False),
    ("oci://registry.example/acme/web/more", {}, False),
    ("oci://registry.example.evil.example", {}, False),
    ("oci://registry.example:5000", {}, False),
    ("oci://evil.example/registry.example", {}, False),
    ("oci://user@registry.example", {}, False),
    ("", {}, False),
    ("registry.example/acme", {"kind": "helm"}, False),
    ("registry.example/acme", {"kind": "helm", "enableOCI": "false"}, False),
    ("https://registry.example/acme", {"kind": "git"}, False),
    ("https://registry.example/acme", {"kind": None}, False),
    ("oci://registry.example", {"label": "cluster"}, False),
    ("oci://registry.example", {"username": None}, False),
    ("oci://registry.example", {"password": ""}, False),
])  # fmt: skip
def test_a_repository_secret_serves_what_its_address_begins(url, options, serving):
    found = serves(repository_secret("one", url, **options))
    assert found == ("one" if serving else None)


def test_a_secret_of_a_project_serves_that_project_only():
    of_a = repository_secret("of-a", "oci://registry.example", project="team-a")
    of_all = repository_secret("of-all", "oci://registry.example")
    assert serves(of_a, project="team-a") == "of-a"
    assert serves(of_a, project="team-b") is None
    assert serves(of_a, project="") is None
    assert serves(of_all, of_a, project="team-a") == "of-a"
    assert serves(of_all, of_a, project="") == "of-all"


def test_the_longest_address_wins_then_repositories_before_templates():
    host = repository_secret("a-host", "oci://registry.example")
    path = repository_secret("z-path", "oci://registry.example/acme", label="repo-creds")
    same = repository_secret("b-path", "oci://registry.example/acme", label="repo-creds")
    own = repository_secret("y-own", "oci://registry.example/acme")
    assert serves(host, path) == serves(path, host) == "z-path"
    assert serves(path, same) == serves(same, path) == "b-path"
    assert serves(path, same, own) == "y-own"


def test_docker_hub_in_a_repository_secret_is_docker_hub():
    hub = repository_secret("hub", "registry-1.docker.io", kind="helm", enableOCI="true")
    api_url = "https://registry-1.docker.io"
    assert serves(hub, api_url=api_url, repository="library/nginx") == "hub"


def test_a_repository_secret_that_lost_its_password_gives_nothing():
    lost = repository_secret("lost", "oci://registry.example", password="")
    with pytest.raises(CredentialValueError, match="no user and password"):
        pair_in_secret(lost.data, Finder.ARGOCD, api_url=API, repository="acme/web", source="x")
