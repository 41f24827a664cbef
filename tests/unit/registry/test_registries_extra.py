"""registries.extra.conf: what it may say, what each fault is called, and onto what it is put."""

import pytest
import trustme

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry import strict_yaml
from argocd_image_updater.registry.division import divided
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_extra import parse_registries_extra
from argocd_image_updater.registry.strict_yaml import RegistriesConfError

FILE = "/app/config/registries.extra.conf"
CONF = """\
registries:
- {name: GHCR, prefix: ghcr.io, api_url: https://ghcr.io, credentials: env:ALL}
- {name: Team, prefix: ghcr.io/team, api_url: https://ghcr.io}
"""


def load(extra, conf=CONF):
    return load_table(conf, ca_directories=(), extra=(extra, FILE))


def refused(extra, conf=CONF):
    with pytest.raises(RegistriesConfError) as caught:
        load(extra, conf)
    return f"{caught.value}; {caught.value.hint}"


def of(table, image):
    return table.lookup(parse_image(image))


def test_every_key_reaches_the_endpoint():
    table = load(
        """\
registries:
- prefix: GHCR.io
  proxy: http://user:word@proxy.test:3128
  maxConcurrency: 5
  timeout: 1m30s
  metadataReads: 7
  pullReserve: 0
  tokenHosts: [Login.Example.org]
  allowLinkLocal: true
  credentials:
    team-a: env:A
    team-*/web: pullsecret:argocd/b
"""
    )
    extras = of(table, "ghcr.io/x").extras
    assert (extras.max_concurrency, extras.timeout_s, extras.metadata_reads) == (5, 90.0, 7)
    assert (extras.pull_reserve, extras.allow_link_local) == (0, True)
    assert extras.token_hosts == {"login.example.org"}
    assert extras.proxy == "http://user:word@proxy.test:3128"
    assert "word" not in repr(table)
    assert hash(of(table, "ghcr.io/x"))
    assert of(table, "ghcr.io/team/x").extras.max_concurrency == 0
    assert of(table, "nginx").extras.max_concurrency == 0


def test_a_repository_gets_its_own_identity():
    table = load("registries: [{prefix: ghcr.io, credentials: {team-a: env:A, team-a/x: env:X}}]")
    endpoint = of(table, "ghcr.io/team-a/web")
    found = {
        repository: endpoint.for_repository(repository)
        for repository in ("team-a/web", "team-a/x", "team-b/web")
    }
    assert {name: item.credentials for name, item in found.items()} == {
        "team-a/web": "env:A",
        "team-a/x": "env:X",
        "team-b/web": "env:ALL",
    }
    # what is kept for one identity must not be taken for another
    assert len({item.prefix for item in found.values()}) == 3


def test_defaults_hold_for_every_registry_that_says_nothing_else():
    table = load(
        """\
defaults: {timeout: 20s, maxConcurrency: 4, proxy: direct}
registries: [{prefix: ghcr.io, maxConcurrency: 9}]
"""
    )
    listed, built_in, inferred = (of(table, name) for name in ("ghcr.io/x", "nginx", "q.test/x"))
    assert (listed.extras.timeout_s, listed.extras.max_concurrency) == (20.0, 9)
    for endpoint in (built_in, inferred):
        assert (endpoint.extras.timeout_s, endpoint.extras.max_concurrency) == (20.0, 4)
        assert endpoint.extras.proxy == "direct"


def test_a_host_without_an_entry_is_asked_as_without_configuration_but_by_these_settings():
    table = load("registries: [{prefix: q.test:5000, timeout: 9s, credentials: {a: env:A}}]")
    endpoint = of(table, "q.test:5000/a/b")
    assert (endpoint.api_url, endpoint.limit_per_s) == ("https://q.test:5000", 20)
    assert endpoint.extras.timeout_s == 9.0
    assert endpoint.for_repository("a/b").credentials == "env:A"


def test_docker_hub_has_its_settings_with_and_without_its_name():
    table = load("registries: [{prefix: docker.io, pullReserve: 50}]")
    assert of(table, "nginx").extras.pull_reserve == 50
    assert of(table, "docker.io/nginx").extras.pull_reserve == 50


def test_shards_share_the_concurrency():
    table = load("{defaults: {maxConcurrency: 8}, registries: [{prefix: ghcr.io, timeout: 9s}]}")
    part = divided(table, shards=4)
    assert {of(part, name).extras.max_concurrency for name in ("ghcr.io/x", "q.test/x")} == {2}
    assert of(divided(table, shards=20), "nginx").extras.max_concurrency == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "registries:\n", "registries: []\n"])
