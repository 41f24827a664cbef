"""Which hosts are never asked, in all the notations of an address, and which hosts are one site."""

import pytest

from argocd_image_updater.net.addresses import is_forbidden_host
from argocd_image_updater.registry.same_site import is_same_site


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "169.254.170.2",
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "[fd00:ec2::254]",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata",
        "instance-data",
    ],
)
def test_metadata_services_and_link_local_addresses_are_forbidden(host):
    assert is_forbidden_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "::1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "172.17.0.1",
        "fd00::1",
        "8.8.8.8",
        "ghcr.io",
        "metadata.example.com",
        "169.254.169.254.example.com",
        "",
        "cafe",
        "1.2.3.4.5",
    ],
)
def test_everything_else_may_be_a_registry(host):
    assert not is_forbidden_host(host)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("registry-1.docker.io", "auth.docker.io", True),
        ("registry.gitlab.com", "gitlab.com", True),
        ("GHCR.io", "ghcr.io", True),
        ("registry.gitlab.example.com", "sso.example.com", True),
        ("127.0.0.1", "localhost", True),
        ("registry.example.com", "login.example.org", False),
        ("registry.example.co.uk", "evil.co.uk", False),
        ("registry.example.co.uk", "auth.example.co.uk", True),
        ("a.co.uk", "b.co.uk", False),
        ("registry", "auth", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("example.com", "notexample.com", False),
    ],
)
def test_hosts_of_one_domain_belong_together(one, other, same):
    assert is_same_site(one, other) is same
    assert is_same_site(other, one) is same
