"""What the API server's refusals mean: a ``Status`` object to one of the error families.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and the ``Status`` kind,
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.errors import (
    ConfigError,
    ConflictError,
    DeniedError,
    RemoteError,
    UpdaterError,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_RETRY_AFTER_S = 3600.0  # more is a mistake of the server


class Expired(RemoteError):
    """The version of the list is too old to go on from: list again."""


class Throttled(RemoteError):
    """The server did not begin with the request, because there are too many."""


class Unprocessable(RemoteError):
    """The change was understood and not accepted, for what it says or for what is there."""


class ObjectMissing(ConflictError):
    """There is no such object (any more)."""


class ObjectExists(ConflictError):
    """There is such an object already."""


class VersionMoved(ConflictError):
    """The object has another version than the change was made for.

    current: the object as it is now, None = gone.
    """

    def __init__(self, message: str, *, current: Mapping[str, Any] | None) -> None:
        super().__init__(message)
        self.current = current


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float | None = None


class Status(msgspec.Struct):
    """The parts of a ``Status`` that say what went wrong."""

    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str | None = ""
    details: _Details | None = None


def read_status(body: bytes) -> Status:
    """Return the Status of a body; an empty one where a proxy or a fault answered with others."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return Status()
    return status if status.kind == "Status" else Status()


def error_of(
    http_status: int,
    status: Status,
    *,
    about: str,
    identity: str,
    retry_after_s: float | None = None,
) -> UpdaterError:
    """Return the error of an answer; about: what was asked, identity: as whom."""
    code = status.code or http_status
    told = shorten(status.message or "") or _phrase(code)
    text = f"{about}: {told}"
    match code:
        case 401:
            return DeniedError(
                f"{about}: the API server refuses the credentials of {identity}",
                hint="renew the credentials",
            )
        case 403:
            return DeniedError(text, hint=f"grant it to {identity} by a Role and RoleBinding")
        case 404:
            return ObjectMissing(text)
        case 409 if status.reason == "AlreadyExists":
            return ObjectExists(text)
        case 409:
            return ConflictError(text)
        case 410:
            return Expired(text)
        case 422:
            return Unprocessable(text, temporary=False)
    asked_s = status.details.retry_after_seconds if status.details else None
    wait_s = retry_after_s if retry_after_s is not None else asked_s
    family = Throttled if code == HTTPStatus.TOO_MANY_REQUESTS else RemoteError
    return family(
        text,
        temporary=code in TRANSIENT_STATUSES,
        retry_after_s=None if wait_s is None else min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S),
    )


def kind_missing(about: str) -> ConfigError:
    """Return the error of a list of a kind that the cluster does not know."""
    return ConfigError(
        f"{about}: the cluster does not serve this kind; install its CustomResourceDefinition"
    )


def _phrase(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"status {code}"


def parse_retry_after(text: str) -> float | None:
    """Return the seconds of a ``Retry-After`` header; the API server sends whole seconds."""
    text = text.strip()
    return float(text[:9]) if text.isascii() and text.isdigit() else None
