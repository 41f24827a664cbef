"""Patterns of repositories: which part of a registry a setting is for.

A pattern is the path of a repository or of a folder of them; a ``*`` in it stands for any text
without a slash. It matches whole components from the front, so ``team-a`` is for ``team-a`` and all
below it, and not for ``team-ab``. Of several that match the longest wins: the one with more
components, then with more plain characters; the order in the file never matters.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LENGTH = 255  # as a repository
_WILDCARD = "*"
_ALLOWED = re.compile(r"[a-z0-9._*-]+(?:/[a-z0-9._*-]+)*")


@dataclass(frozen=True, slots=True)
class RepositoryPattern:
    """One checked pattern."""

    text: str

    def __str__(self) -> str:
        return self.text

    def matches(self, repository: str) -> bool:
        """Tell whether a repository is meant."""
        wanted, components = self.text.split("/"), repository.split("/")
        # no character of a pattern but * means anything to fnmatch
        return len(wanted) <= len(components) and all(map(fnmatchcase, components, wanted))

    @property
    def rank(self) -> tuple[int, int, str]:
        """What the longest pattern has most of; the text only makes it unambiguous."""
        plain = self.text.replace(_WILDCARD, "")
        return self.text.count("/"), len(plain), self.text


def parse_pattern(text: str) -> RepositoryPattern:
    """Return the pattern; raise ValueError where it could match no repository."""
    if len(text) > MAX_LENGTH or not _ALLOWED.fullmatch(text):
        raise ValueError(
            "must be the path of repositories in lower case, such as team-a or team-*/web"
        )
    return RepositoryPattern(text)


def best_pattern(
    patterns: Iterable[RepositoryPattern], repository: str
) -> RepositoryPattern | None:
    """Return the longest pattern that matches, None where none does."""
    matching = [pattern for pattern in patterns if pattern.matches(repository)]
    return max(matching, key=lambda pattern: pattern.rank, default=None)
