"""Identities that must have signed: whose certificate counts, and who must have vouched for it.

Rules: 1. name and issuer must both fit, so that no other issuer can hand out the same name; 2. a
text is compared letter by letter, an expression must match the **whole** name or issuer, so that
``https://example.com/.*`` is not found within another address; 3. expressions are RE2's.
Source: docs/verification.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.expressions import (
    ExpressionError,
    compile_expression,
    encode_text,
)
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_IDENTITIES = 10  # a build and some reviewers
MAX_IDENTITY_LENGTH = 1024  # the address of a workflow has some 150 characters


@dataclass(frozen=True, slots=True)
class KeylessIdentity:
    """Who must have signed; one of each pair is set, the other is empty."""

    identity: str = ""
    identity_expression: str = ""
    issuer: str = ""
    issuer_expression: str = ""

    @property
    def text(self) -> str:
        """The identity as people read it; expressions between slashes."""
        name = self.identity or f"/{self.identity_expression}/"
        return f"{name} of {self.issuer or f'/{self.issuer_expression}/'}"

    def fault(self) -> str:
        """Return why this can fit nobody, or nothing."""
        for name, text, expression in (
            ("identity", self.identity, self.identity_expression),
            ("issuer", self.issuer, self.issuer_expression),
        ):
            if bool(text) is bool(expression):
                return f"needs either {name} or {name}RegExp"
            try:
                compile_expression(expression)
            except ExpressionError as error:
                return f"{name}RegExp {shorten(repr(expression))} does not compile: {error}"
        return ""

    def fits(self, names: Iterable[str], issuer: str) -> bool:
        """Tell whether a certificate with these names by this issuer is the wanted one."""
        if self.fault() or not _fits(issuer, self.issuer, self.issuer_expression):
            return False
        return any(_fits(name, self.identity, self.identity_expression) for name in names)


def _fits(found: str, text: str, expression: str) -> bool:
    if text:
        return found == text
    return compile_expression(expression).fullmatch(encode_text(found)) is not None
