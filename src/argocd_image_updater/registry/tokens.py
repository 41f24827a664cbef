"""The token service of a registry: one request for a short-lived Bearer token, kept while it lives.

Rules: 1. ``GET`` of the realm with its own query plus ``service``, ``scope`` and, with credentials,
``account`` and Basic authentication; with an identity token ``POST`` of the form that trades a
refresh token for an access token; 2. credentials go to a realm only where the registry's own
transport is matched: HTTPS if the registry is HTTPS, and a plain HTTP realm only on the registry's
host or on this machine; and only to a host of the same site as the registry, or one that the
operator allows, while anonymous tokens are fetched from any; 3. a token is kept per realm, service,
scope and credentials until shortly before it expires, and equal requests under way are joined; 4. a
refusal of the service is a refusal of the credentials, everything else wrong with it is an outage,
remembered for seconds: never a statement about the image.
Source: the token and OAuth2 authentication specifications of the CNCF Distribution project.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.net.proxies import is_loopback
from argocd_image_updater.net.single_flight import SingleFlight
from argocd_image_updater.registry.answers import is_good, read_failure
from argocd_image_updater.registry.same_site import is_same_site
from argocd_image_updater.registry.timestamps import NANOSECONDS, parse_created
from argocd_image_updater.registry.transport import Request, safe_url

if TYPE_CHECKING:
    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.endpoint import Credentials
    from argocd_image_updater.registry.traffic import Traffic

SHORTEST_LIFE_S = 60.0  # of the specification: also the life of a token that tells none
LONGEST_LIFE_S = 86_400.0
SAFETY_MARGIN = 0.1  # part of its life before the end of which a token is replaced
MAX_SAFETY_MARGIN_S = 30.0
MAX_TOKENS = 10_000  # kept at once: repositories times identities
MAX_TOKEN_LENGTH = 65_536
MAX_ANSWER_BYTES = 1_048_576
TOTAL_S = 15.0  # of one request to the service
MAX_OUTAGES = 1_000
OUTAGE_S = 5.0  # for which a service that failed is not asked again

# Who asks, as OAuth2 wants to be told; no service makes anything depend on it.
CLIENT_ID = "argocd-image-updater"

_KINDS_KEPT = frozenset({FailureKind.DENIED, FailureKind.RATE_LIMITED, FailureKind.CONFIG})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What a token is good for and whose it is."""

    realm: str
    service: str
    scope: str
    credentials: Credentials


class _Answer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None
    issued_at: str | None = None


class TokenService:
    """Fetches tokens and keeps them."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._kept: dict[TokenKey, tuple[str, float]] = {}
        self._down: dict[str, tuple[Failure, float]] = {}
        self._flights: SingleFlight[str | Failure] = SingleFlight()

    def kept(self, key: TokenKey) -> str | None:
        """Return the kept token unless it is about to expire."""
        token, until = self._kept.get(key, ("", 0.0))
        return token if token and self._traffic.timing.monotonic() < until else None

    def drop(self, key: TokenKey, token: str) -> None:
        """Forget a token that was refused, unless another has taken its place."""
        if self._kept.get(key, ("", 0.0))[0] == token:
            del self._kept[key]

    async def fetch(self, key: TokenKey, api: Api) -> str | Failure:
        """Ask the service for a token; callers that ask for the same one share the request.

        The realm has passed `check_realm`.
        """
        if outage := self._outage(key.realm):
            return outage
        flight = (key, api.tls, api.route)
        return await self._flights.run(flight, lambda: self._fetch(key, api))

    async def _fetch(self, key: TokenKey, api: Api) -> str | Failure:
        request = _token_request(key, api)
        subject = f"token service {safe_url(key.realm)}"
        response = await self._traffic.send(request, host=_host(key.realm), token_of=api.host)
        result: str | Failure
        if isinstance(response, Failure):
            result = _as_outage(response)
        elif is_good(response):
            result = self._keep(key, response.body, subject=subject)
        else:
            unix_now = self._traffic.timing.unix()
            result = _as_outage(read_failure(response, subject=subject, unix_now=unix_now))
        if isinstance(result, Failure) and result.kind is not FailureKind.DENIED:
            self._note_outage(key.realm, result)
        return result

    def forget_outages(self) -> None:
        """Ask every service again."""
        self._down.clear()

    def _note_outage(self, realm: str, failure: Failure) -> None:
        if len(self._down) >= MAX_OUTAGES:  # realms come from registries: they may be made up
            self._down.clear()
        self._down[realm] = (failure, self._traffic.timing.monotonic() + OUTAGE_S)

    def _outage(self, realm: str) -> Failure | None:
        """Return the failure of a moment ago: an outage is not asked about for each repository."""
        failure, until = self._down.get(realm, (None, 0.0))
        return failure if self._traffic.timing.monotonic() < until else None

    def _keep(self, key: TokenKey, body: bytes, *, subject: str) -> str | Failure:
        try:
            answer = msgspec.json.decode(body, type=_Answer, strict=False)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return Failure(FailureKind.TRANSIENT, f"{subject}: the answer is not a token document")
        token = answer.access_token or answer.token or ""
        if not token or not _is_header_safe(token):
            return Failure(FailureKind.TRANSIENT, f"{subject}: the answer holds no usable token")
        if len(self._kept) >= MAX_TOKENS:
            self._kept.pop(min(self._kept, key=lambda known: self._kept[known][1]))
        self._kept[key] = (token, self._traffic.timing.monotonic() + self._usable_s(answer))
        return token

    def _usable_s(self, answer: _Answer) -> float:
        """Return how long the token may be used from now on.

        A time of issue that makes no sense by our clock is ignored: the clocks differ.
        """
        life_s = min(max(answer.expires_in or 0.0, SHORTEST_LIFE_S), LONGEST_LIFE_S)
        issued_ns = parse_created(answer.issued_at or "")
        age_s = 0.0
        if issued_ns is not None:
            age_s = self._traffic.timing.unix() - issued_ns / NANOSECONDS
        left_s = life_s - age_s if 0 < age_s < life_s else life_s
        return left_s - min(MAX_SAFETY_MARGIN_S, left_s * SAFETY_MARGIN)


def is_complete(credentials: Credentials) -> bool:
    """Tell whether there is both a user and a password; less is sent nowhere."""
    return bool(credentials.username and credentials.password)


def basic(credentials: Credentials) -> str:
    """Return the header value of Basic authentication (RFC 7617, UTF-8)."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {b64encode(pair).decode()}"


