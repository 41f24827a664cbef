"""What to do about a pull request: from what is due, what the forge tells and what branches hold.

A request carries a marker in its text: which changes it proposes, and the two commits it was made
of. So the forge itself is the memory: whatever is restarted or lost, a request that a person closed
is known as declined, and a branch that somebody else has pushed to is known as theirs.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argocd_image_updater.core.decisions import Change

BRANCH_PREFIX = "image-updater-"
# Whatever hides it: forges keep comments in different forms, and editors put their own around them.
_MARKER = re.compile(
    r"argocd-image-updater changes=([0-9a-f]{64}) base=([0-9a-f]{40,64}) "
    r"head=([0-9a-f]{40,64})( shared)?"
)
_SHORTEST_COMMIT = 12  # digits; Bitbucket Cloud tells no more
SUPERSEDED = "argocd-image-updater superseded"
# What GitHub accepts, and others no less unless they say so.
BODY_CHARACTERS = 65_536


class RequestState(StrEnum):
    """What became of a request."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"  # without being merged


@dataclass(frozen=True, slots=True)
class PullRequestFacts:
    """A pull or merge request as its forge tells it.

    number: the one people use. head, base: short names of branches. head_commit: empty where the
    forge does not say, and only its beginning at some.
    """

    number: int
    url: str
    head: str
    base: str
    title: str
    body: str
    state: RequestState
    labels: tuple[str, ...] = ()
    head_commit: str = ""
    draft: bool = False


@dataclass(frozen=True, slots=True)
class RequestText:
    """Title (one line) and body (Markdown) of a request."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class TextForm:
    """What a forge takes as the text of a request.

    body_characters: in UTF-16, as most count. html: its Markdown knows HTML; elsewhere tags and
    comments would be shown as they are written.
    """

    body_characters: int = BODY_CHARACTERS
    html: bool = True


def hidden(text: str, form: TextForm) -> str:
    """Return a line that holds `text` and shows nothing: a comment, or a link that nobody uses."""
    return f"<!-- {text} -->" if form.html else f"[//]: # ({text})"


@dataclass(frozen=True, slots=True)
class Marker:
    """What a request says of itself: hash of its changes, and the commits it was made of.

    shared: the branch holds commits of others, so it is never made anew.
    """

    changes: str
    base: str
    head: str
    shared: bool = False

    def __str__(self) -> str:
        shared = " shared" if self.shared else ""
        return (
            f"argocd-image-updater changes={self.changes} base={self.base} head={self.head}{shared}"
        )


def read_marker(body: str) -> Marker | None:
    """Return the marker in a request's text; None where a person has removed it."""
    found = _MARKER.findall(body)
    if not found:
        return None
    changes, base, head, shared = found[-1]
    return Marker(changes, base, head, shared=bool(shared))


def changes_hash(changes: Iterable[Change]) -> str:
    """Return the hash of what is proposed: the new value of each image, whatever ran before."""
    values = sorted({f"{change.image}={change.new.text}" for change in changes})
    return hashlib.sha256("\n".join(values).encode()).hexdigest()


class Action(Enum):
    """What to do about a request."""

    PROPOSE = auto()  # push the branch, then open or update the request
    LEAVE = auto()  # it is open and says exactly this
    HOLD = auto()  # a person closed exactly this


@dataclass(frozen=True, slots=True)
class Branches:
    """The commits of the branches now; head is empty where that branch is not there."""

    base: str
    head: str


@dataclass(frozen=True, slots=True)
class Course:
    """The decision about one target.

    request: the open one to update, the one to leave, or the one that was closed. rebuild: the
    branch holds nothing of anybody else, so it is made anew from the base; otherwise changes go on
    top of what is there. superseded: open ones that this one replaces.
    """

    action: Action
    request: PullRequestFacts | None = None
    rebuild: bool = False
    superseded: tuple[PullRequestFacts, ...] = ()


def head_branch(target_key: str, changes: str, *, per_version: bool) -> str:
    """Return the name of the branch of a request."""
    name = f"{BRANCH_PREFIX}{target_key}"
    return f"{name}-{changes}" if per_version else name


def belongs_to(head: str, target_key: str) -> bool:
    """Whether a branch is one of those that requests for a target have, of either naming."""
    name = f"{BRANCH_PREFIX}{target_key}"
    return head == name or head.startswith(f"{name}-")


def decide_request(
    found: Sequence[PullRequestFacts],
    *,
    target_key: str,
    head: str,
    changes: str,
    branches: Branches,
    pushed: str = "",
) -> Course:
    """Decide what to do for the changes that are due at one target.

    found: requests of the forge into the base. head: the branch to use. changes: their hash.
    pushed: a commit of that branch that the forge was not told of yet.
    """
    ours = [item for item in found if belongs_to(item.head, target_key)]
    opened = [item for item in ours if item.state is RequestState.OPEN]
    current = next((item for item in opened if item.head == head), None)
    superseded = tuple(item for item in opened if item is not current)
    if current is None:
        if declined := _declined(ours, changes):
            return Course(Action.HOLD, declined)
        ended = [item.head_commit for item in ours if item.state is not RequestState.OPEN]
        is_ended = any(_names(commit, branches.head) for commit in ended)
        rebuild = is_ended or branches.head in {"", pushed}
        return Course(Action.PROPOSE, None, rebuild=rebuild, superseded=superseded)
    marker = read_marker(current.body)
    is_same = marker is not None and (marker.changes, marker.base, marker.head) == (
        changes,
        branches.base,
        branches.head,
    )
    if is_same and not superseded:
        return Course(Action.LEAVE, current)
    is_own = marker is not None and marker.head == branches.head and not marker.shared
    rebuild = is_own or branches.head in {"", pushed}
    return Course(Action.PROPOSE, current, rebuild=rebuild, superseded=superseded)


def _names(told: str, commit: str) -> bool:
    """Whether a forge tells this commit, be it by its beginning alone."""
    return len(told) >= _SHORTEST_COMMIT and commit.startswith(told)


def _declined(ours: Sequence[PullRequestFacts], changes: str) -> PullRequestFacts | None:
    """Return the request that a person closed although it proposed exactly this."""
    for item in ours:
        marker = read_marker(item.body)
        is_declined = item.state is RequestState.CLOSED and SUPERSEDED not in item.body
        if is_declined and marker is not None and marker.changes == changes:
            return item
    return None
