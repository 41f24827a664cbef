"""Which ``Authorization`` goes with a request: challenges, tokens, and the answer to a 401.

Rules: 1. a host is asked once without credentials (``GET /v2/``) how it wants to be asked, and the
challenges are remembered; 2. Bearer is preferred, Basic is used where it is the only offer or the
token service is unusable; 3. a 401 on any later request is answered once, by the challenges it
brings, else by the remembered ones if the token was an old one; 4. what belongs to a registry goes
to that registry and to the token service it names, nowhere else; 5. a faulty answer to the first
question is remembered for seconds only, so that a dead registry is not asked for every repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.single_flight import SingleFlight
from argocd_image_updater.registry.answers import UNAUTHORIZED, read_failure
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup, unheard
from argocd_image_updater.registry.challenges import Challenge, parse_challenges
from argocd_image_updater.registry.tokens import (
    TokenKey,
    TokenService,
    basic,
    check_realm,
    check_token_host,
    is_complete,
)
from argocd_image_updater.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.endpoint import Credentials
    from argocd_image_updater.registry.traffic import Traffic
    from argocd_image_updater.registry.transport import Response

CHALLENGES_LIFE_S = 3_600.0  # a registry that changes its ways is noticed within the hour
FAULT_LIFE_S = 5.0
MAX_PING_BYTES = 1_048_576
_OK = 200
_KINDS_OF_HOSTS = frozenset(
    {FailureKind.DENIED, FailureKind.TRANSIENT, FailureKind.RATE_LIMITED, FailureKind.CONFIG}
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks for which repository of which registry."""

    api: Api
    repository: str
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Grant:
    """The header to send, empty for none, and where it came from.

    token: the key under which the Bearer token is kept. fresh: it was fetched just now.
    withheld: the request must not be sent at all, and why; nobody was asked.
    """

    header: str = ""
    token: TokenKey | None = None
    fresh: bool = False
    withheld: Failure | None = None


