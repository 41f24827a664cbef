"""registries.extra.conf in force: identities, client certificates, proxies, deadlines, limits."""

import asyncio
import ipaddress
import socket
import time

import pytest
import trustme

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    RepositoryKey,
    TagList,
    TagListQuestion,
)
from argocd_image_updater.net import guarded_resolver
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.endpoint import EndpointExtras
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from registries.distribution import PASSWORD, USERNAME, DistributionRegistry, basic_header
from registries.identities import ONCE, OneClient, given
from registries.nginx_front import ForwardProxy, MutualTls
from registries.raw import RawServer
from registries.scripted import ScriptedRegistry
from registries.token_service import TokenService

pytestmark = pytest.mark.lab("docker-registry", "nginx")


def table(prefix, url, extra, **entry):
    more = "".join(f", {key}: '{value}'" for key, value in entry.items())
    conf = f"registries: [{{name: local, prefix: '{prefix}', api_url: '{url}'{more}}}]"
    return load_table(conf, ca_directories=(), extra=(extra, "registries.extra.conf"))


class Cycles:
    """An engine that answers for tag lists, cycle by cycle."""

    def __init__(self, environ=None):
        self._network = RegistryNetwork(policy=ONCE)
        self._store = FactStore.in_memory()
        self.engine = RegistryEngine(
            network=self._network,
            resolver=CredentialResolver(environ=environ or {}, clock=time.monotonic),
            store=self._store,
            unix=time.time,
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._network.aclose()
        self._store.close()

    async def lists(self, loaded, prefix, *repositories):
        self.engine.begin_cycle(loaded)
        questions = [TagListQuestion(RepositoryKey(prefix, name)) for name in repositories]
        answers = await self.engine.ask(questions)
        return [answers[question] for question in questions]


async def test_each_repository_is_asked_with_the_identity_that_is_meant_for_it(tmp_path):
    with TokenService(tmp_path) as service:
        push = f"Bearer {service.token([f'repository:{r}:pull,push' for r in ('a/web', 'b/web')])}"
        registry = DistributionRegistry(auth=service.auth(), push_authorization=push)
        with registry:
            registry.push_tags("a/web", ["1.0"])
            registry.push_tags("b/web", ["2.0"])
            loaded = table(
                registry.host,
                registry.url,
                f"registries: [{{prefix: '{registry.host}', credentials: {{a: env:A, b: env:B}}}}]",
                credentials="env:NONE",
            )
            known = {"A": f"{USERNAME}:{PASSWORD}", "B": "other:wrong"}
            async with Cycles(known) as cycles:
                for _ in range(2):
                    a, b = await cycles.lists(loaded, registry.host, "a/web", "b/web")
                    assert a == TagList(("1.0",))
                    assert b.kind is FailureKind.DENIED
                    assert "env:B" in b.message
    asked = {query["scope"][0]: authorization for query, authorization in service.requests}
    assert asked["repository:a/web:pull"] == basic_header(USERNAME, PASSWORD)
    assert asked["repository:b/web:pull"] == basic_header("other", "wrong")


async def test_a_client_certificate_opens_a_registry_that_wants_one(
    distribution, repository, tmp_path
):
    distribution.push_tags(repository, ["1.0"])
    with MutualTls(tmp_path / "front", distribution.url) as front:
        certificate, key = front.client_files()
        extra = (
            f"registries: [{{prefix: front.test, clientCertFile: {certificate}, "
            f"clientKeyFile: {key}}}]"
        )
        async with Cycles() as cycles:
            with_it = table("front.test", front.url, extra, ca_file=front.ca_file)
            assert await cycles.lists(with_it, "front.test", repository) == [TagList(("1.0",))]
            without = table("front.test", front.url, "", ca_file=front.ca_file)
            (refused,) = await cycles.lists(without, "front.test", repository)
            assert isinstance(refused, Failure)
            front.client_files(authority=trustme.CA())
            foreign = table("front.test", front.url, extra, ca_file=front.ca_file)
            (refused,) = await cycles.lists(foreign, "front.test", repository)
            assert isinstance(refused, Failure)


async def test_a_proxy_of_a_registry_is_used_for_it_and_for_no_other(
    distribution, repository, tmp_path
):
    distribution.push_tags(repository, ["1.0"])
    with ForwardProxy(tmp_path / "proxy") as proxy:
        extra = f"registries: [{{prefix: via.test, proxy: '{proxy.url}'}}]"
        async with Cycles() as cycles:
            through = table("via.test", distribution.url, extra)
            assert await cycles.lists(through, "via.test", repository) == [TagList(("1.0",))]
            asked = len(await proxy.wait_for_lines(2))
            assert asked == 2
            straight = table("direct.test", distribution.url, "")
            assert await cycles.lists(straight, "direct.test", repository) == [TagList(("1.0",))]
            assert len(proxy.lines()) == asked


async def test_direct_passes_by_the_proxy_of_the_environment(distribution, repository):
    distribution.push_tags(repository, ["1.0"])
    network = RegistryNetwork(environment={"HTTP_PROXY": "http://127.0.0.1:1"}, policy=ONCE)
    extras = EndpointExtras(proxy="direct")
    url = distribution.url.replace("127.0.0.1", "direct.test")
    with fake_dns({"direct.test": "127.0.0.1"}):
        async with OneClient(url, repository, network=network, extras=extras) as client:
            assert await client.list_tags() == TagList(("1.0",))
        network = RegistryNetwork(environment={"HTTP_PROXY": "http://127.0.0.1:1"}, policy=ONCE)
        async with OneClient(url, repository, network=network) as client:
            assert isinstance(await client.list_tags(), Failure)


async def test_a_deadline_of_a_registry_is_kept_also_in_silence():
    async def silence(*_):
        await asyncio.sleep(60)

    async with RawServer({"/v2/": silence}) as server:
        extras = EndpointExtras(timeout_s=0.2)
        async with OneClient(server.base, "team/app", extras=extras) as client:
            answer = await asyncio.wait_for(client.list_tags(), 30)
    assert answer.kind is FailureKind.TRANSIENT
    assert "no answer in time" in answer.message


async def test_no_more_requests_are_under_way_than_the_entry_allows():
    most = active = 0

    async def slowly(_target, _head, writer):
        nonlocal most, active
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.01)
        active -= 1
        body = b'{"name": "x", "tags": []}'
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )

    paths = [f"team/app{number}" for number in range(12)]
    answers = {"/v2/": slowly, **{f"/v2/{path}/tags/list": slowly for path in paths}}
    async with RawServer(answers) as server, Cycles() as cycles:
        loaded = table("x.test", server.base, "registries: [{prefix: x.test, maxConcurrency: 3}]")
        assert await cycles.lists(loaded, "x.test", *paths) == [TagList(())] * 12
    assert most == 3


