"""Merge requests at GitLab, by the REST API v4.

Source of the rules: https://docs.gitlab.com/api/merge_requests/,
https://docs.gitlab.com/api/rest/authentication/, docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records, settled
from argocd_image_updater.git.forges.extras import already_open
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, path_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeClient

# User names beside which the password is an OAuth or job token: those go into another header.
_BEARER_USERS = {"oauth2"}
_JOB_USER = "gitlab-ci-token"
_DRAFT = "Draft: "
PAGE = 50
PAGES = 20
# While GitLab looks at a new request: asked then, it would merge without a pipeline, or refuse.
_UNSETTLED = {"unchecked", "checking", "preparing", "approvals_syncing"}
# Until its pipeline is there a request is refused with 405: six seconds in all.
MERGE_ATTEMPTS = 4
MERGE_PAUSE_S = 1.0
_STATES = {
    "opened": RequestState.OPEN,
    "locked": RequestState.OPEN,  # while it is being merged
    "merged": RequestState.MERGED,
    "closed": RequestState.CLOSED,
}


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API, which is at the host of the repository."""
    credential = connection.credential
    if credential.username in _BEARER_USERS:
        headers = {"Authorization": f"Bearer {credential.password}"}
    elif credential.username == _JOB_USER:
        headers = {"JOB-TOKEN": credential.password}
    else:
        headers = {"PRIVATE-TOKEN": credential.password}
    return ForgeAddress(f"{address_of(connection)}/api/v4", headers)


class GitLab:
    """One project at GitLab."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        parts = path_parts(connection, least=2, form="https://HOST/GROUP/PROJECT")
        self._root = f"/projects/{quote('/'.join(parts), safe='')}/merge_requests"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        return tuple([item for head in heads for item in await self._requests_of(head, base)])

    async def _requests_of(self, head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests of one branch; pages may be full of those of forks."""
        found: list[PullRequestFacts] = []
        query = {"source_branch": head, "target_branch": base, "state": "all"}
        query |= {"order_by": "created_at", "sort": "desc", "per_page": str(PAGE)}
        for page in range(1, PAGES + 1):
            answer = await self._client.get(self._root, {**query, "page": str(page)})
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "the merge requests could not be listed")
            items = records(self._client, answer.content)
            found += self._ours(items, head, base)
            if len(items) < PAGE or len(found) >= CLOSED_REQUESTS_READ:
                return found[:CLOSED_REQUESTS_READ]
        text = f"more than {PAGES * PAGE} merge requests of forks have the branch {head}"
        raise self._client.fault(text, FailureKind.UNUSABLE)

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request, or return the one that is open already."""
        assignees, warnings = await self._ids(proposal.assignees)
        reviewers, more = await self._ids(proposal.reviewers)
        body: dict[str, object] = {
            "source_branch": proposal.head,
            "target_branch": proposal.base,
            "title": _title(proposal, is_draft=proposal.draft),
            "description": proposal.text.body,
            "labels": ",".join(proposal.labels),
            "assignee_ids": assignees,
            "reviewer_ids": reviewers,
        }
        answer = await self._client.send("POST", self._root, body)
        exists = answer.status == HTTPStatus.CONFLICT
        if exists and (opened := await already_open(self, proposal)):
            return await self.update(opened, proposal)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, "the merge request could not be opened")
        request = self._read(answer.content)
        warnings = [*warnings, *more]
        if proposal.auto_merge:
            warnings += await self._merge_automatically(request)
        return Proposed(request, tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text, and the labels that it lacks."""
        body = {
            "title": _title(proposal, is_draft=request.draft),
            "description": proposal.text.body,
            "add_labels": ",".join(proposal.labels),
        }
        answer = await self._client.send("PUT", f"{self._root}/{request.number}", body)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        return Proposed(self._read(answer.content))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and close it."""
        path = f"{self._root}/{request.number}"
        answer = await self._client.send("POST", f"{path}/notes", {"body": comment})
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        answer = await self._client.send("PUT", path, {"state_event": "close"})
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be closed")

    async def _ids(self, names: Sequence[str]) -> tuple[list[int], list[str]]:
        """Return the numbers of people, and a warning for each who is not known."""
        found: list[int] = []
        warnings: list[str] = []
        for name in names:
            try:
                answer = await self._client.get(f"/users?{urlencode({'username': name})}")
                known = records(self._client, answer.content)
                with reading(self._client):
                    found += [int(item["id"]) for item in known[:1]]
            except GitError as error:
                warnings.append(f"{name} could not be looked up: {error}")
                continue
            if not known:
                warnings.append(f"there is no user {name}: nobody was asked in their place")
        return found, warnings

    async def _merge_automatically(self, request: PullRequestFacts) -> list[str]:
        """Have the request merged when its pipeline succeeds.

        `auto_merge` is the name since GitLab 17.11; the other one is understood before.
        """
        path = f"{self._root}/{request.number}"
        body = {
            "auto_merge": True,
            "merge_when_pipeline_succeeds": True,
            "sha": request.head_commit,
        }
        try:
            await settled(self._client, path, _is_settled)
            for attempt in range(MERGE_ATTEMPTS):
                await self._client.pause(attempt * MERGE_PAUSE_S)
                answer = await self._client.send("PUT", f"{path}/merge", body)
                if answer.status != HTTPStatus.METHOD_NOT_ALLOWED:
                    break
        except GitError as error:
            return [f"automatic merge was not set: {error}"]
        if answer.status == HTTPStatus.OK:
            return []
        return [str(self._client.refused(answer, "automatic merge was not set"))]

    def _ours(self, items: list[Any], head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests whose branch is one of this project, and no fork's."""
        found = []
        for item in items:
            request = self._read(item)
            with reading(self._client):
                is_own = item.get("source_project_id") == item.get("target_project_id")
            if is_own and (request.head, request.base) == (head, base):
                found.append(request)
        return found

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            is_draft = bool(content.get("draft") or content.get("work_in_progress"))
            title = str(content["title"])
            return PullRequestFacts(
                number=int(content["iid"]),
                url=str(content["web_url"]),
                head=str(content["source_branch"]),
                base=str(content["target_branch"]),
                title=title.removeprefix(_DRAFT) if is_draft else title,
                body=str(content["description"] or ""),
                state=_STATES[content["state"]],
                labels=tuple(map(str, content.get("labels") or ())),
                head_commit=str(content.get("sha") or ""),
                draft=is_draft,
            )


def _is_settled(content: Any) -> bool:
    """Whether GitLab has looked at a request; versions before 15.6 know the shorter status."""
    status = content.get("detailed_merge_status") or content.get("merge_status")
    return status not in _UNSETTLED


def _title(proposal: Proposal, *, is_draft: bool) -> str:
    """Return the title; a draft is one by its title."""
    return f"{_DRAFT}{proposal.text.title}" if is_draft else proposal.text.title


GITLAB = ForgeKind("GitLab", place, GitLab)