class Authorizer:
    """Remembers for all registries of the process how they want to be asked."""

    def __init__(
        self, traffic: Traffic, *, observe_cache: Callable[[CacheLookup], None] = unheard
    ) -> None:
        self._traffic = traffic
        self._observe_cache = observe_cache
        self._tokens = TokenService(traffic)
        self._known: dict[str, tuple[tuple[Challenge, ...] | Failure, float]] = {}
        self._pings: SingleFlight[tuple[Challenge, ...] | Failure] = SingleFlight()

    def begin_cycle(self) -> None:
        """Forget the faults of the last cycle: a host that is well again is asked at once."""
        self._known = {
            base: known for base, known in self._known.items() if not isinstance(known[0], Failure)
        }
        self._tokens.forget_outages()

    async def grant(self, subject: Subject) -> Grant | Failure:
        """Return what to send with a request; asks the registry and token service where needed."""
        challenges = self._remembered(subject.api)
        if challenges is None:
            key = (subject.api.base, subject.api.tls, subject.api.route)
            challenges = await self._pings.run(key, lambda: self._ping(subject.api))
        if isinstance(challenges, Failure):
            return challenges
        return await self._meet(subject, challenges)

    async def answer(
        self, subject: Subject, rejected: Grant, *, response: Response
    ) -> Grant | Failure | None:
        """Return what to send with the one repetition after a 401, or None if there is none."""
        offered = parse_challenges(response.header_lines("WWW-Authenticate"))
        if offered:
            self._remember(subject.api, offered)
        elif rejected.token and not rejected.fresh:
            remembered = self._remembered(subject.api)
            offered = remembered if isinstance(remembered, tuple) else ()
        if rejected.token and not rejected.fresh:
            self._tokens.drop(rejected.token, rejected.header.removeprefix("Bearer "))
        if not offered:
            self._known.pop(subject.api.base, None)  # its ways may have changed: ask again
            return None
        grant = await self._meet(subject, offered)
        if isinstance(grant, Grant) and not grant.withheld and grant.header == rejected.header:
            return None
        return grant

    async def _ping(self, api: Api) -> tuple[Challenge, ...] | Failure:
        result: tuple[Challenge, ...] | Failure
        request = Request(url=api.url(""), max_bytes=MAX_PING_BYTES, tls=api.tls, route=api.route)
        response = await self._traffic.send(request, host=api.host, connections=api.max_concurrency)
        if isinstance(response, Failure):
            result = _about_the_host(response)
        elif response.status == UNAUTHORIZED:
            # found elsewhere than asked: the challenge is not for the paths that we will ask
            at_home = response.url == request.url
            lines = response.header_lines("WWW-Authenticate")
            result = parse_challenges(lines) if at_home else ()
        elif response.status == _OK:
            result = ()
        else:
            result = _not_a_registry(response, api, unix_now=self._traffic.timing.unix())
        self._remember(api, result)
        return result

    def _remember(self, api: Api, result: tuple[Challenge, ...] | Failure) -> None:
        life_s = FAULT_LIFE_S if isinstance(result, Failure) else CHALLENGES_LIFE_S
        self._known[api.base] = (result, self._traffic.timing.monotonic() + life_s)

    def _remembered(self, api: Api) -> tuple[Challenge, ...] | Failure | None:
        result, until = self._known.get(api.base, (None, 0.0))
        return result if self._traffic.timing.monotonic() < until else None

    async def _meet(self, subject: Subject, challenges: tuple[Challenge, ...]) -> Grant | Failure:
        """Return the grant that meets the best challenge on offer."""
        bearer = next((one for one in challenges if one.scheme == "bearer"), None)
        offers_basic = any(one.scheme == "basic" for one in challenges)
        if not bearer:
            return self._basic(subject) if offers_basic else Grant()
        grant = await self._bearer(subject, bearer)
        if isinstance(grant, Grant) and not grant.withheld:
            return grant
        self._known.pop(subject.api.base, None)  # the service may have moved: ask again
        if isinstance(grant, Failure) and grant.kind is FailureKind.DENIED:
            return grant
        usable = offers_basic and is_complete(subject.credentials)
        return self._basic(subject) if usable else grant

    async def _bearer(self, subject: Subject, challenge: Challenge) -> Grant | Failure:
        key = TokenKey(
            realm=challenge.parameters.get("realm", ""),
            service=challenge.parameters.get("service", ""),
            scope=subject.api.scope(subject.repository),
            credentials=subject.credentials,
        )
        if refused := check_realm(key.realm, subject.api) or check_token_host(key, subject.api):
            return Grant(withheld=refused)
        kept = self._tokens.kept(key)
        self._observe_cache(CacheLookup(subject.api.host, Cache.TOKEN, is_hit=kept is not None))
        if kept:
            return Grant(f"Bearer {kept}", token=key)
        token = await self._tokens.fetch(key, subject.api)
        if isinstance(token, Failure):
            return token
        return Grant(f"Bearer {token}", token=key, fresh=True)

    def _basic(self, subject: Subject) -> Grant:
        if is_complete(subject.credentials):
            return Grant(basic(subject.credentials))
        lack = "are an identity token" if subject.credentials.identity_token else "have none"
        message = (
            f"registry {subject.api.host} wants a user and a password, but the credentials from "
            f"{subject.credentials.source} {lack}; set `credentials` or a pull secret"
        )
        return Grant(withheld=Failure(FailureKind.DENIED, message))


def _not_a_registry(response: Response, api: Api, *, unix_now: float) -> Failure:
    """Return what an unexpected answer to the first question means for everything below it."""
    subject = f"registry at {api.base} did not accept GET /v2/"
    failure = read_failure(response, subject=subject, unix_now=unix_now)
    if failure.kind in _KINDS_OF_HOSTS:
        return failure
    return Failure(FailureKind.CONFIG, f"{failure.message}; check its api_url")


def _about_the_host(failure: Failure) -> Failure:
    """Return the failure as one of the host: it must not read as a statement about an image."""
    if failure.kind in _KINDS_OF_HOSTS:
        return failure
    return Failure(FailureKind.TRANSIENT, failure.message, failure.retry_after_s)
