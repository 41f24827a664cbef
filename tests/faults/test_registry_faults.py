"""Registries that are away, broken, slow to anger or hostile: one cycle meets all of them at once.

Each Application follows an image whose answers are spoilt in its own way. The cycle ends with the
right reason for each, changes none of them, and writes those whose registry is sound.
"""

import base64
import json

import pytest

from faults.http_proxy import (
    FaultProxy,
    endless,
    half,
    huge,
    other_bytes,
    page,
    redirect,
    reset,
    status,
)
from stages.standalone import (
    Stage,
    application,
    git_write_back,
    images,
    reference,
    resource,
    source,
)

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
JSON = ("Content-Type", "application/json")
PASSWORD = "rEgistry-pAss-2301"

# The list of tags is spoilt: case → (how, reason, words of the message).
LISTS = {
    "away": (None, "RegistryError", "127.0.0.1:1"),
    "endless": (endless, "RegistryError", "no new tag"),
    "huge": (huge, "RegistryError", "larger than"),
    "page": (page, "RegistryError", ""),
    "garbage": (status(200, JSON, body=b"{]"), "RegistryError", "not a tag list"),
    "unknown": (status(404), "RepositoryUnknown", ""),
    "forbidden": (status(403), "AuthFailed", ""),
    "busy": (status(429), "RateLimited", ""),
    "broken": (status(500), "RegistryError", "500"),
    "reset": (reset, "RegistryError", ""),
    "half": (half, "RegistryError", ""),
    "circle": (redirect("/v2/circle/tags/list"), "RegistryError", "redirects"),
}
# The manifest (or configuration) of the newest of three tags is spoilt; strategy newest-build.
NEWEST = {
    "n-busy": ("manifests/1.2.0", status(429), "RateLimited"),
    "n-broken": ("manifests/1.2.0", status(500), "MetadataIncomplete"),
    "n-forbidden": ("manifests/1.2.0", status(403), "AuthFailed"),
    "n-reset": ("manifests/1.2.0", reset, "MetadataIncomplete"),
    "n-half": ("manifests/1.2.0", half, "MetadataIncomplete"),
    "n-page": ("manifests/1.2.0", page, "MetadataIncomplete"),
    "n-bytes": ("manifests/1.2.0", other_bytes, "MetadataIncomplete"),
    "n-config-broken": ("blobs/", status(500), "MetadataIncomplete"),
    "n-config-half": ("blobs/", half, "MetadataIncomplete"),
    "n-config-bytes": ("blobs/", other_bytes, "MetadataIncomplete"),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory, registry, git_server):
    return Stage(tmp_path_factory.mktemp("registry-faults"), "rf", registry, git_server)


@pytest.fixture(scope="module")
def ended(stage):
    """The outcome of the one cycle."""
    with FaultProxy(stage.registry) as proxy:
        for case, (spoil, _, _) in LISTS.items():
            stage.push("1.0.0", "1.1.0", image=case)
            if spoil is not None:
                proxy.on(f"/{case}/tags/list", spoil)
        for case, (where, spoil, _) in NEWEST.items():
            for number, tag in enumerate(("1.0.0", "1.1.0", "1.2.0"), 1):
                stage.push(tag, image=case, created=f"2024-0{number}-01T00:00:00Z")
            proxy.on(f"/{case}/{where}", spoil)
        stage.push("1.0.0", "1.1.0", image="sound")
        stage.push("1.0.0", created="2024-01-01T00:00:00Z", image="gone")
        stage.push("1.1.0", created="2024-02-01T00:00:00Z", image="gone")
        stage.push("1.2.0", created="2024-03-01T00:00:00Z", image="gone")
        proxy.on("/gone/manifests/1.2.0", status(404))
        prepare(stage, proxy)
        return stage.run()


def prepare(stage, proxy):
    cases = (*LISTS, *NEWEST, "sound", "gone")
    entries = [
        {"name": "proxied", "prefix": stage.registry.host, "api_url": proxy.base},
        {"name": "away", "prefix": f"{stage.registry.host}/{stage.name}/away",
         "api_url": "http://127.0.0.1:1"},
    ]  # fmt: skip
    stage.write("registries.conf", json.dumps({"registries": entries}))
    files = {}
    for case in cases:
        files |= stage.values(case, image=case)
        stage.add(application(case, source(stage.url(), case)))
    stage.repository(files=files)
    stage.add(
        resource("updater", [reference(case, follow(stage, case)) for case in cases],
                 **git_write_back())
    )  # fmt: skip


