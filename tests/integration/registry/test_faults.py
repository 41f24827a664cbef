"""What a client makes of registries that are broken, slow, hostile or half gone.

Each fault comes over a real socket. Time is our own: waits are noted, not waited for.
"""

import asyncio
import gzip
import json
import time
import zlib

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind, TagList
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry.manifests import digest_of
from argocd_image_updater.registry.metadata import Purpose, read_metadata
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.retry import RetryPolicy
from argocd_image_updater.registry.tokens import basic
from argocd_image_updater.registry.transport import Deadlines
from registries.identities import ONCE, OneClient, given, pair
from registries.raw import RawServer, answer, head
from registries.scripted import ScriptedRegistry

JSON = ["Content-Type", "application/json"]
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OPEN = {"status": 200, "headers": [JSON], "body": "{}"}
TAGS = "/v2/team/app/tags/list"
PING = answer(b"{}")


class OwnTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.sleeps = []

    async def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def timing(self):
        return Timing(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)


def network(*, policy=ONCE, timing=None, **deadlines):
    settings = {"timing": timing} if timing else {}
    return RegistryNetwork(policy=policy, deadlines=Deadlines(**deadlines), **settings)


def tag_list(*tags, status=200, headers=()):
    return {"status": status, "headers": [JSON, *headers], "body": json.dumps({"tags": tags})}


async def tags_of(routes, **client):
    """Return the tag list that a scripted registry leads to, and what it was asked."""
    async with (
        ScriptedRegistry({"/v2/": [OPEN], **routes}) as registry,
        OneClient(registry.base, "team/app", **client) as one,
    ):
        return await one.list_tags(), registry


async def raw_tags(write, **deadlines):
    """Return the tag list from a server whose list is written by `write`."""
    async with (
        RawServer({"/v2/": PING, TAGS: write}) as server,
        OneClient(server.base, "team/app", network=network(**deadlines)) as client,
    ):
        return await client.list_tags()


async def test_a_list_that_links_to_itself_ends():
    link = ["Link", f'<{TAGS}?n=1000>; rel="next"']
    failure, registry = await tags_of({TAGS: [tag_list("a", headers=[link])]})
    assert failure.kind is FailureKind.UNUSABLE
    assert "read already" in failure.message
    assert len(registry.targets(TAGS)) == 1


async def test_a_list_with_ever_new_pages_but_no_new_tags_ends():
    async def endless(target, _head, writer):
        number = int(target.rpartition("=")[2]) + 1
        body = b'{"tags": ["a"]}'
        link = f'Link: <{TAGS}?page={number}>; rel="next"'
        writer.write(head("200 OK", [link], len(body)) + body)

    failure = await raw_tags(endless)
    assert failure.kind is FailureKind.UNUSABLE
    assert "no new tag" in failure.message


async def test_a_list_of_a_hundred_megabytes_is_refused_early():
    written = 0

    async def huge(_target, _head, writer):
        nonlocal written
        writer.write(head("200 OK", [], 100_000_000))
        for _ in range(100):
            writer.write(b"x" * 1_000_000)
            written += 1
            await writer.drain()

    failure = await raw_tags(huge)
    assert failure.kind is FailureKind.UNUSABLE
    assert "larger than" in failure.message
    assert written < 60


async def test_a_gzip_bomb_is_not_unfolded():
    bomb = gzip.compress(b'{"tags": [' + b'"a",' * 20_000_000)
    failure = await raw_tags(answer(bomb, headers=["Content-Encoding: gzip"]))
    assert failure.kind is FailureKind.UNUSABLE
    assert "unfolds" in failure.message


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
async def test_a_compressed_list_is_read(compress):
    coding = "gzip" if compress is gzip.compress else "deflate"
    body = compress(b'{"tags": ["a"]}')
    assert await raw_tags(answer(body, headers=[f"Content-Encoding: {coding}"])) == TagList(("a",))


async def test_a_web_page_in_place_of_a_list_is_an_outage():
    page = {"status": 200, "headers": [["Content-Type", "text/html"]], "body": "<html>"}
    failure, _ = await tags_of({TAGS: [page]})
    assert failure.kind is FailureKind.TRANSIENT


