"""Where a server listens, as flags say it."""

import pytest

from argocd_image_updater.errors import ConfigError
from argocd_image_updater.web.addresses import BindAddress, parse_bind_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8081", BindAddress("", 8081)),
        ("127.0.0.1:8080", BindAddress("127.0.0.1", 8080)),
        ("localhost:0", BindAddress("localhost", 0)),
        ("[::]:8443", BindAddress("::", 8443)),
        ("[::1]:8443", BindAddress("::1", 8443)),
        ("[fe80::1%eth0]:80", BindAddress("fe80::1%eth0", 80)),
        (" :8081 ", BindAddress("", 8081)),
        ("0", None),
        ("", None),
    ],
)
def test_an_address_is_read(text, address):
    assert parse_bind_address(text, flag="probe") == address


@pytest.mark.parametrize(
    "text",
    ["8081", ":", ":http", ":65536", ":-1", ":٣", "::1:80", "a b:80", "host", "[::1]", ":000080"],
)
def test_what_is_no_address_names_the_flag_and_the_forms(text):
    with pytest.raises(ConfigError, match="--metrics-bind-address") as refusal:
        parse_bind_address(text, flag="metrics-bind-address")
    assert ":PORT" in refusal.value.hint


@pytest.mark.parametrize("text", [":8081", "[::1]:8443", "127.0.0.1:80"])
def test_an_address_is_shown_as_it_is_written(text):
    assert str(parse_bind_address(text, flag="x")) == text
