"""Send a request with all manners: limits of the host, redirects, pauses and further attempts.

Each hop of a redirect counts against the limit. What comes back is the last answer, good or not, or
a `Failure` when there was none; exceptions of the transport end here. Time spent waiting for the
rate limit does not count against the deadline of the attempts. A pause that is longer than this
deadline is not waited for: the failure says when to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.limits import DEFAULT_CONNECTIONS, HostGate, HostGates
from argocd_image_updater.registry.redirects import follow_redirects
from argocd_image_updater.registry.retry import (
    POLICY,
    TOO_MANY_REQUESTS,
    TRANSIENT_STATUSES,
    RetryPolicy,
    parse_retry_after,
)
from argocd_image_updater.registry.timing import REAL_TIME, Timing
from argocd_image_updater.registry.transport import (
    Exchanger,
    Request,
    Response,
    TransportError,
    safe_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DIGITS = 9  # of a number of requests

_OVERLOADED = frozenset({TOO_MANY_REQUESTS, 503})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it is counted: status 0 means that there was no answer.

    quota_left: requests that the host says are left, None where it does not say.
    """

    host: str
    method: str
    status: int
    elapsed_s: float
    quota_left: int | None = None


@dataclass(slots=True)
class _Journey:
    """One request with its redirects and repetitions. spent_s: without waits for the limit."""

    gate: HostGate
    host: str
    limit_per_s: int
    connections: int
    attempts: int = 0
    spent_s: float = 0.0


class _HostPausedError(Exception):
    """The host asked for a longer pause than anybody waits."""


class Traffic:
    """All requests of the process to registries and token services go through one of these."""

    def __init__(
        self,
        transport: Exchanger,
        *,
        timing: Timing = REAL_TIME,
        policy: RetryPolicy = POLICY,
        connections: int = DEFAULT_CONNECTIONS,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.timing = timing
        self._transport = transport
        self._policy = policy
        self._gates = HostGates(timing, connections=connections)
        self._observe = observe

    def gate(self, host: str) -> HostGate:
        """Return the gate of a host, to look at its pause and its window."""
        return self._gates.gate(host)

    async def send(
        self, request: Request, *, host: str, limit_per_s: int = 0, connections: int = 0
    ) -> Response | Failure:
        """Return the last answer to `request`, or why there was none.

        host: key of the gate. limit_per_s: 0 = not counted. connections: most requests in flight
        at this host, 0 = the usual number.
        """
        journey = _Journey(self._gates.gate(host), host, limit_per_s, connections)

        async def exchange(hop: Request) -> Response:
            return await self._exchange(hop, journey)

        while True:
            journey.attempts += 1
            outcome: Response | Failure
            try:
                outcome = await follow_redirects(exchange, request)
                temporary = outcome.status in TRANSIENT_STATUSES
                retry_after_s = self._retry_after_s(outcome)
            except _HostPausedError:
                return _paused(request, journey.gate)
            except TransportError as error:
                outcome = Failure(error.kind, str(error))
                temporary, retry_after_s = error.temporary, None
            if not temporary or not await self._wait(journey, retry_after_s):
                return outcome

    async def _exchange(self, request: Request, journey: _Journey) -> Response:
        gate = journey.gate
        patience_s = self._policy.deadline_s
        if not await gate.enter(
            limit_per_s=journey.limit_per_s,
            connections=journey.connections,
            patience_s=patience_s,
        ):
            raise _HostPausedError
        started = self.timing.monotonic()
        response: Response | None = None
        try:
            response = await self._transport.exchange(request)
        finally:
            gate.leave()
            elapsed_s = self.timing.monotonic() - started
            journey.spent_s += elapsed_s
            if self._observe:
                self._observe(_counted(request, response, host=journey.host, elapsed_s=elapsed_s))
        self._adapt(gate, response)
        return response

    def _adapt(self, gate: HostGate, response: Response) -> None:
        """Slow down where the host complains; a pause holds for everybody who asks this host."""
        if response.status not in _OVERLOADED:
            gate.grow()
            return
        gate.shrink()
        if retry_after_s := self._retry_after_s(response):
            gate.pause(retry_after_s)

    async def _wait(self, journey: _Journey, retry_after_s: float | None) -> bool:
        """Wait for the next attempt; False when there is none."""
        pause_s = max(retry_after_s or 0.0, journey.gate.pause_left_s())
        wait_s = self._policy.wait_s(
            journey.attempts,
            elapsed_s=journey.spent_s,
            retry_after_s=pause_s or None,
            dice=self.timing.random(),
        )
        if wait_s is None:
            return False
        await self.timing.sleep(wait_s)
        journey.spent_s += wait_s
        return True

    def _retry_after_s(self, response: Response) -> float | None:
        if response.status not in TRANSIENT_STATUSES:
            return None
        return parse_retry_after(response.header("Retry-After"), unix_now=self.timing.unix())


def _counted(
    request: Request, response: Response | None, *, host: str, elapsed_s: float
) -> Exchange:
    if response is None:
        return Exchange(host, request.method, 0, elapsed_s)
    left = response.header("RateLimit-Remaining").partition(";")[0].strip()
    quota_left = (
        int(left) if left.isascii() and left.isdigit() and len(left) <= MAX_DIGITS else None
    )
    return Exchange(host, request.method, response.status, elapsed_s, quota_left)


def _paused(request: Request, gate: HostGate) -> Failure:
    left_s = gate.pause_left_s()
    message = f"{safe_url(request.url)}: the host asked to wait for another {left_s:.0f} s"
    return Failure(FailureKind.RATE_LIMITED, message, left_s)
