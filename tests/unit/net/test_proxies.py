"""Which proxy a request goes through."""

import pytest

from argocd_image_updater.net.proxies import is_loopback, read_proxies

ENVIRONMENT = {"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "plain:80"}


def test_the_scheme_decides_which_variable_counts():
    rules = read_proxies(ENVIRONMENT)
    assert rules.proxy_for("https", "ghcr.io") == "http://proxy:3128"
    assert rules.proxy_for("http", "ghcr.io") == "http://plain:80"


def test_lower_case_variables_count_too_and_upper_case_first():
    rules = read_proxies({"https_proxy": "a:1", "HTTP_PROXY": "b:1", "http_proxy": "c:1"})
    assert (rules.https, rules.http) == ("http://a:1", "http://b:1")


def test_without_variables_everything_is_direct():
    assert read_proxies({}).proxy_for("https", "ghcr.io") == ""


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_never_proxied(host):
    assert is_loopback(host)
    assert read_proxies(ENVIRONMENT).proxy_for("https", host) == ""


@pytest.mark.parametrize(
    ("exceptions", "host", "direct"),
    [
        ("*", "ghcr.io", True),
        ("ghcr.io", "ghcr.io", True),
        ("ghcr.io", "GHCR.IO", True),
        ("ghcr.io", "pkg.ghcr.io", True),
        ("ghcr.io", "notghcr.io", False),
        (".corp", "registry.corp", True),
        (".corp", "corp", False),
        ("*.corp", "registry.corp", True),
        ("ghcr.io:443", "ghcr.io", True),
        ("ghcr.io:80", "ghcr.io", False),
        (" a , ghcr.io ", "ghcr.io", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "ghcr.io", False),
        ("10.0.0.0/99", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("fd00::/8", "fd00::1", True),
        ("", "ghcr.io", False),
    ],
)
def test_exceptions_go_direct(exceptions, host, direct):
    rules = read_proxies(ENVIRONMENT | {"NO_PROXY": exceptions})
    assert (rules.proxy_for("https", host) == "") == direct