def follow(stage, case):
    if case in NEWEST or case == "gone":
        settings = {"commonUpdateSettings": {"updateStrategy": "newest-build"}}
        return images(web=(stage.image(case), settings))
    return images(web=f"{stage.image(case)}:1.x")


@pytest.mark.parametrize("case", LISTS)
def test_a_list_that_is_not_whole_changes_nothing(stage, ended, case):
    _, reason, words = LISTS[case]
    image = ended.image(case)
    assert (image["reason"], image["outcome"]) == (reason, "error"), image
    assert words in image["message"]
    assert "\n" not in image["message"]
    assert (
        stage.file(f"{case}/values.yaml").encode()
        == stage.values(case, image=case)[f"{case}/values.yaml"]
    )


@pytest.mark.parametrize("case", NEWEST)
def test_an_unreadable_newest_image_never_lets_an_older_one_win(stage, ended, case):
    image = ended.image(case)
    assert image["reason"] == NEWEST[case][2], image
    assert "1.2.0" in image["message"]
    assert "tag: 1.0.0 # of the stage" in stage.file(f"{case}/values.yaml")


def test_the_sound_ones_are_written_all_the_same(stage, ended):
    assert ended.code == 2
    assert ended.reason("sound") == "Updated"
    assert stage.log() == [
        "build: automatic update of sound", "build: automatic update of gone", "Begin",
    ]  # fmt: skip


def test_a_tag_that_is_listed_but_gone_is_passed_over(stage, ended):
    assert ended.reason("gone") == "Updated"
    assert "tag: 1.1.0" in stage.file("gone/values.yaml")


def test_every_failure_counts_once(ended):
    assert ended.report["summary"]["errors"] == len(LISTS) + len(NEWEST)
    assert ended.report["summary"]["imagesUpdated"] == 2


@pytest.fixture
def guarded(make_stage, proxy):
    """A registry that wants a password, which it gets through the proxy."""
    stage = make_stage(api_url=proxy.base, credentials="env:LOGIN")
    stage.secrets.add(PASSWORD)
    stage.secrets.add(base64.b64encode(f"reader:{PASSWORD}".encode()).decode())
    stage.environment["LOGIN"] = f"reader:{PASSWORD}"
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("one"))
    stage.helm("one")
    return stage


def challenge(realm):
    header = f'Bearer realm="{realm}",service="s",scope="repository:x:pull"'

    def ask(exchange):
        if "Authorization" in exchange.headers:
            exchange.send(*exchange.upstream())
        else:
            exchange.send(401, [("WWW-Authenticate", header)], b"{}")

    return ask


def test_a_redirect_elsewhere_takes_no_credentials_along(guarded, proxy, registry):
    with FaultProxy(registry) as elsewhere:
        proxy.on("GET /v2/$", challenge_basic)
        proxy.on("tags/list", redirect(f"{elsewhere.base}/v2/{guarded.name}/web/tags/list"))
        done = guarded.run()
        assert done.reasons == {"one": "Updated"}, done.out
        assert proxy.authorizations
        assert elsewhere.asked("tags/list")
        assert elsewhere.authorizations == []


def challenge_basic(exchange):
    if "Authorization" in exchange.headers:
        exchange.send(200, [JSON], b"{}")
    else:
        exchange.send(401, [("WWW-Authenticate", 'Basic realm="r"')], b"{}")


def test_a_token_service_on_another_host_without_tls_gets_no_credentials(guarded, proxy):
    proxy.on("GET /v2/", challenge("http://tokens.example.com/token"))
    done = guarded.run()
    assert done.code == 2
    image = done.image("one")
    assert image["reason"] in {"AuthFailed", "RegistryError"}, image
    assert "http://tokens.example.com/token" in image["message"]
    assert guarded.log() == ["Begin"]


def test_a_token_is_used_and_never_shown(guarded, proxy):
    token = "tOken-of-the-service-99"
    guarded.secrets.add(token)
    proxy.on("GET /v2/", challenge(f"{proxy.base}/token"))
    proxy.on("GET /token", status(200, JSON, body=json.dumps({"token": token}).encode()))
    done = guarded.run()
    assert done.reasons == {"one": "Updated"}, done.out
    assert any(token in value for _, value in proxy.authorizations)


def test_refused_credentials_are_named_without_their_text(guarded, proxy):
    def refuse(exchange):
        exchange.send(401, [("WWW-Authenticate", 'Basic realm="r"')], PASSWORD.encode())

    proxy.on("GET /v2/", refuse)
    done = guarded.run()
    assert done.reasons == {"one": "AuthFailed"}
    assert "env:LOGIN" in done.image("one")["message"] or "reader" in done.image("one")["message"]
