"""What the forges share: which request is open, and what one may lack.

That is set where a forge does it, and told as a warning where it does not.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.pull_requests import PullRequestFacts
    from argocd_image_updater.git.forges.interface import Forge, Proposal
    from argocd_image_updater.git.forges.transport import ForgeClient

_SUCCESS = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}


async def attempt(
    client: ForgeClient,
    method: str,
    path: str,
    body: object,
    *,
    what: str,
    query: Mapping[str, str] | None = None,
) -> list[str]:
    """Change something that a request can do without; return the warning where it is refused."""
    try:
        answer = await client.send(method, path, body, query=query)
    except GitError as error:
        return [f"{what}: not set: {error}"]
    if answer.status in _SUCCESS:
        return []
    return [str(client.refused(answer, f"{what}: not set"))]


async def already_open(forge: Forge, proposal: Proposal) -> PullRequestFacts | None:
    """Return the request that is open for the branches of a proposal, if there is one."""
    found = await forge.find(heads=[proposal.head], base=proposal.base)
    return next((item for item in found if item.state is RequestState.OPEN), None)


def not_offered(forge: str, **wanted: object) -> list[str]:
    """Return a warning for each thing that is wanted and that no request of this forge has."""
    names = [name.replace("_", " ") for name, value in wanted.items() if value]
    return [f"{name}: not set, {forge} has none for pull requests" for name in names]


def newest(requests: Iterable[PullRequestFacts]) -> list[PullRequestFacts]:
    """Return each request once, the newest first: all open ones and a few of the others."""
    found = sorted({item.number: item for item in requests}.values(), key=lambda one: -one.number)
    ended = [item for item in found if item.state is not RequestState.OPEN]
    left_out = {item.number for item in ended[CLOSED_REQUESTS_READ:]}
    return [item for item in found if item.number not in left_out]
