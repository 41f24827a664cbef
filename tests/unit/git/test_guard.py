"""Which hosts Git is kept away from, and where it is led."""

import asyncio

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import ANONYMOUS, CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.guard import HostGuard, system_addresses
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url

NAMES = {
    "git.test": ("192.0.2.7", "2001:db8::7"),
    "partly.test": ("169.254.169.254", "192.0.2.8"),
    "evil.test": ("169.254.169.254",),
    "proxy.test": ("192.0.2.9",),
}
HTTPS, SSH = "https://{}/acme/a.git", "git@{}:acme/a.git"


class Names:
    """Looks names up in the table above, and counts."""

    def __init__(self):
        self.asked = []

    async def resolve(self, host, port):
        await asyncio.sleep(0)
        self.asked.append((host, port))
        return NAMES.get(host, ())


@pytest.fixture
def names():
    return Names()


def guarded(names, url, credential=ANONYMOUS, **variables):
    guard = HostGuard(variables, resolve=names.resolve)
    return asyncio.run(guard.guarded(Connection(parse_url(url), credential, Trust())))


def through(proxy, no_proxy=""):
    return GitCredential(CredentialKind.BASIC, password="p", proxy=proxy, no_proxy=no_proxy)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0xa9fea9fe", "metadata.google.internal", "[fe80::1]", "evil.test"],
)
@pytest.mark.parametrize("form", [HTTPS, SSH, "ssh://git@{}/acme/a.git"])
def test_metadata_services_are_never_asked(names, form, host):
    with pytest.raises(GitError, match="is never asked") as caught:
        guarded(names, form.format(host))
    assert caught.value.kind is FailureKind.CONFIG


def test_git_is_led_to_the_addresses_that_were_looked_at(names):
    found = guarded(names, HTTPS.format("git.test"))
    assert found.pin == "git.test:443:192.0.2.7,[2001:db8::7]"
    found = guarded(names, HTTPS.format("partly.test:8443"))
    assert found.pin == "partly.test:8443:192.0.2.8"


def test_all_addresses_of_a_host_for_ssh_must_be_harmless(names):
    assert guarded(names, SSH.format("git.test")).pin == ""
    with pytest.raises(GitError, match="never asked"):
        guarded(names, SSH.format("partly.test"))


def test_a_name_that_is_not_known_is_a_temporary_fault_over_https_alone(names):
    with pytest.raises(GitError, match=r"no\.test could not be resolved") as caught:
        guarded(names, HTTPS.format("no.test"))
    assert caught.value.kind is FailureKind.TRANSIENT
    assert guarded(names, SSH.format("no.test")).pin == ""  # a name of the SSH configuration


def test_where_a_proxy_connects_the_proxy_is_looked_up(names):
    found = guarded(names, HTTPS.format("inside.test"), through("http://u:p@proxy.test:3128"))
    assert found.pin == "proxy.test:3128:192.0.2.9"
    assert names.asked == [("proxy.test", 3128)]


@pytest.mark.parametrize("proxy", ["http://169.254.169.254:80", "evil.test:3128"])
def test_a_proxy_is_no_way_to_a_metadata_service(names, proxy):
    with pytest.raises(GitError, match="never asked"):
        guarded(names, HTTPS.format("git.test"), through(proxy))


def test_a_proxy_that_leaves_names_to_us_gets_harmless_ones_only(names):
    with pytest.raises(GitError, match="never asked"):
        guarded(names, HTTPS.format("evil.test"), through("socks5://proxy.test"))


def test_hosts_that_the_proxy_is_not_for_are_looked_up(names):
    found = guarded(names, HTTPS.format("git.test"), through("http://proxy.test", "git.test"))
    assert found.pin.startswith("git.test:443:")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_operator_looks_names_up_itself(names, name):
    found = guarded(names, HTTPS.format("git.test"), **{name: "http://proxy.internal:3128"})
    assert (found.pin, names.asked) == ("", [])


async def test_a_name_is_looked_up_once_in_a_cycle(names):
    guard = HostGuard({}, resolve=names.resolve)
    connections = [
        Connection(parse_url(f"https://git.test/acme/{name}.git"), ANONYMOUS, Trust())
        for name in "abc"
    ]
    await asyncio.gather(*map(guard.guarded, connections))
    assert names.asked == [("git.test", 443)]
    guard.begin_cycle()
    await guard.guarded(connections[0])
    assert len(names.asked) == 2


async def test_the_system_knows_this_machine_and_no_invalid_name():
    assert "127.0.0.1" in await system_addresses("localhost", 443)
    assert await system_addresses("a" * 70 + ".invalid", 443) == ()


def test_local_repositories_have_no_host(names):
    url = parse_url("/srv/a.git", allow_local=True)
    connection = Connection(url, ANONYMOUS, Trust())
    assert asyncio.run(HostGuard({}, resolve=names.resolve).guarded(connection)) is connection