async def test_a_web_page_in_place_of_a_manifest_says_nothing_about_the_tag():
    page = {"status": 200, "headers": [["Content-Type", "text/html; x"]], "body": "<html>"}
    async with (
        ScriptedRegistry({"/v2/": [OPEN], "/v2/team/app/manifests/1.0": [page]}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        failure = await read_metadata(client, "1.0", platforms=(), purpose=Purpose.METADATA)
    assert failure.kind is FailureKind.TRANSIENT


async def test_half_a_list_is_an_outage():
    failure = await raw_tags(answer(b'{"tags": ["a", ', length=500))
    assert failure.kind is FailureKind.TRANSIENT


async def test_a_list_cut_in_the_middle_of_its_json_is_never_a_shorter_list():
    failure = await raw_tags(answer(b'{"tags": ["a", "b"'))
    assert isinstance(failure, Failure)


async def test_a_reset_connection_is_an_outage():
    async def reset(_target, _head, writer):
        writer.write(head("200 OK", [], 500) + b'{"tags"')
        await writer.drain()
        writer.transport.abort()

    failure = await raw_tags(reset)
    assert failure.kind is FailureKind.TRANSIENT


async def test_a_silent_registry_is_given_up():
    async def silent(_target, _head, writer):
        await asyncio.sleep(30)

    started = time.monotonic()
    failure = await raw_tags(silent, silence_s=0.2)
    assert failure.kind is FailureKind.TRANSIENT
    assert time.monotonic() - started < 5


async def test_a_body_that_drips_is_given_up():
    async def drip(_target, _head, writer):
        writer.write(head("200 OK", [], 1_000))
        for _ in range(1_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    failure = await raw_tags(drip, total_s=0.4)
    assert failure.kind is FailureKind.TRANSIENT
    assert "in time" in failure.message


async def test_a_closed_port_is_an_outage_that_is_not_asked_again_at_once():
    async with RawServer({}) as server:
        base = server.base
    async with OneClient(base, "team/app") as client:
        first, second = await client.list_tags(), await client.list_tags()
    assert first.kind is FailureKind.TRANSIENT
    assert second is first


async def test_a_registry_that_is_well_again_is_asked_in_the_next_cycle_at_once():
    own = network()
    routes = {"/v2/": [{"status": 503}, OPEN], TAGS: [tag_list("a")]}
    async with (
        ScriptedRegistry(routes) as registry,
        OneClient(registry.base, "team/app", network=own) as client,
    ):
        first, second = await client.list_tags(), await client.list_tags()
        own.begin_cycle()
        third = await client.list_tags()
    assert first.kind is FailureKind.TRANSIENT
    assert second is first
    assert third == TagList(("a",))


async def test_a_token_service_that_is_well_again_is_asked_in_the_next_cycle_at_once():
    own = network()
    line = ["WWW-Authenticate", 'Bearer realm="{{BASE}}/token"']
    good = {"status": 200, "headers": [JSON], "body": '{"token": "t"}'}
    routes = {
        "/v2/": [{"status": 401, "headers": [line]}],
        "/token": [{"status": 503}, good],
        TAGS: [tag_list("a")],
    }
    async with (
        ScriptedRegistry(routes) as registry,
        OneClient(registry.base, "team/app", network=own) as client,
    ):
        first, second = await client.list_tags(), await client.list_tags()
        own.begin_cycle()
        third = await client.list_tags()
    assert {first.kind, second.kind} == {FailureKind.TRANSIENT}
    assert third == TagList(("a",))


@pytest.mark.parametrize(
    ("pause", "kind"), [("10", FailureKind.TRANSIENT), ("3600", FailureKind.RATE_LIMITED)]
)
async def test_an_outage_that_is_to_last_longer_than_is_worth_waiting_is_a_limit(pause, kind):
    away = {"status": 503, "headers": [["Retry-After", pause]]}
    failure, _ = await tags_of({TAGS: [away]})
    assert failure.kind is kind


async def test_content_with_another_digest_is_refused():
    digest = digest_of(b"what was asked for")
    blob = {"status": 200, "headers": [], "body": "what came"}
    manifest = {"status": 200, "headers": [["Content-Type", OCI_MANIFEST]], "body": "{}"}
    routes = {
        "/v2/": [OPEN],
        f"/v2/team/app/blobs/{digest}": [blob],
        f"/v2/team/app/manifests/{digest}": [manifest],
    }
    async with (
        ScriptedRegistry(routes) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        failures = [await client.blob(digest), await client.manifest(digest)]
    assert [failure.kind for failure in failures] == [FailureKind.TRANSIENT] * 2
    assert "other content" in failures[0].message


async def test_a_damaged_manifest_under_a_tag_is_an_outage_if_the_registry_announced_another():
    headers = [["Content-Type", OCI_MANIFEST], ["Docker-Content-Digest", digest_of(b"whole")]]
    half = {"status": 200, "headers": headers, "body": '{"schemaVersion": 2, "con'}
    async with (
        ScriptedRegistry({"/v2/": [OPEN], "/v2/team/app/manifests/1.0": [half]}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        failure = await client.manifest("1.0")
    assert failure.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_to_another_host_takes_no_credentials_along(status):
    blob = b"{}"
    path = f"/v2/team/app/blobs/{digest_of(blob)}"
    challenge = {"status": 401, "headers": [["WWW-Authenticate", "Basic realm=x"]]}
    async with ScriptedRegistry({"/store": [{"status": 200, "body": blob}]}) as store:
        moved = {"status": status, "headers": [["Location", f"{store.base}/store?key=1"]]}
        async with (
            ScriptedRegistry({"/v2/": [challenge], path: [moved]}) as registry,
            OneClient(registry.base, "team/app", credentials=given("u", "p")) as client,
        ):
            assert await client.blob(digest_of(blob)) == blob
        assert [one.authorization for one in store.requests] == [""]
        assert registry.requests[-1].authorization == "Basic dTpw"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/x", "http://", "http://[x"])
async def test_a_redirect_to_something_else_than_http_is_not_followed(location):
    failure, _ = await tags_of({TAGS: [{"status": 302, "headers": [["Location", location]]}]})
    assert failure.kind is FailureKind.TRANSIENT
    assert "redirect" in failure.message


async def test_redirects_in_a_circle_end():
    moved = {"status": 302, "headers": [["Location", TAGS]]}
    failure, registry = await tags_of({TAGS: [moved]})
    assert "more than 10 redirects" in failure.message
    assert len(registry.targets(TAGS)) == 11


async def test_a_next_page_on_another_host_is_not_asked_for():
    async with ScriptedRegistry({}) as other:
        link = ["Link", f'<{other.base}{TAGS}?last=a>; rel="next"']
        failure, _ = await tags_of(
            {TAGS: [tag_list("a", headers=[link])]}, credentials=given("u", "p")
        )
        assert other.requests == []
    assert failure.kind is FailureKind.UNUSABLE
    assert "another host" in failure.message


async def test_a_registry_that_refuses_the_page_size_is_asked_without():
    refusal = {"status": 400, "headers": [JSON], "body": '{"errors": [{"code": "X"}]}'}
    routes = {f"{TAGS}?n=1000": [refusal], TAGS: [tag_list("a")]}
    tags, registry = await tags_of(routes)
    assert tags == TagList(("a",))
    assert registry.targets(TAGS) == [f"{TAGS}?n=1000", TAGS]


@pytest.mark.parametrize("header", [["Retry-After", "7"], None])
async def test_a_registry_that_asks_to_slow_down_is_asked_again_later(header):
    own = OwnTime()
    busy = tag_list(status=429, headers=[header] if header else [])
    policy = RetryPolicy(attempts=3, first_wait_s=2.0)
    tags, registry = await tags_of(
        {TAGS: [busy, tag_list("a")]}, network=network(policy=policy, timing=own.timing())
    )
    assert tags == TagList(("a",))
    assert len(registry.targets(TAGS)) == 2
    assert sum(own.sleeps) == (7.0 if header else 1.0)


async def test_a_registry_that_asks_for_hours_is_left_alone_by_everybody():
    own = OwnTime()
    busy = tag_list(status=429, headers=[["Retry-After", "3600"]])
    shared = network(policy=RetryPolicy(attempts=3), timing=own.timing())
    async with (
        ScriptedRegistry({"/v2/": [OPEN], TAGS: [busy]}) as registry,
        OneClient(registry.base, "team/app", network=shared) as client,
    ):
        first = await client.list_tags()
        second = await client.list_tags()
        own.now += 3_601
        third = await client.list_tags()
    assert {first.kind, second.kind, third.kind} == {FailureKind.RATE_LIMITED}
    assert first.retry_after_s == 3_600
    assert 3_500 < second.retry_after_s <= 3_600
    assert len(registry.targets(TAGS)) == 2
    assert own.sleeps == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_that_lasts_is_a_passing_failure_after_all_attempts(status):
    own = OwnTime()
    failure, registry = await tags_of(
        {TAGS: [tag_list(status=status)]},
        network=network(policy=RetryPolicy(attempts=3), timing=own.timing()),
    )
    assert failure.kind is FailureKind.TRANSIENT
    assert len(registry.targets(TAGS)) == 3


async def test_a_challenge_after_an_open_front_door_is_answered():
    wants_basic = {
        "status": 401,
        "headers": [["WWW-Authenticate", 'Basic realm="x"']],
        "body": "no",
    }
    tags, registry = await tags_of(
        {TAGS: [wants_basic, tag_list("a")]}, credentials=given("u", "p")
    )
    assert tags == TagList(("a",))
    assert [one.authorization for one in registry.requests] == ["", "", "Basic dTpw"]


async def test_an_old_token_that_is_refused_is_replaced():
    challenge = {
        "status": 401,
        "headers": [["WWW-Authenticate", 'Bearer realm="{{BASE}}/token",service="s"']],
    }
    routes = {
        "/v2/": [challenge],
        "/token": [
            {"status": 200, "headers": [JSON], "body": '{"token": "T1", "expires_in": 900}'},
            {"status": 200, "headers": [JSON], "body": '{"token": "T2", "expires_in": 900}'},
        ],
        TAGS: [
            tag_list("a") | {"require_authorization": "Bearer T1"},
            tag_list("b") | {"require_authorization": "Bearer T2"},
            tag_list("b") | {"require_authorization": "Bearer T2"},
        ],
    }
    async with (
        ScriptedRegistry(routes) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        assert await client.list_tags() == TagList(("a",))
        assert await client.list_tags() == TagList(("b",))
    assert len(registry.targets("/token")) == 2


async def test_a_token_is_fetched_once_for_many_requests_at_a_time():
    challenge = {
        "status": 401,
        "headers": [["WWW-Authenticate", 'Bearer realm="{{BASE}}/token"']],
    }
    token = {"status": 200, "headers": [JSON], "body": '{"access_token": "T1"}'}
    routes = {"/v2/": [challenge], "/token": [token], TAGS: [tag_list("a")]}
    async with (
        ScriptedRegistry(routes) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        answers = await asyncio.gather(*(client.list_tags() for _ in range(30)))
    assert set(answers) == {TagList(("a",))}
    assert len(registry.targets("/token")) == 1
    assert registry.targets("/v2/").count("/v2/") == 1


async def test_a_token_service_on_another_host_without_tls_gets_nothing():
    realm = 'Bearer realm="http://registry.example:1/token"'
    routes = {"/v2/": [{"status": 401, "headers": [["WWW-Authenticate", realm]]}]}
    failure, registry = await tags_of(routes, credentials=given("u", "p"))
    assert failure.kind is FailureKind.DENIED
    assert "without TLS" in failure.message
    assert [one.authorization for one in registry.requests] == [""]


async def test_a_dead_token_service_is_an_outage_and_basic_the_way_out():
    lines = [["WWW-Authenticate", 'Bearer realm="{{BASE}}/token"']]
    both = [*lines, ["WWW-Authenticate", 'Basic realm="x"']]
    dead = {"status": 404, "headers": [], "body": ""}
    routes = {"/token": [dead], TAGS: [tag_list("a")]}
    failure, _ = await tags_of(
        routes | {"/v2/": [{"status": 401, "headers": lines}]}, credentials=given("u", "p")
    )
    assert failure.kind is FailureKind.TRANSIENT
    tags, registry = await tags_of(
        routes | {"/v2/": [{"status": 401, "headers": both}]}, credentials=given("u", "p")
    )
    assert tags == TagList(("a",))
    assert registry.requests[-1].authorization == "Basic dTpw"


@pytest.mark.parametrize("status", [204, 404, 418])
async def test_something_that_is_no_registry_is_a_matter_of_configuration(status):
    failure, _ = await tags_of({"/v2/": [{"status": status}]})
    assert failure.kind is FailureKind.CONFIG
    assert "api_url" in failure.message


async def test_a_refused_manifest_is_a_denial_and_no_oddity_of_the_tag():
    forbidden = {"status": 403, "headers": [["Content-Type", "text/plain"]], "body": "no"}
    async with (
        ScriptedRegistry({"/v2/": [OPEN], "/v2/team/app/manifests/1.0": [forbidden]}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        failure = await read_metadata(client, "1.0", platforms=(), purpose=Purpose.METADATA)
    assert failure.kind is FailureKind.DENIED


@pytest.mark.parametrize("password", ["hunter2", "p"])
async def test_a_registry_that_repeats_our_credentials_does_not_get_them_into_a_message(password):
    challenge = {"status": 401, "headers": [["WWW-Authenticate", "Basic realm=x"]]}
    header = basic(pair("user", password))
    body = f"user:{password} sent {header}".replace("p sent", "sent")
    echo = {"status": 403, "headers": [["Content-Type", "text/plain"]], "body": body}
    failure, registry = await tags_of(
        {"/v2/": [challenge], TAGS: [echo]}, credentials=given("user", password)
    )
    assert registry.requests[-1].authorization == header
    assert "hunter2" not in failure.message
    assert header.removeprefix("Basic ") not in failure.message


async def test_requests_are_observed_with_what_is_left_of_a_quota():
    seen = []
    limits = [["RateLimit-Remaining", "76;w=21600"], ["RateLimit-Limit", "100;w=21600"]]
    counted = tag_list("a", headers=limits)
    watched = RegistryNetwork(policy=ONCE, observe=seen.append)
    _, registry = await tags_of({TAGS: [counted]}, network=watched)
    assert [(one.method, one.status, one.quota_left, one.quota_limit) for one in seen] == [
        ("GET", 200, None, None),
        ("GET", 200, 76, 100),
    ]
    assert {one.host for one in seen} == {registry.base.removeprefix("http://")}


async def test_a_tag_that_cannot_be_one_is_not_asked_for():
    async with (
        ScriptedRegistry({"/v2/": [OPEN]}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        for name in ("../../x", "a" * 129, "", "sha256:short", "1.0?x=y"):
            failure = await client.manifest(name)
            assert failure.kind is FailureKind.UNUSABLE
            assert (await client.head(name)).kind is FailureKind.UNUSABLE
    assert registry.requests == []


async def test_head_falls_back_to_get_where_it_tells_nothing():
    body = json.dumps({"schemaVersion": 2, "config": {"mediaType": "x", "digest": "y"}})
    manifest = {"status": 200, "headers": [["Content-Type", OCI_MANIFEST]], "body": body}
    async with (
        ScriptedRegistry({"/v2/": [OPEN], "/v2/team/app/manifests/1.0": [manifest]}) as registry,
        OneClient(registry.base, "team/app") as client,
    ):
        assert await client.head("1.0") == digest_of(body.encode())
        assert await client.head("2.0") is None
    assert [one.method for one in registry.requests] == ["GET", "HEAD", "GET", "HEAD"]
    assert registry.requests[-1].user_agent.startswith("argocd-image-updater/")


async def test_a_head_that_names_a_coding_has_no_body_to_unpack():
    digest = digest_of(b"x")
    headers = ["Content-Encoding: gzip", f"Docker-Content-Digest: {digest}"]
    manifest = answer(headers=headers, length=100)
    async with (
        RawServer({"/v2/": PING, "/v2/team/app/manifests/1.0": manifest}) as server,
        OneClient(server.base, "team/app") as client,
    ):
        assert await client.head("1.0") == digest


async def test_waiting_for_the_limit_costs_no_attempt():
    own = OwnTime()
    policy = RetryPolicy(attempts=2, deadline_s=10.0)
    async with (
        ScriptedRegistry({"/v2/": [OPEN], TAGS: [tag_list(status=503), tag_list("a")]}) as registry,
        OneClient(
            registry.base,
            "team/app",
            network=network(policy=policy, timing=own.timing()),
            limit_per_s=1,
        ) as client,
    ):
        gate = client._session._traffic.gate(f"127.0.0.1:{registry.base.rpartition(':')[2]}")
        for _ in range(60):
            await gate.enter(limit_per_s=1)
            gate.leave()
        own.now -= 59  # everybody came at the same moment
        assert await client.list_tags() == TagList(("a",))
    assert max(own.sleeps) > 50


async def test_requests_are_spaced_by_the_limit_of_the_endpoint():
    own = OwnTime()
    async with (
        ScriptedRegistry({"/v2/": [OPEN], TAGS: [tag_list("a")]}) as registry,
        OneClient(
            registry.base, "team/app", network=network(timing=own.timing()), limit_per_s=10
        ) as client,
    ):
        for _ in range(5):
            await client.list_tags()
    assert sum(own.sleeps) == pytest.approx(0.4)
    assert len(registry.targets(TAGS)) == 5


async def test_no_more_requests_are_in_flight_than_the_host_is_given():
    active = most = 0

    async def slow(_target, _head, writer):
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.01)
        active -= 1
        body = b'{"tags": ["a"]}'
        writer.write(head("200 OK", [], len(body)) + body)

    async with (
        RawServer({"/v2/": PING, TAGS: slow}) as server,
        OneClient(
            server.base, "team/app", network=RegistryNetwork(policy=ONCE, connections=4)
        ) as client,
    ):
        answers = await asyncio.gather(*(client.list_tags() for _ in range(24)))
    assert set(answers) == {TagList(("a",))}
    assert most == 4
