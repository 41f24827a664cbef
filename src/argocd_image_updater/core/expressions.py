"""Regular expressions that users write: RE2's, in linear time and bounded memory.

What Go's edition of RE2 refuses is refused here too. Source of the syntax:
https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from argocd_image_updater.errors import shorten

_CACHED_EXPRESSIONS = 1024
_MEMORY_BYTES = 16 * 2**20  # for one expression: program and automaton together


class ExpressionError(ValueError):
    """The expression does not compile. The message says why."""


@lru_cache(maxsize=_CACHED_EXPRESSIONS)
def compile_expression(expression: str) -> Any:
    """Return the compiled expression, which searches in bytes (`encode_text`).

    Raises:
        ExpressionError: it does not compile.
    """
    import re2  # noqa: PLC0415 - a native library that only expressions need

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        if _names_single_byte(expression):
            raise re2.error("invalid escape sequence: \\C")
        return re2.compile(encode_text(expression), options)
    except re2.error as error:
        hint = "the syntax is RE2's (no look-around, no back-references)"
        raise ExpressionError(f"{_error_text(error)}; {hint}") from error


def encode_text(text: str) -> bytes:
    """Return a text as expressions search in it."""
    return text.encode("utf-8", "replace")


def _names_single_byte(expression: str) -> bool:
    r"""Say whether ``\C`` stands outside ``\Q…\E``: RE2 accepts it, Go's RE2 does not."""
    position = expression.find("\\")
    while position >= 0:
        escaped = expression[position + 1 : position + 2]
        if escaped == "C":
            return True
        position += 2
        if escaped == "Q":
            position = expression.find("\\E", position)
            if position < 0:
                return False
            position += 2
        position = expression.find("\\", position)
    return False


def _error_text(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
    return shorten(text)