def check_realm(realm: str, api: Api) -> Failure | None:
    """Return why this token service is not asked on behalf of this registry, or None."""
    try:
        url = urlsplit(realm)
        scheme, hostname, _ = url.scheme, (url.hostname or "").lower(), url.port
    except ValueError:
        scheme, hostname = "", ""
    if scheme not in _DEFAULT_PORTS or not hostname:
        return Failure(
            FailureKind.TRANSIENT,
            f"registry {api.host} asks for a token but names no token service with a usable URL",
        )
    if scheme == "https":
        return None
    if api.scheme == "http" and (hostname == api.hostname or is_loopback(hostname)):
        return None
    return Failure(
        FailureKind.DENIED,
        f"registry {api.host} names the token service {safe_url(realm)} without TLS: credentials "
        "are not sent there; make the registry name an https realm",
    )


def check_token_host(key: TokenKey, api: Api) -> Failure | None:
    """Return why this token service does not get these credentials, or None.

    The realm has passed `check_realm`.
    """
    is_anonymous = not (is_complete(key.credentials) or key.credentials.identity_token)
    if is_anonymous or _is_trusted(key.realm, api):
        return None
    hostname = urlsplit(key.realm).hostname
    return Failure(
        FailureKind.DENIED,
        f"registry {api.host} names the token service {safe_url(key.realm)} on a foreign host: the "
        f"credentials from {key.credentials.source} are not sent there; if that is right, give "
        f"{hostname} as one of tokenHosts in registries.extra.conf",
    )


def _is_trusted(realm: str, api: Api) -> bool:
    """Tell whether a token service is meant to know the credentials of this registry."""
    hostname = (urlsplit(realm).hostname or "").lower()
    return hostname in api.token_hosts or is_same_site(hostname, api.hostname)


def _token_request(key: TokenKey, api: Api) -> Request:
    url = urlsplit(key.realm)
    at_home = (url.hostname or "").lower() == api.hostname
    request = Request(
        url=_token_url(key),
        max_bytes=MAX_ANSWER_BYTES,
        tls=api.tls if _is_trusted(key.realm, api) else replace(api.tls, client=None),
        total_s=max(TOTAL_S, api.route.timeout_s),
        route=api.route if at_home else replace(api.route, allow_link_local=False),
    )
    if not key.credentials.identity_token:
        header = basic(key.credentials) if is_complete(key.credentials) else ""
        return replace(request, authorization=header)
    form = (
        ("grant_type", "refresh_token"),
        ("service", key.service),
        ("client_id", CLIENT_ID),
        ("scope", key.scope),
        ("refresh_token", key.credentials.identity_token),
    )
    return replace(request, url=_realm_url(key.realm), method="POST", form=form)


def _token_url(key: TokenKey) -> str:
    parameters = []
    if key.service:
        parameters.append(("service", key.service))
    parameters.append(("scope", key.scope))
    if is_complete(key.credentials):
        parameters.append(("account", key.credentials.username))
    return _realm_url(key.realm, urlencode(parameters))


def _realm_url(realm: str, query: str = "") -> str:
    """Return the URL of a realm with a query behind its own, without a user."""
    url = urlsplit(realm)
    query = "&".join(part for part in (url.query, query) if part)
    return urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, query, ""))


def _host(realm: str) -> str:
    url = urlsplit(realm)
    return f"{(url.hostname or '').lower()}:{url.port or _DEFAULT_PORTS[url.scheme]}"


def _as_outage(failure: Failure) -> Failure:
    if failure.kind in _KINDS_KEPT:
        return failure
    return Failure(FailureKind.TRANSIENT, failure.message, failure.retry_after_s)


def _is_header_safe(token: str) -> bool:
    return len(token) <= MAX_TOKEN_LENGTH and token.isascii() and token.isprintable()
