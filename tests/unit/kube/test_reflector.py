"""How long a reflector waits between its attempts, in virtual time."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from argocd_image_updater.errors import DeniedError, RemoteError
from argocd_image_updater.kube.answers import Throttled
from argocd_image_updater.kube.kinds import APPLICATIONS
from argocd_image_updater.kube.reflector import Reflector, Scope
from argocd_image_updater.net.timing import Timing


class Client:
    """Answers every list with a fault, and ends the test after so many waits."""

    def __init__(self, fault, *, waits):
        self.waits = []
        self._fault, self._most = fault, waits
        self.timing = replace(Timing(), sleep=self._sleep, random=lambda: 1.0)

    async def pages(self, _kind, **_options):
        raise self._fault
        yield

    async def _sleep(self, wait_s):
        self.waits.append(wait_s)
        if len(self.waits) == self._most:
            raise asyncio.CancelledError


class Sink:
    def begin_list(self, scope): ...

    def failed(self, scope, error): ...


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (RemoteError("away"), [1, 2, 4, 8, 8, 8, 8]),
        (DeniedError("no right"), [1, 2, 4, 8, 16, 30, 30]),
        (RemoteError("nonsense", temporary=False), [1, 2, 4, 8, 16, 30, 30]),
        (Throttled("busy", retry_after_s=20.0), [20] * 7),
    ],
)
async def test_the_waits_grow_to_a_limit_that_is_short_for_what_passes(fault, waits):
    client = Client(fault, waits=len(waits))
    with contextlib.suppress(asyncio.CancelledError):
        await Reflector(client, Scope(APPLICATIONS), Sink()).run()
    assert client.waits == waits
