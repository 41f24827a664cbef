"""Mirrors in registries.extra.conf: what they may say, and how each of them will be asked."""

import pytest

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry import mirrors as mirrors_module
from argocd_image_updater.registry.endpoint import DEFAULT_METADATA_READS, MirrorSettings
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.mirrors import mirrors_of, parse_mirror_url
from argocd_image_updater.registry.strict_yaml import RegistriesConfError

FILE = "/app/config/registries.extra.conf"
CONF = """\
registries:
- {name: Hub, prefix: docker.io, api_url: 'https://registry-1.docker.io', credentials: env:HUB,
   defaultns: library, default: true}
- {name: Harbor, prefix: harbor.test, api_url: 'https://harbor.test', credentials: env:HARBOR,
   insecure: true, limit: 7, credsexpire: 1h}
- {name: Team, prefix: harbor.test/team, api_url: 'https://harbor.test', credentials: env:TEAM}
"""


def load(mirrors, *, more="", conf=CONF):
    extra = f"registries: [{{prefix: docker.io, mirrors: {mirrors}}}{more}]"
    return load_table(conf, ca_directories=(), extra=(extra, FILE))


def places(mirrors, **given):
    table = load(mirrors, **given)
    hub = table.lookup(parse_image("nginx"))
    return mirrors_of(table, hub, "library/nginx")


def refused(mirrors):
    with pytest.raises(RegistriesConfError) as caught:
        load(mirrors)
    return f"{caught.value}; {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "base", "prefix"),
    [
        ("https://m.test", "https://m.test", ""),
        ("http://M.test:5000/", "http://m.test:5000", ""),
        ("https://harbor.test/proxy-hub", "https://harbor.test", "proxy-hub"),
        ("https://1.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/", None, "docker-hub"),
        ("https://m.test/v2-prefix", "https://m.test", "v2-prefix"),
        ("https://m.test/v2/proxy/hub", "https://m.test", "proxy/hub"),
        ("https://m.test/v2/", "https://m.test", ""),
        ("https://nexus.test/repository/hub/v2", "https://nexus.test/repository/hub", ""),
        (
            "https://art.test/artifactory/api/docker/remote/v2/a",
            "https://art.test/artifactory/api/docker/remote",
            "a",
        ),
    ],
)
def test_a_path_is_put_before_the_repository_or_belongs_to_the_api(url, base, prefix):
    found = parse_mirror_url(url)
    assert found == MirrorSettings(base or url.removesuffix("/docker-hub/"), prefix)


@pytest.mark.parametrize(
    ("mirrors", "words"),
    [
        ("{url: 'https://m.test'}", ("'mirrors' must be a list",)),
        ("[https://m.test]", ("mirror 1", "mapping")),
        ("[{tags: true}]", ("mirror 1", "'url' is missing")),
        ("[{url: m.test}]", ("mirror 1", "key 'url' must be a URL with http:// or https://")),
        ("[{url: 'ftp://m.test'}]", ("must be a URL",)),
        ("[{url: 'https://'}]", ("must be a URL",)),
        ("[{url: 'https://m.test:99999'}]", ("must be a URL",)),
        ("[{url: 'https://m .test'}]", ("must be a URL",)),
        ("[{url: 'https://u:word@m.test'}]", ("must have no user", "'credentials'")),
        ("[{url: 'https://m.test/a?b=c'}]", ("must have no user, query",)),
        ("[{url: 'https://m.test/Upper'}]", ("'Upper', which cannot be the beginning",)),
        ("[{url: 'https://m.test', tag: true}]", ("unknown key 'tag'", "tags")),
        ("[{url: 'https://m.test', tags: perhaps}]", ("key 'tags'",)),
        ("[{url: 'https://m.test', credentials: nonsense}]", ("key 'credentials': the reference",)),
        ("[{url: 'https://m.test'}, {url: 'https://M.test/'}]", ("mirror 2 has the same url",)),
        ("[{url: 'https://registry-1.docker.io'}]", ("'docker.io' names itself as a mirror",)),
        (
            "[" + ", ".join(f"{{url: 'https://m{n}.test'}}" for n in range(11)) + "]",
            ("a list of up to 10",),
        ),
    ],
)
def test_a_fault_names_the_file_and_the_entry(mirrors, words):
    message = refused(mirrors)
    assert message.startswith(f"{FILE}:1")
    assert "docker.io" in message
    assert [word for word in words if word not in message] == []
    assert "word@" not in message


