"""Why a connection failed, in words for people."""

import errno

import aiohttp
import pytest

from argocd_image_updater.net.faults import connection_fault


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('::1', 1)"), "refused"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (aiohttp.ClientError(), "ClientError"),
        (OSError("x" * 1000), "xxx…"),
    ],
)
def test_a_fault_is_named_shortly(error, words):
    told = connection_fault(error)
    assert words in told
    assert "::1" not in told
    assert len(told) <= 256
