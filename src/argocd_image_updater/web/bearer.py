"""Who may read: the bearer token of a request, reviewed by somebody who knows users and rights.

Answers are kept for a while, good ones longer than bad ones, by a keyed hash of the token: the
token itself is kept nowhere. Both memories are bounded, and so are the reviews at the same time. A
review that fails is no answer and is not kept.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ (bearer tokens).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOG = logging.getLogger(__name__)
_Value = TypeVar("_Value")
KNOWN_CALLER_S = 60.0
ALLOWED_S = 300.0
REFUSED_S = 30.0
_MAX_KEPT = 1024
_REVIEWS_AT_ONCE = 4
_REVIEW_S = 10.0


class ReviewsAccess(Protocol):
    """Knows users and rights; both methods raise UpdaterError where nobody can tell."""

    async def caller(self, token: str) -> Mapping[str, object] | None:
        """Return the user of a token (with ``username``), None for a token of nobody."""
        ...

    async def may_get(self, caller: Mapping[str, object], path: str) -> bool:
        """Return whether the user may read what is served at a path."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    text: str


class BearerGate:
    """Decides about requests to one path. monotonic: seconds."""

    def __init__(
        self,
        reviews: ReviewsAccess,
        *,
        path: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._path = path
        self._key = secrets.token_bytes(32)
        self._callers: _Kept[Mapping[str, object] | None] = _Kept(monotonic)
        self._rights: _Kept[bool] = _Kept(monotonic)
        self._turns = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def refusal(self, authorization: str) -> Refusal | None:
        """Judge the value of an Authorization header; None = go on."""
        token = _bearer(authorization)
        if not token:
            return Refusal(401, "Unauthorized\n")
        key = hashlib.blake2b(token.encode(), key=self._key, digest_size=32).digest()
        try:
            async with asyncio.timeout(_REVIEW_S):
                caller = await self._caller(key, token)
        except (UpdaterError, TimeoutError) as error:
            _warn("whose token a request brought", error)
            return Refusal(500, "Authentication failed\n")
        if caller is None:
            return Refusal(401, "Unauthorized\n")
        name = caller.get("username", "")
        try:
            async with asyncio.timeout(_REVIEW_S):
                may = await self._may(key, caller)
        except (UpdaterError, TimeoutError) as error:
            _warn(f"what {name} may do", error)
            return Refusal(500, f"Authorization for user {name} failed\n")
        return None if may else Refusal(403, f"Authorization denied for user {name}\n")

    async def _caller(self, key: bytes, token: str) -> Mapping[str, object] | None:
        if key not in self._callers:
            async with self._turns:
                if key not in self._callers:  # somebody else may have asked meanwhile
                    found = await self._reviews.caller(token)
                    self._callers.keep(key, found, for_s=KNOWN_CALLER_S if found else REFUSED_S)
                    return found
        return self._callers[key]

    async def _may(self, key: bytes, caller: Mapping[str, object]) -> bool:
        if key not in self._rights:
            async with self._turns:
                if key not in self._rights:
                    may = await self._reviews.may_get(caller, self._path)
                    self._rights.keep(key, may, for_s=ALLOWED_S if may else REFUSED_S)
                    return may
        return self._rights[key]


class _Kept(Generic[_Value]):
    """A bounded number of answers, each until its end."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._values: dict[bytes, tuple[_Value, float]] = {}

    def __contains__(self, key: bytes) -> bool:
        found = self._values.get(key)
        if found is not None and found[1] <= self._monotonic():
            del self._values[key]
            found = None
        return found is not None

    def __getitem__(self, key: bytes) -> _Value:
        return self._values[key][0]

    def keep(self, key: bytes, value: _Value, *, for_s: float) -> None:
        self._values.pop(key, None)
        while len(self._values) >= _MAX_KEPT:
            del self._values[next(iter(self._values))]
        self._values[key] = (value, self._monotonic() + for_s)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _warn(what: str, error: Exception) -> None:
    why = str(error) or f"no answer within {_REVIEW_S:.0f} s"
    _LOG.warning("metrics: the API server could not be asked %s: %s", what, why)