def test_nothing_is_no_fault(text):
    assert parse_registries_extra(text).entries == ()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("registries: [{prefix: ghcr.io, timeot: 3s}]", ":1: entry 1 (ghcr.io): unknown key"),
        ("registries: [{prefix: ghcr.io, timeot: 3s}]", "did you mean 'timeout'"),
        ("registry: []", "the keys are 'registries' and 'defaults'"),
        ("defaults: {credentials: {a: env:A}}", "defaults: unknown key 'credentials'"),
        ("registries:\n- timeout: 3s", ":2: entry 1: key 'prefix' is missing"),
        ("registries: {}", "must be a list"),
        ("registries: [x]", "must be a mapping"),
        ("registries: [{prefix: ghcr.io, prefix: x}]", "is given twice"),
        ("registries: [{prefix: ghcr.io}, {prefix: GHCR.IO}]", "same prefix as line 1"),
        ("registries: [{prefix: ghcr.io/other}]", "registries.conf does not have"),
        ("registries: [{prefix: ''}]", "registries.conf does not have"),
        ("registries: [{prefix: 'https://ghcr.io'}]", "registries.conf does not have"),
        ("registries: [{prefix: ghcr.io, timeout: 30}]", "must be a duration from 1s to 10m"),
        ("registries: [{prefix: ghcr.io, timeout: 11m}]", "must be a duration from 1s to 10m"),
        ("registries: [{prefix: ghcr.io, timeout: 1d}]", "key 'timeout' must be a duration"),
        ("registries: [{prefix: ghcr.io, maxConcurrency: 0}]", "must be a number from 1 to 100"),
        ("registries: [{prefix: ghcr.io, maxConcurrency: }]", "must be a number from 1 to 100"),
        ("registries: [{prefix: ghcr.io, maxConcurrency: many}]", "must be a whole number"),
        ("registries: [{prefix: ghcr.io, pullReserve: -1}]", "must be a number from 0"),
        (
            "registries: [{prefix: ghcr.io, proxy: socks5://p}]",
            "must be http://HOST:PORT or direct",
        ),
        ("registries: [{prefix: ghcr.io, proxy: 'http://p:99999'}]", "must be http://HOST:PORT"),
        ("registries: [{prefix: ghcr.io, proxy: }]", "must be http://HOST:PORT"),
        ("registries: [{prefix: ghcr.io, allowLinkLocal: 1}]", "must be true or false"),
        ("registries: [{prefix: ghcr.io, tokenHosts: a.test}]", "must be a list"),
        ("registries: [{prefix: ghcr.io, tokenHosts: ['https://a']}]", "no host without port"),
        ("registries: [{prefix: ghcr.io, clientCertFile: a}]", "go together"),
        ("registries: [{prefix: ghcr.io, credentials: env:A}]", "must be a mapping"),
        (
            "registries: [{prefix: ghcr.io, credentials: {a: }}]",
            "credentials of 'a': the reference",
        ),
        ("registries: [{prefix: ghcr.io, credentials: {a: b:c}}]", "has an unknown kind"),
        ("registries: [{prefix: ghcr.io, credentials: {A: env:A}}]", "path of repositories"),
        ("registries: [\n", "is not YAML"),
    ],
)
def test_each_fault_is_named_with_file_and_line(extra, words):
    message = refused(extra)
    assert message.startswith(FILE)
    assert words in message


def test_no_fault_repeats_a_reference_or_a_proxy():
    assert "s3cret" not in refused("registries: [{prefix: ghcr.io, credentials: {a: x:s3cret}}]")
    assert "s3cret" not in refused("registries: [{prefix: ghcr.io, proxy: 'ftp://u:s3cret@p'}]")


def test_a_host_that_the_entry_without_a_prefix_serves_is_not_taken_away_from_it():
    conf = "registries: [{name: all, api_url: 'https://cache.test'}]"
    assert "serves; give the host an entry" in refused("registries: [{prefix: q.test}]", conf)
    table = load("registries: [{prefix: '', timeout: 5s}]", conf)
    assert of(table, "q.test/x").extras.timeout_s == 5.0


def test_huge_files_are_refused(monkeypatch):
    monkeypatch.setattr(strict_yaml, "FILE_SIZE_LIMIT", 10)
    assert "is larger than" in refused("registries: []", None)


def client_files(folder, *, key_of_another=False):
    authority = trustme.CA()
    leaf, other = authority.issue_cert("me.test"), authority.issue_cert("you.test")
    leaf.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    (other if key_of_another else leaf).private_key_pem.write_to_path(folder / "tls.key")
    return (
        f"registries: [{{prefix: ghcr.io, clientCertFile: {folder}/tls.crt, "
        f"clientKeyFile: {folder}/tls.key}}]"
    )


def test_a_client_certificate_is_read_and_never_shown(tmp_path):
    table = load(client_files(tmp_path))
    certificate = of(table, "ghcr.io/x").extras.client_certificate
    assert "PRIVATE KEY" in certificate.key_pem
    assert "PRIVATE KEY" not in repr(table)
    assert set(table.extra_files) == {tmp_path / "tls.crt", tmp_path / "tls.key"}


def test_a_client_certificate_that_cannot_be_used_stops_loading(tmp_path):
    extra = client_files(tmp_path, key_of_another=True)
    assert "do not fit" in refused(extra)
    (tmp_path / "tls.key").write_text("no key")
    assert "do not fit" in refused(extra)
    (tmp_path / "tls.key").unlink()
    assert "tls.key cannot be read: No such file" in refused(extra)
