"""Sends the events of a cycle to the API server.

Promises: 1. what cannot be sent costs a warning, never the cycle, and the time for all of them is
bounded; 2. the same warning about the same Application is sent once an hour at most; 3. what is
remembered for that is bounded. Source of the rules: docs/status.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from argocd_image_updater.core.bounded_text import first_of
from argocd_image_updater.core.events import Event, event_document, updates_of, warnings_of
from argocd_image_updater.core.instants import NS_PER_S
from argocd_image_updater.errors import DeniedError, UpdaterError, internal_fault
from argocd_image_updater.kube.kinds import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.core.application import Application, ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.kube.client import KubeClient

REPEAT_S = 3600  # as long as the API server keeps an event
REMEMBERED = 20_000
WARNING_EVENTS_PER_CYCLE = 500
OPEN_REQUESTS = 8  # half of the client's, so that the status is not kept waiting
DEADLINE_S = 15.0
_TOLD_WARNINGS = 5


class EventWriter:
    """disabled: nothing is sent. unix_ns: the time of day in nanoseconds."""

    def __init__(
        self,
        client: KubeClient,
        *,
        disabled: bool = False,
        unix_ns: Callable[[], int] = time.time_ns,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._client = client
        self._disabled = disabled
        self._unix_ns = unix_ns
        self._deadline_s = deadline_s
        self._last_ns = 0
        self._sent_ns: OrderedDict[int, int] = OrderedDict()  # by the hash of what was said

    async def write(
        self, report: CycleReport, applications: Mapping[ObjectKey, Application]
    ) -> tuple[str, ...]:
        """Send what a cycle has to tell; return what went wrong with it.

        applications: as they were before the cycle wrote to them.
        """
        if self._disabled:
            return ()
        now_ns = self._unix_ns()
        due = [event for event in warnings_of(report) if self._is_due(event, now_ns)]
        events = (*updates_of(report), *due[:WARNING_EVENTS_PER_CYCLE])
        sending = _Sending(self._client, applications, self._new_ns)
        tasks = [asyncio.create_task(sending.send(event)) for event in events]
        if not tasks:
            return ()
        try:
            await asyncio.wait(tasks, timeout=self._deadline_s)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for event in sending.sent:
            self._remember(event, now_ns)
        return self._warnings(sending, len(events))

    def _warnings(self, sending: _Sending, asked: int) -> tuple[str, ...]:
        found = list(first_of(sending.troubles, _TOLD_WARNINGS))
        unsent = asked - sending.ended
        if unsent:
            found.append(f"{unsent} events were not sent within {self._deadline_s:g} s")
        return tuple(found)

    def _is_due(self, event: Event, now_ns: int) -> bool:
        sent_ns = self._sent_ns.get(_similarity(event))
        # A clock that went back would silence events for as long: then it counts as not sent.
        return sent_ns is None or not 0 <= now_ns - sent_ns < REPEAT_S * NS_PER_S

    def _remember(self, event: Event, now_ns: int) -> None:
        if not event.similar:
            return
        similar = _similarity(event)
        self._sent_ns[similar] = now_ns
        self._sent_ns.move_to_end(similar)
        while len(self._sent_ns) > REMEMBERED:
            self._sent_ns.popitem(last=False)

    def _new_ns(self) -> int:
        """Return the time of day; never the same twice, as it becomes part of a name."""
        self._last_ns = max(self._unix_ns(), self._last_ns + 1)
        return self._last_ns


def _similarity(event: Event) -> int:
    return hash((event.application, event.similar))


class _Sending:
    """The events of one cycle on their way."""

    def __init__(
        self,
        client: KubeClient,
        applications: Mapping[ObjectKey, Application],
        new_ns: Callable[[], int],
    ) -> None:
        self._client = client
        self._applications = applications
        self._new_ns = new_ns
        self._slots = asyncio.Semaphore(OPEN_REQUESTS)
        self._denied: set[str] = set()
        self.sent: list[Event] = []
        self.troubles: list[str] = []
        self.ended = 0

    async def send(self, event: Event) -> None:
        """Send one event; a namespace that refuses one is not asked again in this cycle."""
        namespace = event.application.namespace
        async with self._slots:
            if namespace not in self._denied:
                await self._create(event, namespace)
        self.ended += 1

    async def _create(self, event: Event, namespace: str) -> None:
        known = self._applications.get(event.application)
        document = event_document(
            event,
            uid=known.uid if known else "",
            resource_version=known.resource_version if known else "",
            unix_ns=self._new_ns(),
        )
        try:
            await self._client.create(EVENTS, document, namespace=namespace)
        except DeniedError as error:
            self._denied.add(namespace)
            self.troubles.append(f"events are not sent: {error}; {error.hint}")
        except UpdaterError as error:
            self.troubles.append(f"an event about Application {event.application}: {error}")
        except Exception as error:  # noqa: BLE001 - an event is never worth a cycle
            self.troubles.append(internal_fault(error))
        else:
            self.sent.append(event)
