"""The command ``doctor registry`` as a process: registries that are well, limited and broken."""

import datetime as dt
import json
import os
import re
import socket
import subprocess
import sys

import pytest
import trustme

from faults.http_proxy import FaultProxy, page, status
from registries.connect_proxy import ConnectProxy
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.token_service import TokenService

pytestmark = pytest.mark.lab("docker-registry")

ENTRY = "from argocd_image_updater.cli.main import entry; entry()"
NAMES = [
    *("entry", "name", "connection", "tls", "credentials", "api", "login"),
    *("tags", "newest", "platforms", "mirrors", "limits"),
]
LOGIN = f"{USERNAME}:{PASSWORD}"
WRONG = "wr0ng-secret-5512"
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def doctor(tmp_path):
    """Return a function that examines an image, with an entry for its registry."""

    def run(host, url, repository="acme/web", *words, entry=None, **environ):
        conf = tmp_path / "registries.conf"
        row = {"name": "local", "prefix": host, "api_url": url, **(entry or {})}
        conf.write_text(json.dumps({"registries": [row]}))  # JSON is YAML
        return call(
            tmp_path,
            *("doctor", "registry", f"{host}/{repository}", "--output=json"),
            *(f"--registries-conf-path={conf}", *words),
            **environ,
        )

    return run


def call(home, *words, **environ):
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **environ},
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    for secret in (WRONG, LOGIN, basic_header(USERNAME, PASSWORD), basic_header("reader", WRONG)):
        assert secret not in said
    return done


class Diagnosis:
    """What a run printed, by check."""

    def __init__(self, done):
        assert done.stdout, done.stderr
        self.document = json.loads(done.stdout)
        self.code = done.returncode
        self.checks = {check["name"]: check for check in self.document["checks"]}
        assert list(self.checks) == NAMES
        self.verdict = self.document["verdict"]

    def outcomes(self, outcome):
        return [name for name in NAMES if self.checks[name]["outcome"] == outcome]

    def text(self, name):
        check = self.checks[name]
        return "\n".join([check["text"], *check["details"]])


def assert_stopped_at(found, name, *words):
    """Assert that one check failed, those behind it were not looked at, and the verdict says it."""
    assert found.outcomes("failed") == [name], found.document
    for word in words:
        assert word in found.verdict
    assert found.verdict.endswith(".")
    assert found.verdict.count(". ") == 0
    assert "tags" not in found.outcomes("ok")
    for later in found.outcomes("skipped"):
        assert found.checks[later]["text"] == f"not looked at: the check {name} failed"


@pytest.fixture(scope="module")
def images(registry):
    """Images of several platforms and dates."""
    for tag, created in (("1.0.0", "2024-01-01"), ("1.1.0", "2025-06-01"), ("0.9.0", "2023-01-01")):
        registry.push_image("acme/dated", tag, created=f"{created}T00:00:00Z")
    pair = [
        ("linux/amd64", {"created": "2025-07-01T00:00:00Z"}),
        ("linux/arm64/v8", {"created": "2025-07-01T00:00:00Z"}),
    ]
    registry.push_index("acme/dated", "1.2.0", pair)
    registry.push_image("acme/dated", "edge", created="2025-01-01T00:00:00Z")
    return registry


def test_a_healthy_registry_is_told_with_its_newest_images(doctor, images):
    found = Diagnosis(doctor(images.host, images.url, "acme/dated"))
    assert (found.code, found.outcomes("failed"), found.outcomes("skipped")) == (0, [], [])
    assert found.verdict == "All is well: the registry answers, and lists 5 tags of acme/dated."
    assert f'entry "local": its prefix is {images.host}' in found.text("entry")
    assert "registry/2.0" in found.text("api")
    assert found.checks["login"]["text"] == "the registry wants none"
    newest = [line.partition(":")[0] for line in found.checks["newest"]["details"]]
    assert newest == ["1.2.0", "1.1.0", "edge", "1.0.0", "0.9.0"]
    assert found.checks["platforms"]["text"] == "1.2.0: linux/amd64, linux/arm64/v8"
    assert found.document["blame"] is None


