"""Read what an answer of a registry or token service means: good, or which kind of failure.

Statuses 200 to 399 are good. Otherwise: 1. 401 and 403 are refusals, whatever the body says, and so
are the error codes ``UNAUTHORIZED`` and ``DENIED`` with an explanation under another 4xx status;
2. 429, or the code ``TOOMANYREQUESTS``, asks to slow down, and so does 503 with a longer
``Retry-After`` than is worth waiting; 3. 408, 425 and 5xx may pass; 4. 404
and 410 mean that it does not exist; 5. anything else will stay as it is. The body is only read for
the message. Source: the error format of the OCI distribution specification 1.1; cases:
tests/vectors/data/registry_http_flow.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.media_types import essence
from argocd_image_updater.registry.retry import POLICY, TOO_MANY_REQUESTS, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.registry.transport import Response

UNAUTHORIZED = 401
NOT_FOUND = 404
MAX_ERRORS_SHOWN = 3

_FIRST_ERROR = 400
_FIRST_SERVER_ERROR = 500
_UNAVAILABLE = 503
_JSON_TYPES = frozenset({"application/json", "application/vnd.api+json"})
_KIND_OF_STATUS = {
    401: FailureKind.DENIED,
    403: FailureKind.DENIED,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TRANSIENT,
    410: FailureKind.NOT_FOUND,
    425: FailureKind.TRANSIENT,
    TOO_MANY_REQUESTS: FailureKind.RATE_LIMITED,
}
_STANDARD_MESSAGES = {
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
}


def is_good(response: Response) -> bool:
    """Tell whether the status is one of success."""
    return 200 <= response.status < _FIRST_ERROR  # noqa: PLR2004 - the class of success


def read_failure(response: Response, *, subject: str, unix_now: float = 0.0) -> Failure:
    """Return what a failed answer means. subject: what was asked of whom, for the message."""
    errors = _read_errors(response)
    text = _error_text(errors) or _plain_text(response)
    message = f"{subject}: status {response.status}" + (f" ({text})" if text else "")
    retry_after_s = parse_retry_after(response.header("Retry-After"), unix_now=unix_now)
    kind = _kind(response.status, errors)
    if response.status == _UNAVAILABLE and (retry_after_s or 0.0) > POLICY.deadline_s:
        kind = FailureKind.RATE_LIMITED  # as what is asked from now on until then
    return Failure(kind, message, retry_after_s)


def _kind(status: int, errors: Sequence[dict[str, Any]]) -> FailureKind:
    if status >= _FIRST_SERVER_ERROR:
        return FailureKind.TRANSIENT
    if any(error.get("code") == "TOOMANYREQUESTS" for error in errors):
        return FailureKind.RATE_LIMITED
    if any(_is_refusal(error) for error in errors):
        return FailureKind.DENIED
    return _KIND_OF_STATUS.get(status, FailureKind.UNUSABLE)


def _is_refusal(error: dict[str, Any]) -> bool:
    standard = _STANDARD_MESSAGES.get(str(error.get("code")))
    if standard is None:
        return False
    return error.get("detail") is not None or error.get("message", "") not in {"", standard}


def _read_errors(response: Response) -> list[dict[str, Any]]:
    """Return the entries of an error list; a ``details`` text is read as one without a code."""
    if essence(response.header("Content-Type")) not in _JSON_TYPES:
        return []
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return []
    if not isinstance(document, dict):
        return []
    details, errors = document.get("details"), document.get("errors")
    if isinstance(details, str) and details:
        return [{"message": details}]
    entries = errors if isinstance(errors, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _error_text(errors: Sequence[dict[str, Any]]) -> str:
    shown = (
        " ".join(str(error[key]) for key in ("code", "message") if error.get(key))
        for error in errors[:MAX_ERRORS_SHOWN]
    )
    return shorten("; ".join(text for text in shown if text))


def _plain_text(response: Response) -> str:
    if essence(response.header("Content-Type")) != "text/plain":
        return ""
    return shorten(response.body.decode("utf-8", "replace"))
