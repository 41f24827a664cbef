"""Tag filters: which tags of a repository may be chosen at all.

``allowTags`` is nothing, ``any`` or ``regexp:<expression>``; whatever else allows no tag.
``ignoreTags`` is a list of globs; a malformed one ignores nothing. A filter is built once per text
and never fails: what is wrong with it stands in the value.

Expressions are RE2's (linear time), found anywhere in the tag.
Source of the rules: https://github.com/google/re2/wiki/Syntax, docs/filters.md,
tests/vectors/data/allow_tags.json, tests/vectors/data/tag_glob.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from argocd_image_updater.core.expressions import (
    ExpressionError,
    compile_expression,
    encode_text,
)
from argocd_image_updater.core.globs import Glob, MalformedGlob, compile_glob
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

_CACHED_FILTERS = 1024


@dataclass(frozen=True, slots=True)
class AllowTags:
    """A parsed ``allowTags``.

    kind: ``any`` every tag, ``regexp`` by expression, ``none`` no tag since the text is invalid.
    error: what is wrong and what to write, empty where the text is valid.
    """

    text: str
    kind: Literal["any", "none", "regexp"]
    error: str = ""
    expression: Any = field(default=None, compare=False, repr=False)

    @property
    def valid(self) -> bool:
        return self.kind != "none"

    def allows(self, tag: str) -> bool:
        """Say whether the tag may be chosen as far as this filter goes."""
        if self.kind == "regexp":
            return self.expression.search(encode_text(tag)) is not None
        return self.kind == "any"


@dataclass(frozen=True, slots=True)
class IgnoreTags:
    """A parsed ``ignoreTags``; malformed: the patterns that could not be read."""

    globs: tuple[Glob, ...] = ()
    malformed: tuple[str, ...] = ()

    def ignores(self, tag: str) -> bool:
        """Say whether one of the patterns covers the tag."""
        return any(glob.matches(tag) for glob in self.globs)

    def pattern_for(self, tag: str) -> str:
        """Return the first pattern that covers the tag, or nothing."""
        return next((glob.pattern for glob in self.globs if glob.matches(tag)), "")


@lru_cache(maxsize=_CACHED_FILTERS)
def parse_allow_tags(text: str) -> AllowTags:
    """Parse ``allowTags`` as written; it is not trimmed here."""
    if not text or text.lower() == "any":
        return AllowTags(text, "any")
    keyword, colon, expression = text.partition(":")
    if not colon or keyword.lower() != "regexp":
        return AllowTags(
            text,
            "none",
            f"allowTags {shorten(repr(text))} is not understood and allows no tag: "
            "write regexp:<expression>, or any",
        )
    if not expression:
        return AllowTags(text, "any")
    return _compile(text, expression)


@lru_cache(maxsize=_CACHED_FILTERS)
def _parse_ignore_tags(patterns: tuple[str, ...]) -> IgnoreTags:
    globs: list[Glob] = []
    malformed: list[str] = []
    for pattern in dict.fromkeys(patterns):
        try:
            globs.append(compile_glob(pattern))
        except MalformedGlob:
            malformed.append(pattern)
    return IgnoreTags(tuple(globs), tuple(malformed))


def parse_ignore_tags(patterns: Sequence[str]) -> IgnoreTags:
    """Parse ``ignoreTags``; patterns are not trimmed here."""
    return _parse_ignore_tags(tuple(patterns))


def _compile(text: str, expression: str) -> AllowTags:
    try:
        compiled = compile_expression(expression)
    except ExpressionError as error:
        about = f"allowTags {shorten(repr(text))} does not compile and allows no tag"
        return AllowTags(text, "none", f"{about}: {error}")
    return AllowTags(text, "regexp", expression=compiled)
