"""The error families, split by what the caller should do.

UpdaterError
├─ ConfigError     the user must change something; never retried
├─ DeniedError     credentials or permissions; retried slowly; names the identity, never the secret
├─ RemoteError     the other side failed; ``temporary`` says whether trying again can help
├─ ConflictError   somebody else changed it: read again and plan again
└─ BugError        an invariant of ours broke

Leaves live beside the code that raises them. A message says what happened, where, and what to do;
it never holds a secret and never more than 256 characters of a foreign body.
"""

from __future__ import annotations

FOREIGN_TEXT_LIMIT = 256


def shorten(text: str, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Return foreign text on one line, cut to `limit` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def internal_fault(error: BaseException) -> str:
    """Return what to tell of an exception that nobody foresaw: its kind and where it was raised.

    Its own text stays out: nobody knows what it holds.
    """
    place, trace = "an unknown place", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    told = str(error) if isinstance(error, BugError) else type(error).__name__
    return f"internal error at {place}: {shorten(told)}; please report it with the manifests"


class UpdaterError(Exception):
    """Base of every error that this product raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(UpdaterError):
    """The configuration is wrong; the user must change it."""


class DeniedError(UpdaterError):
    """Credentials or permissions were refused."""


class RemoteError(UpdaterError):
    """The other side failed.

    temporary: trying again later can help.
    retry_after_s: seconds the other side asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        temporary: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.temporary = temporary
        self.retry_after_s = retry_after_s


class ConflictError(UpdaterError):
    """Somebody else changed the object or branch in between."""


class BugError(UpdaterError):
    """An invariant of this program broke."""
