"""Send a request with all manners: limits of the host, redirects, pauses and further attempts.

Each hop of a redirect counts against the limit. What comes back is the last answer, good or not, or
a `Failure` when there was none; exceptions of the transport end here. Time spent waiting for the
rate limit does not count against the deadline of the attempts. A pause that is longer than this
deadline is not waited for: the failure says when to come back. The same where a registry counts
pulls and none may be taken.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.timing import REAL_TIME, Timing
from argocd_image_updater.registry.answers import is_good
from argocd_image_updater.registry.limits import DEFAULT_CONNECTIONS, HostGate, HostGates
from argocd_image_updater.registry.pulls import PullBudget, PullBudgets
from argocd_image_updater.registry.quotas import Quota, read_quota
from argocd_image_updater.registry.redirects import follow_redirects, origin
from argocd_image_updater.registry.retry import (
    POLICY,
    TOO_MANY_REQUESTS,
    TRANSIENT_STATUSES,
    RetryPolicy,
    parse_retry_after,
)
from argocd_image_updater.registry.transport import (
    Exchanger,
    Request,
    Response,
    TransportError,
    safe_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_OVERLOADED = frozenset({TOO_MANY_REQUESTS, 503})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it is counted: status 0 means that there was no answer.

    quota_left, quota_limit: requests that the registry says are left, and of how many; None where
    it does not say. token_of: host of the registry that a token service was asked for a token of;
    empty for all other requests.
    """

    host: str
    method: str
    status: int
    elapsed_s: float
    quota_left: int | None = None
    quota_limit: int | None = None
    token_of: str = ""


@dataclass(slots=True)
class _Journey:
    """One request with its redirects and repetitions. spent_s: without waits for the limit."""

    gate: HostGate
    host: str
    limit_per_s: int
    connections: int
    token_of: str = ""
    attempts: int = 0
    spent_s: float = 0.0


class _HostPausedError(Exception):
    """The host asked for a longer pause than anybody waits."""


class _NoPullsError(Exception):
    """The registry counts pulls, and none may be taken."""

    def __init__(self, budget: PullBudget) -> None:
        super().__init__()
        self.budget = budget


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
        self._pulls = PullBudgets()
        self._observe = observe

    def impatient(self) -> Traffic:
        """Return the same traffic where nothing is tried again and no pause is waited for."""
        other = copy(self)
        other._policy = replace(self._policy, attempts=1, deadline_s=0.0)  # noqa: SLF001 - our own copy
        return other

    def gate(self, host: str) -> HostGate:
        """Return the gate of a host, to look at its pause and its window."""
        return self._gates.gate(host)

    async def send(
        self,
        request: Request,
        *,
        host: str,
        limit_per_s: int = 0,
        connections: int = 0,
        token_of: str = "",
    ) -> Response | Failure:
        """Return the last answer to `request`, or why there was none.

        host: key of the gate. limit_per_s: 0 = not counted. connections: most requests in flight
        at this host, 0 = the usual number. token_of: see `Exchange`.
        """
        journey = _Journey(self._gates.gate(host), host, limit_per_s, connections, token_of)

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
            except _NoPullsError as error:
                return self._without_pulls(request, error.budget)
            except TransportError as error:
                outcome = Failure(error.kind, str(error))
                temporary, retry_after_s = error.temporary, None
            if not temporary or not await self._wait(journey, retry_after_s):
                return outcome

    async def _exchange(self, request: Request, journey: _Journey) -> Response:
        """Send one request, and count it where it is a pull."""
        if request.account is None:
            return await self._pass(request, journey)
        budget = self._pulls.of(request.account)
        if request.method != "GET":
            response = await self._pass(request, journey)
            self._note_pulls(budget, response)
            return response
        await self._look(budget, request, journey)
        if not budget.take(self.timing.monotonic()):
            raise _NoPullsError(budget)
        try:
            response = await self._pass(request, journey)
        finally:
            budget.settle()
        self._note_pulls(budget, response)
        return response

    async def _look(self, budget: PullBudget, request: Request, journey: _Journey) -> None:
        """Ask how many pulls are left, once for all who want to know."""
        if budget.is_known(self.timing.monotonic()):
            return
        async with budget.looking:
            if not budget.is_known(self.timing.monotonic()):
                response = await self._pass(replace(request, method="HEAD"), journey)
                self._note_pulls(budget, response)

    def _note_pulls(self, budget: PullBudget, response: Response) -> None:
        quota = self._quota(response)
        if quota is not None or is_good(response):
            budget.note(quota, self.timing.monotonic())

    def _without_pulls(self, request: Request, budget: PullBudget) -> Failure:
        now = self.timing.monotonic()
        message = f"{safe_url(request.url)}: {budget.refusal(now)}"
        return Failure(FailureKind.RATE_LIMITED, message, budget.come_back_s(now))

    def _quota(self, response: Response) -> Quota | None:
        return read_quota(response, unix_now=self.timing.unix())

    async def _pass(self, request: Request, journey: _Journey) -> Response:
        """Send one request through the gate of its host."""
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
            quota = self._quota(response) if response else None
            if quota and not _is_at_home(request, journey):
                quota = None
            if self._observe:
                status = response.status if response else 0
                self._observe(_seen(request, status, journey, elapsed_s=elapsed_s, quota=quota))
        self._adapt(gate, response)
        if quota and request.account is None:
            gate.heed(quota)
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
        asked_s = parse_retry_after(response.header("Retry-After"), unix_now=self.timing.unix())
        if asked_s is None and response.status == TOO_MANY_REQUESTS:
            quota = self._quota(response)
            return quota.reset_s if quota and quota.remaining == 0 else None
        return asked_s


def _seen(
    request: Request, status: int, journey: _Journey, *, elapsed_s: float, quota: Quota | None
) -> Exchange:
    return Exchange(
        journey.host,
        request.method,
        status,
        elapsed_s,
        quota_left=quota.remaining if quota else None,
        quota_limit=quota.limit if quota else None,
        token_of=journey.token_of,
    )


def _is_at_home(request: Request, journey: _Journey) -> bool:
    """Tell whether this is the host that was meant: what one says where a redirect led is not."""
    return origin(request.url)[1:] == origin(f"//{journey.host}")[1:]


def _paused(request: Request, gate: HostGate) -> Failure:
    left_s = gate.come_back_s()
    message = f"{safe_url(request.url)}: the host asked to wait for another {left_s:.0f} s"
    return Failure(FailureKind.RATE_LIMITED, message, left_s)