# --- what nobody may make us ask ------------------------------------------------------------


class fake_dns:  # noqa: N801 - used like a function
    """Names that DNS answers with given addresses, only inside this program."""

    def __init__(self, names):
        self._names = names

    def __enter__(self):
        self._patch = pytest.MonkeyPatch()
        names = self._names
        real = guarded_resolver.ThreadedResolver.resolve

        async def resolve(resolver, host, port=0, family=socket.AF_INET):
            if host not in names:
                return await real(resolver, host, port, family)
            addresses = names[host] if isinstance(names[host], list) else [names[host]]
            return [
                {
                    "hostname": host,
                    "host": address,
                    "port": port,
                    "family": socket.AF_INET6
                    if ipaddress.ip_address(address).version == 6
                    else socket.AF_INET,
                    "proto": 0,
                    "flags": socket.AI_NUMERICHOST,
                }
                for address in addresses
            ]

        self._patch.setattr(guarded_resolver.ThreadedResolver, "resolve", resolve)

    def __exit__(self, *_):
        self._patch.undo()


def is_refused(answer):
    return answer.kind is FailureKind.CONFIG and "allowLinkLocal" in answer.message


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "2852039166"]
)
async def test_an_image_cannot_name_a_metadata_service(host):
    async with OneClient(f"https://{host}", "team/app") as client:
        assert is_refused(await client.list_tags())


async def test_a_name_that_leads_to_a_metadata_service_is_refused_and_one_beside_is_asked():
    routes = {
        "/v2/": [{"status": 200}],
        "/v2/team/app/tags/list": [{"status": 200, "body": '{"name": "x", "tags": ["1"]}'}],
    }
    async with ScriptedRegistry(routes) as registry:
        url = registry.base.replace("127.0.0.1", "sly.test")
        with fake_dns({"sly.test": ["169.254.169.254", "fe80::1"]}):
            async with OneClient(url, "team/app") as client:
                assert is_refused(await client.list_tags())
        with fake_dns({"sly.test": ["169.254.169.254", "127.0.0.1"]}):
            async with OneClient(url, "team/app") as client:
                assert await client.list_tags() == TagList(("1",))