def test_defaults_have_no_mirrors():
    with pytest.raises(RegistriesConfError, match="unknown key 'mirrors'"):
        load_table(CONF, ca_directories=(), extra=("defaults: {mirrors: []}", FILE))


def test_mirrors_are_asked_in_the_order_in_which_they_are_given():
    found = places("[{url: 'https://b.test', tags: true}, {url: 'https://a.test/hub'}]")
    assert [(one.host, one.repository, one.tags) for one in found] == [
        ("b.test", "library/nginx", True),
        ("a.test", "hub/library/nginx", False),
    ]


def test_a_mirror_without_an_entry_is_asked_as_any_host_and_without_credentials():
    (place,) = places("[{url: 'https://m.test'}]")
    endpoint = place.endpoint
    assert (endpoint.api_url, endpoint.credentials, endpoint.insecure) == ("https://m.test", "", 0)
    assert (endpoint.limit_per_s, endpoint.extras.mirrors) == (0, ())
    assert endpoint.extras.metadata_reads == DEFAULT_METADATA_READS
    assert "m.test" in endpoint.prefix


def test_a_mirror_is_asked_by_the_entry_of_its_own_host():
    (place,) = places(
        "[{url: 'https://harbor.test/hub'}]",
        more=", {prefix: harbor.test, proxy: direct, maxConcurrency: 3}",
    )
    endpoint = place.endpoint
    assert endpoint.credentials == "env:HARBOR"
    assert endpoint.insecure
    assert endpoint.limit_per_s == 7
    assert (endpoint.extras.proxy, endpoint.extras.max_concurrency) == ("direct", 3)
    assert endpoint.tag_sort == endpoint.default_namespace == ""


def test_of_several_entries_that_for_the_repository_counts():
    (place,) = places("[{url: 'https://harbor.test/team'}]")
    assert place.endpoint.credentials == "env:TEAM"


def test_a_mirror_may_have_credentials_of_its_own():
    (place,) = places("[{url: 'https://harbor.test/hub', credentials: env:ROBOT}]")
    endpoint = place.endpoint
    assert endpoint.credentials == "env:ROBOT"
    assert endpoint.insecure
    # what is kept for them must not be taken for the credentials of the entry
    assert endpoint.prefix != "harbor.test"
    assert endpoint.credentials_expire_s == 0


def test_another_scheme_or_port_is_another_host():
    found = places("[{url: 'http://harbor.test/hub'}, {url: 'https://harbor.test:8443/hub'}]")
    assert [(one.endpoint.credentials, one.endpoint.insecure) for one in found] == [("", 0)] * 2


def test_roots_of_the_mirrors_host_are_used(monkeypatch):
    monkeypatch.setattr(mirrors_module, "ca_for", lambda url, _: f"roots for {url}")
    (place,) = places("[{url: 'https://m.test'}]")
    assert place.endpoint.ca_pem == "roots for https://m.test"


def test_a_repository_whose_name_gets_too_long_has_no_mirror():
    table = load("[{url: 'https://m.test/hub'}]")
    hub = table.lookup(parse_image("nginx"))
    assert mirrors_of(table, hub, "a" * 255) == ()


def test_the_table_stays_hashable():
    table = load("[{url: 'https://m.test/hub', credentials: env:M, tags: true}]")
    assert hash(table.lookup(parse_image("nginx")))
