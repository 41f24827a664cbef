"""Git through the proxy that a Secret names, over HTTPS and SSH."""

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.tls import Trust
from integration.git.scenes import batch, errors, own_key, own_secret, statuses, written
from servers.git_server import file_at
from servers.proxies import Proxy
from servers.ssh_server import SshGitServer

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap", "ssh", "sshd")
PASSWORD = "pr0xy/p@ss:word"
QUOTED = "pr0xy%2Fp%40ss%3Aword"
INSIDE = "git.internal.invalid"  # a name that only the proxy knows


@pytest.fixture
def proxy():
    with Proxy(user="me", password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    with SshGitServer(tmp_path_factory.mktemp("ssh-server")) as running:
        running.repository("a", {"values.yaml": b"tag: 1.0\n"})
        yield running


@pytest.fixture
def ssh_engine(ssh, make_engine, tmp_path):
    """Make engines that know the server by the name behind the proxy too."""
    known_hosts = tmp_path / "known_hosts"
    host_key = (ssh.folder / "host_key.pub").read_text()
    known_hosts.write_text(f"{ssh.known_hosts.read_text()}[{INSIDE}]:{ssh.port} {host_key}")

    def make(proxy_url, **fields):
        data = {"sshPrivateKey": ssh.key_file.read_text(), "proxy": proxy_url, **fields}
        secret = Secret(
            ObjectKey("team", "creds"), {name: text.encode() for name, text in data.items()}
        )
        return make_engine(secrets=[secret], trust=Trust(known_hosts=known_hosts))

    return make


def url_of(proxy, scheme, password=QUOTED):
    return proxy.url(scheme, password=password)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_https_goes_through_the_proxy(server, repository_name, make_engine, proxy, scheme):
    path = server.repository(repository_name, {"values.yaml": b"tag: 1.0\n"})
    secret = own_secret(server, proxy=url_of(proxy, scheme))
    engine = make_engine(secrets=[secret], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    result = await engine.push(batch(key, written("f", b"1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(path, "f") == b"1"
    assert {port for _, port in proxy.connections} == {server.port}


async def test_hosts_that_are_left_out_are_reached_directly(
    server, repository_name, make_engine, proxy
):
    server.repository(repository_name, {"values.yaml": b"tag: 1.0\n"})
    secret = own_secret(server, proxy=url_of(proxy, "http"), noProxy="other.test,localhost")
    engine = make_engine(secrets=[secret], ca_file=server.ca_file)
    assert isinstance(await engine.tip(own_key(server.url(repository_name))), Tip)
    assert proxy.connections == []


async def test_the_proxy_of_the_secret_counts_before_that_of_the_environment(
    server, repository_name, make_engine, proxy
):
    server.repository(repository_name, {"values.yaml": b"tag: 1.0\n"})
    variables = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost"}
    secret = own_secret(server, proxy=url_of(proxy, "http"))
    engine = make_engine(secrets=[secret], ca_file=server.ca_file, variables=variables)
    assert isinstance(await engine.tip(own_key(server.url(repository_name))), Tip)
    assert len(proxy.connections) == 1


async def test_a_refusing_proxy_is_told_without_its_password(
    server, repository_name, make_engine, proxy
):
    server.repository(repository_name, {"values.yaml": b"tag: 1.0\n"})
    for scheme in ("http", "socks5h"):
        secret = own_secret(server, proxy=url_of(proxy, scheme, "wr0ng"))
        answer = await make_engine(secrets=[secret], ca_file=server.ca_file).tip(
            own_key(server.url(repository_name))
        )
        assert not isinstance(answer, Tip)
        assert "wr0ng" not in answer.message


@pytest.mark.parametrize("text", ["http://host:port", "http://", "ftp://[::1"])
async def test_a_proxy_that_is_no_url_is_told(server, repository_name, make_engine, text):
    engine = make_engine(secrets=[own_secret(server, proxy=text)], ca_file=server.ca_file)
    answer = await engine.tip(own_key(server.url(repository_name)))
    assert answer.kind is FailureKind.CREDENTIALS
    assert "the proxy in Secret team/creds is no URL" in answer.message


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "http"])
async def test_ssh_goes_through_the_proxy_which_looks_the_name_up(ssh, ssh_engine, proxy, scheme):
    proxy.lead = {INSIDE: ("127.0.0.1", ssh.port)}
    engine = ssh_engine(url_of(proxy, scheme))
    key = own_key(ssh.url("a").replace("127.0.0.1", INSIDE))
    result = await engine.push(batch(key, written(scheme, b"1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(ssh.root / "a.git", scheme) == b"1"
    assert set(proxy.connections) == {(INSIDE, ssh.port)}


async def test_ssh_to_an_address_and_through_an_open_proxy(ssh, ssh_engine):
    for scheme in ("socks5", "http"):
        with Proxy() as proxy:
            engine = ssh_engine(proxy.url(scheme))
            assert isinstance(await engine.tip(own_key(ssh.url("a"))), Tip)
            assert proxy.connections == [("127.0.0.1", ssh.port)]


async def test_ssh_to_a_host_that_is_left_out_is_direct(ssh, ssh_engine, proxy):
    engine = ssh_engine(url_of(proxy, "socks5"), noProxy="127.0.0.1")
    assert isinstance(await engine.tip(own_key(ssh.url("a"))), Tip)
    assert proxy.connections == []


@pytest.mark.parametrize(
    "case",
    [
        ("socks5", "wr0ng", "it refused user and password"),
        ("socks5", QUOTED, "its rules do not allow it"),
        ("http", "wr0ng", "HTTP 407"),
        ("http", QUOTED, "HTTP 403"),
    ],
)
async def test_a_proxy_that_does_not_connect_ssh_says_why(case, ssh, ssh_engine, proxy):
    scheme, password, told = case
    proxy.refuse = password == QUOTED
    answer = await ssh_engine(url_of(proxy, scheme, password)).tip(own_key(ssh.url("a")))
    assert answer.kind is FailureKind.TRANSIENT
    assert told in answer.message
    assert "wr0ng" not in answer.message
    assert PASSWORD not in answer.message


async def test_a_proxy_for_ssh_must_be_of_a_known_kind(ssh, ssh_engine):
    answer = await ssh_engine("https://127.0.0.1:3128").tip(own_key(ssh.url("a")))
    assert answer.kind is FailureKind.CREDENTIALS
    assert "a proxy for SSH is socks5://HOST or http://HOST" in answer.message
