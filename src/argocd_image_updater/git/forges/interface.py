"""What every forge can do with pull and merge requests, in one vocabulary.

A forge is told in plain values; a fault of it is a GitError, like one of its repositories. Nothing
is remembered here: what is open, merged or closed is asked of the forge each time.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestText

CLOSED_REQUESTS_READ = 20  # of one branch into one base; the newest say what people want


@dataclass(frozen=True, slots=True)
class Proposal:
    """A request as it should be; branches are short names."""

    head: str
    base: str
    text: RequestText
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    auto_merge: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """A request that is there now, and what of it could not be set (labels, reviewers …)."""

    request: PullRequestFacts
    warnings: tuple[str, ...] = ()


class Forge(Protocol):
    """One repository at one forge. Every method raises GitError where the forge does not do it."""

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests into `base` from the branches `heads` of the same repository.

        In any state, the newest first for each branch; every open one, and at most
        `CLOSED_REQUESTS_READ` others for each. A branch need not exist any more.
        """
        ...

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request; where one is open for this head and base already, return that one."""
        ...

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request the text of a proposal, and labels that it lacks; remove nothing."""
        ...

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Say why, and close the request without merging it."""
        ...