async def test_a_redirect_or_a_token_service_cannot_lead_there():
    aside = [("Location", "http://169.254.169.254/latest/meta-data/")]
    routes = {"/v2/": [{"status": 200}], "/v2/a/b/tags/list": [{"status": 302, "headers": aside}]}
    allowed = EndpointExtras(allow_link_local=True)
    async with ScriptedRegistry(routes) as registry:
        for extras in (EndpointExtras(), allowed):  # which is only about the registry's own host
            async with OneClient(registry.base, "a/b", extras=extras) as client:
                assert is_refused(await client.list_tags())
    challenge = [("WWW-Authenticate", 'Bearer realm="https://169.254.169.254/token"')]
    routes = {"/v2/": [{"status": 401, "headers": challenge}]}
    async with ScriptedRegistry(routes) as registry:
        for extras in (EndpointExtras(), allowed):
            async with OneClient(registry.base, "a/b", extras=extras) as client:
                assert is_refused(await client.list_tags())


async def test_the_operator_can_allow_it_for_one_registry():
    routes = {
        "/v2/": [{"status": 200}],
        "/v2/team/app/tags/list": [{"status": 200, "body": '{"name": "x", "tags": ["1"]}'}],
    }
    async with ScriptedRegistry(routes) as registry:
        url = registry.base.replace("127.0.0.1", "metadata.google.internal")
        with fake_dns({"metadata.google.internal": "127.0.0.1"}):
            async with OneClient(url, "team/app") as client:
                assert is_refused(await client.list_tags())
            extras = EndpointExtras(allow_link_local=True)
            async with OneClient(url, "team/app", extras=extras) as client:
                assert await client.list_tags() == TagList(("1",))


# --- where credentials go -------------------------------------------------------------------

TOKEN = [{"status": 200, "body": '{"token": "t", "expires_in": 300}'}]


def bearer(realm):
    return [("WWW-Authenticate", f'Bearer realm="{realm}",service="s"')]


async def ask_with_realm(realm, credentials, extras=None):
    """Ask a registry ``reg.test`` whose token service is somewhere else on this machine."""
    routes = {
        "/v2/": [{"status": 401, "headers": bearer(realm)}],
        "/v2/a/b/tags/list": [
            {"status": 200, "body": '{"tags": ["1"]}', "require_authorization": "Bearer t"}
        ],
        "/token": TOKEN,
    }
    async with ScriptedRegistry(routes) as registry:
        routes["/v2/"][0]["headers"] = bearer(realm.replace("{{PORT}}", registry.base[-5:]))
        url = registry.base.replace("127.0.0.1", "reg.example.com")
        hosts = ("reg.example.com", "auth.example.com", "elsewhere.example.org")
        with fake_dns(dict.fromkeys(hosts, "127.0.0.1")):
            client = OneClient(url, "a/b", credentials=credentials, extras=extras or NOTHING)
            async with client as asked:
                return await asked.list_tags(), registry.requests


NOTHING = EndpointExtras()
ELSEWHERE = "https://elsewhere.example.org:1/token"  # nobody listens


async def test_credentials_stay_within_the_domain_unless_a_host_is_allowed():
    login = given("user", "s3cret")
    answer, _ = await ask_with_realm(ELSEWHERE, login)
    assert answer.kind is FailureKind.DENIED
    assert "tokenHosts" in answer.message
    assert "elsewhere.example.org" in answer.message
    assert "s3cret" not in answer.message
    allowed = EndpointExtras(token_hosts=frozenset({"elsewhere.example.org"}))
    answer, _ = await ask_with_realm(ELSEWHERE, login, allowed)
    assert answer.kind is FailureKind.TRANSIENT  # it was tried


async def test_anonymous_tokens_come_from_any_host_with_tls():
    answer, _ = await ask_with_realm(ELSEWHERE, given())
    assert answer.kind is FailureKind.TRANSIENT
    answer, requests = await ask_with_realm("http://auth.example.com:{{PORT}}/token", given())
    assert answer.kind is FailureKind.DENIED
    assert "without TLS" in answer.message
    assert not [one for one in requests if one.target.startswith("/token")]