def test_the_order_of_the_registry_is_kept_where_it_has_one(doctor, images):
    entry = {"tagsortmode": "latest-last"}
    found = Diagnosis(doctor(images.host, images.url, "acme/dated", entry=entry))
    newest = [line.partition(":")[0] for line in found.checks["newest"]["details"]]
    listed = json.loads(images.request("GET", "/v2/acme/dated/tags/list")[2])["tags"]
    assert newest == listed[::-1]
    assert "as the registry sorts them" in found.text("newest")


def test_people_read_a_line_for_each_check_and_the_verdict_last(tmp_path, images):
    conf = tmp_path / "registries.conf"
    row = {"name": "local", "prefix": images.host, "api_url": images.url}
    conf.write_text(json.dumps({"registries": [row]}))
    words = ("doctor", "registry", f"{images.host}/acme/dated", f"--registries-conf-path={conf}")
    done = call(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    seen = re.findall(r"^(?:ok|warning) +(\w+)", done.stdout, re.MULTILINE)
    assert seen == NAMES
    assert lines[-2:] == [
        "",
        "All is well: the registry answers, and lists 5 tags of acme/dated.",
    ]


def test_each_mirror_is_told_with_what_it_says(doctor, tmp_path, images):
    with FaultProxy(images) as good, FaultProxy(images) as bad:
        bad.on("/manifests/", status(500))
        mirrors = [{"url": good.base, "tags": True}, {"url": f"{bad.base}/v2/"}]
        (tmp_path / "registries.extra.conf").write_text(
            json.dumps({"registries": [{"prefix": images.host, "mirrors": mirrors}]})
        )
        found = Diagnosis(doctor(images.host, images.url, "acme/dated"))
    assert (found.code, found.outcomes("failed")) == (0, [])
    check = found.checks["mirrors"]
    assert check["outcome"] == "warning"
    assert check["text"].startswith("1 of 2 have 1.2.0")
    first, second = check["details"]
    assert first == f"{good.host}, repository acme/dated, asked for tags too: has 1.2.0"
    assert second.startswith(f"{bad.host}, repository acme/dated: ")
    assert "status 500" in second
    assert [len(one.asked("/manifests/sha256:")) for one in (good, bad)] == [1, 1]


def test_without_mirrors_none_are_told(doctor, images):
    found = Diagnosis(doctor(images.host, images.url, "acme/dated"))
    assert found.checks["mirrors"]["outcome"] == "ok"
    assert found.checks["mirrors"]["text"] == "none"


def test_a_repository_that_is_not_there_is_told_with_who_asked(doctor, registry):
    found = Diagnosis(doctor(registry.host, registry.url, "acme/nothing"))
    assert found.code == 2
    assert_stopped_at(found, "tags", "no repository acme/nothing", "an anonymous caller")


# --- logins -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    auth = htpasswd_auth(tmp_path_factory.mktemp("auth"))
    header = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0"])
        yield running


def test_a_right_password_is_told_by_the_name_of_its_source(doctor, closed):
    entry = {"credentials": "env:REGISTRY_LOGIN"}
    found = Diagnosis(doctor(closed.host, closed.url, entry=entry, REGISTRY_LOGIN=LOGIN))
    assert (found.code, found.outcomes("failed")) == (0, [])
    assert found.checks["credentials"]["text"] == "env:REGISTRY_LOGIN"
    assert "credentials of the registry env:REGISTRY_LOGIN: used" in found.text("credentials")
    assert found.checks["login"]["text"] == "accepted: the credentials env:REGISTRY_LOGIN"
    assert 'scheme basic, realm "test"' in found.text("login")


def test_a_wrong_password_is_a_login_that_fails_with_its_source(doctor, closed):
    words = ("acme/web", "--credentials=env:OTHER")
    login = f"{USERNAME}:{WRONG}"
    done = doctor(closed.host, closed.url, *words, entry={"credentials": "env:X"}, OTHER=login)
    found = Diagnosis(done)
    assert found.code == 2
    assert_stopped_at(found, "login", "refuses the credentials env:OTHER", "renew them")
    assert "--credentials env:OTHER: used" in found.text("credentials")


def test_no_password_is_a_login_that_fails_and_says_what_to_set(doctor, closed):
    found = Diagnosis(doctor(closed.host, closed.url))
    assert found.code == 2
    assert_stopped_at(found, "login", "without a login", "--credentials")


def test_a_source_without_a_value_is_a_fault_of_the_configuration(doctor, closed):
    found = Diagnosis(doctor(closed.host, closed.url, entry={"credentials": "env:UNSET"}))
    assert (found.code, found.document["blame"]) == (1, "configuration")
    assert_stopped_at(found, "credentials", "env:UNSET", "not set")
    assert found.checks["api"]["outcome"] == "ok"


def test_the_token_service_and_the_scope_are_named(doctor, tmp_path):
    with TokenService(tmp_path) as service:
        token = service.token(["repository:acme/web:pull,push"])
        settings = {"auth": service.auth(), "push_authorization": f"Bearer {token}"}
        with DistributionRegistry(**settings) as registry:
            registry.push_tags("acme/web", ["1.0.0"])
            entry = {"credentials": "env:L"}
            found = Diagnosis(doctor(registry.host, registry.url, entry=entry, L=LOGIN))
            wrong = doctor(registry.host, registry.url, entry=entry, L=f"{USERNAME}:{WRONG}")
    assert (found.code, found.outcomes("failed")) == (0, [])
    assert "scheme bearer, token service 127.0.0.1" in found.text("login")
    assert "scope repository:acme/web:pull" in found.text("login")
    assert_stopped_at(Diagnosis(wrong), "login", "refuses the credentials env:L")


# --- the way ------------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_a_connection_that_fails(doctor):
    with socket.socket() as held:  # nobody else gets the port, and nobody listens on it
        held.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{held.getsockname()[1]}"
        found = Diagnosis(doctor(host, f"http://{host}"))
    assert found.code == 2
    assert_stopped_at(found, "connection", f"Nobody answers at {host}", "network policies")
    assert "connection refused" in found.text("connection")


def test_a_host_that_does_not_exist_is_a_name_that_fails(tmp_path):
    words = ("doctor", "registry", "registry.invalid/acme/web", "--output=json")
    found = Diagnosis(call(tmp_path, *words))
    assert found.code == 2
    assert_stopped_at(found, "name", "registry.invalid is not known", "DNS")
    assert "inferred from the name of the image" in found.text("entry")


def test_an_address_of_metadata_services_is_not_asked(doctor):
    found = Diagnosis(doctor("169.254.169.254", "https://169.254.169.254"))
    assert found.code == 1
    assert_stopped_at(found, "name", "link-local", "allowLinkLocal")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA(organization_name="The Works", organization_unit_name="Test Root")


@pytest.fixture(scope="module")
def encrypted(authority, tmp_path_factory):
    """Return a function that starts a registry with a certificate."""
    started = []

    def start(certificate):
        folder = tmp_path_factory.mktemp("tls")
        (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
        chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
        (folder / "chain.pem").write_bytes(chain)
        registry = DistributionRegistry(tls=(folder / "chain.pem", folder / "key.pem"))
        registry.__enter__()
        started.append(registry)
        registry.push_tags("acme/web", ["1.0.0"])
        return registry

    yield start
    for registry in started:
        registry.__exit__()


def trust(authority):
    return {"ca_data": authority.cert_pem.bytes().decode()}


@pytest.fixture(scope="module")
def sound(authority, encrypted):
    """A registry whose certificate comes from an authority below the root."""
    child = authority.create_child_ca()
    return encrypted(child.issue_cert("localhost", "registry.test"))


def test_a_certificate_of_a_known_authority_is_told_with_its_dates(doctor, sound, authority):
    found = Diagnosis(doctor(sound.host, sound.url, entry=trust(authority)))
    assert (found.code, found.outcomes("failed")) == (0, [])
    assert "TLSv1.3, certificate accepted" in found.text("tls")
    assert "for localhost, registry.test" in found.text("tls")
    assert "valid from " in found.text("tls")


def test_an_unknown_issuer_is_named_as_the_end_of_the_chain(doctor, sound):
    found = Diagnosis(doctor(sound.host, sound.url))
    assert found.code == 2
    assert_stopped_at(found, "tls", "OU=Test Root", "O=The Works", "ca_file or ca_data")
    assert found.checks["tls"]["details"][2].startswith("chain ends at ")


def test_an_unchecked_certificate_is_a_warning(doctor, sound):
    found = Diagnosis(doctor(sound.host, sound.url, entry={"insecure": True}))
    assert (found.code, found.outcomes("warning")) == (0, ["tls"])
    assert "not checked (insecure)" in found.text("tls")


def test_an_expired_certificate_is_told_with_its_end(doctor, authority, encrypted):
    dates = {"not_before": NOW - 30 * DAY, "not_after": NOW - 2 * DAY}
    registry = encrypted(authority.issue_cert("localhost", **dates))
    found = Diagnosis(doctor(registry.host, registry.url, entry=trust(authority)))
    assert found.code == 2
    assert_stopped_at(found, "tls", "has expired", f"{NOW - 2 * DAY:%Y-%m-%d}", "renew")


def test_a_certificate_that_ends_soon_is_a_warning(doctor, authority, encrypted):
    dates = {"not_before": NOW - 30 * DAY, "not_after": NOW + 3 * DAY}
    registry = encrypted(authority.issue_cert("localhost", **dates))
    found = Diagnosis(doctor(registry.host, registry.url, entry=trust(authority)))
    assert (found.code, found.outcomes("warning")) == (0, ["tls"])


def test_a_certificate_for_another_name_is_told_with_its_names(doctor, authority, encrypted):
    registry = encrypted(authority.issue_cert("other.test"))
    found = Diagnosis(doctor(registry.host, registry.url, entry=trust(authority)))
    assert found.code == 2
    assert_stopped_at(found, "tls", "is for other.test, not for localhost", "api_url")


def test_a_registry_without_tls_is_told_apart_from_a_bad_certificate(doctor, registry):
    found = Diagnosis(doctor(registry.host, f"https://{registry.host}"))
    assert found.code == 2
    assert_stopped_at(found, "tls", "does not speak TLS", "api_url: http://")


def test_the_proxy_is_told_and_takes_the_way_of_real_requests(doctor, sound, authority):
    with ConnectProxy(sound.port) as proxy:
        url = proxy.url.replace("//", "//somebody:pr0xy-secret@")
        arguments = ("registry.test", "https://registry.test")
        done = doctor(*arguments, entry=trust(authority), HTTPS_PROXY=url)
        asked = set(proxy.names)
    found = Diagnosis(done)
    assert (found.code, found.outcomes("failed")) == (0, []), found.document
    assert asked == {"registry.test:443"}
    assert f"through the proxy {proxy.url.removeprefix('http://')}" in found.text("connection")
    assert "pr0xy-secret" not in done.stdout + done.stderr


def test_a_proxy_that_refuses_is_named(doctor, registry):
    with FaultProxy(registry) as refusing:
        found = Diagnosis(
            doctor("registry.test", "https://registry.test", HTTPS_PROXY=refusing.base)
        )
    assert found.code == 2
    assert_stopped_at(found, "connection", f"The proxy {refusing.host} does not lead to")


# --- answers ------------------------------------------------------------------------------------


def limited(*headers):
    def answer(exchange):
        code, sent, body = exchange.upstream()
        exchange.send(code, [*sent, *headers], body)

    return answer


def test_a_registry_that_asks_to_wait_is_told_with_its_limits(doctor, registry):
    headers = (
        ("Retry-After", "77"),
        ("RateLimit-Limit", "100;w=21600"),
        ("RateLimit-Remaining", "0;w=21600"),
    )
    with FaultProxy(registry) as front:
        front.on("GET /v2/", status(429, *headers))
        found = Diagnosis(doctor(front.host, front.base))
        asked = len(front.lines)
    assert found.code == 2
    assert found.outcomes("failed") == ["api", "limits"]
    assert "used up its limit of requests" in found.verdict
    assert "wait 77 s" in found.verdict
    told = "0 requests left, limit 100 in 21600 s, asks to wait 77 s"
    assert found.checks["limits"]["text"] == told
    assert asked == 1


def test_limits_that_are_left_are_told(doctor, registry):
    with FaultProxy(registry) as front:
        headers = ("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "93;w=21600")
        front.on("/manifests/", limited(*headers))
        found = Diagnosis(doctor(front.host, front.base))
    assert (found.code, found.outcomes("failed")) == (0, [])
    assert found.checks["limits"]["text"] == "93 requests left, limit 100 in 21600 s"


def test_a_web_page_in_place_of_the_answer_is_told_as_such(doctor, registry):
    with FaultProxy(registry) as front:
        front.on("GET", page)
        found = Diagnosis(doctor(front.host, front.base))
    assert found.code == 2
    assert_stopped_at(found, "tags", "A web page came from", "login portal")
    assert found.checks["api"]["outcome"] == "warning"


def test_a_registry_that_is_out_of_order_is_asked_once(doctor, registry):
    with FaultProxy(registry) as front:
        front.on("GET /v2/$", status(503))
        found = Diagnosis(doctor(front.host, front.base))
        assert len(front.lines) == 1
    assert found.code == 2
    assert_stopped_at(found, "api", "status 503", "try again")


def test_an_error_page_of_a_proxy_is_an_outage_and_no_portal(doctor, registry):
    with FaultProxy(registry) as front:
        front.on("GET", status(502, ("Content-Type", "text/html"), body=b"<html>bad gateway"))
        found = Diagnosis(doctor(front.host, front.base))
    assert_stopped_at(found, "api", "status 502", "try again")


def test_an_address_without_a_registry_is_told_as_such(doctor, registry):
    with FaultProxy(registry) as front:
        front.on("GET", status(404, ("Content-Type", "text/html"), body=b"<html>not found"))
        found = Diagnosis(doctor(front.host, front.base))
    assert_stopped_at(found, "api", "did not accept GET /v2/", "correct api_url")


def test_images_that_cannot_be_read_are_told_after_the_tags(doctor, registry):
    with FaultProxy(registry) as front:
        front.on("/manifests/", status(500))
        found = Diagnosis(doctor(front.host, front.base))
    assert found.code == 2
    assert found.outcomes("failed") == ["newest"]
    assert found.checks["tags"]["text"] == "4 listed"
    assert found.outcomes("skipped") == ["platforms"]


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [[], ["registry"], ["registry", "a", "b"], ["cluster", "nginx"], ["registry", "nginx", "--x"]],
    ids=" ".join,
)
def test_other_words_are_refused_with_the_help(tmp_path, words):
    done = call(tmp_path, "doctor", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "doctor registry IMAGE" in done.stderr


def test_a_name_that_no_registry_can_have_is_a_fault_of_the_configuration(tmp_path):
    done = call(tmp_path, "doctor", "registry", "ghcr.io/acme/_web", "--output=json")
    found = Diagnosis(done)
    assert (found.code, found.document["blame"]) == (1, "configuration")
    assert found.outcomes("failed") == ["entry"]
