"""The proxy of a Secret: for which hosts it counts, for Git and for the API of a forge."""

import pytest

from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.transport import ForgeClient
from argocd_image_updater.git.proxying import port_of, proxy_of
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from argocd_image_updater.net.proxies import ProxyRules

API = "https://api.example.com/v3"


def through(proxy, no_proxy=""):
    return GitCredential(CredentialKind.BASIC, password="p", proxy=proxy, no_proxy=no_proxy)


def client(credential):
    connection = Connection(parse_url("https://git.example.com/a/b"), credential, Trust())
    rules = ProxyRules(https="http://environment:1")
    return ForgeClient(connection, name="Forge", base_url=API, headers={}, proxies=rules)


@pytest.mark.parametrize(
    ("no_proxy", "host", "proxied"),
    [
        ("", "git.example.com", True),
        ("git.example.com", "git.example.com", False),
        ("example.com, other", "GIT.example.com.", False),
        (".example.com", "example.com", True),
        ("git.example.com:8443", "git.example.com", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("*", "git.example.com", False),
    ],
)
def test_hosts_can_be_left_out(no_proxy, host, proxied):
    found = proxy_of(through("http://proxy:3128", no_proxy), host, 443)
    assert found == ("http://proxy:3128" if proxied else "")


def test_a_proxy_without_a_scheme_speaks_http():
    assert proxy_of(through("proxy:3128"), "git.example.com", 443) == "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("git@git.example.com:a/b", 22),
        ("ssh://git@git.example.com:2222/a/b", 2222),
        ("https://git.example.com/a/b", 443),
        ("https://[::1]:8443/a/b", 8443),
    ],
)
def test_the_port_of_a_repository(url, port):
    assert port_of(parse_url(url)) == port


def test_the_api_is_asked_through_the_proxy_of_the_secret_before_that_of_the_environment():
    assert client(through(""))._proxy(API) == "http://environment:1"
    assert client(through("proxy:3128"))._proxy(API) == "http://proxy:3128"
    assert client(through("proxy:3128", "example.com"))._proxy(API) is None


def test_a_proxy_that_the_api_cannot_use_is_told():
    with pytest.raises(GitError, match="http:// proxy only"):
        client(through("socks5://u:s3cret@proxy"))._proxy(API)
