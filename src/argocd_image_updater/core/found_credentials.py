"""Credentials that were found for an image that names none itself, as a part of its settings.

They are a part of whom a question is asked as (`core/facts.py`), so that what one Application's
credentials showed is told to nobody who has not found the same ones. Described in
docs/credentials.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.facts import RepositoryKey
    from argocd_image_updater.core.settings import Problem


class Finder(StrEnum):
    """What credentials were found by."""

    WORKLOAD = "workload"  # a pull secret of the destination's ServiceAccount
    ARGOCD = "argocd"  # a repository Secret of Argo CD


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """What became of the search.

    finder, secret: None = nothing was found, and the next source decides. problem: the search
    failed, so nobody may be asked. note: what was found, or why nothing was, for people.
    """

    finder: Finder | None = None
    secret: ObjectKey | None = None
    problem: Problem | None = None
    note: str = ""

    def asked_as(self, repository: RepositoryKey) -> RepositoryKey | Problem:
        """Return the repository as the identity that was found sees it."""
        if self.problem is not None:
            return self.problem
        if self.finder is None or self.secret is None:
            return repository
        return replace(
            repository,
            credentials=str(self.secret),
            namespace=self.secret.namespace,
            found_by=self.finder.value,
        )
