"""Pull requests at Azure DevOps Services and Server, by the REST API 5.1.

A list tells but the beginning of a description, so a longer one is read with its request. Automatic
completion belongs to an identity: to the one that opened the request.

Source of the rules: https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests,
docs/pull-requests.md.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState, TextForm
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records
from argocd_image_updater.git.forges.azure_identities import Identities
from argocd_image_updater.git.forges.extras import already_open, attempt, newest, not_offered
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, authorization, path_parts
from argocd_image_updater.git.forges.transport import PAGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeClient

NAME = "Azure DevOps"
BODY_CHARACTERS = 4000
TOLD_CHARACTERS = 400  # of a description, by a list
PAGE = 100
ENDED_PAGES = 5
_FORM = "https://HOST/…/PROJECT/_git/REPOSITORY"
_CLOUD = "dev.azure.com"
_OLD_CLOUD = ".visualstudio.com"
_COLLECTION = "defaultcollection"
_SERVER = "tfs"  # the path below which a server is, unless it is configured otherwise
_BRANCH = "refs/heads/"
_VERSION = {"api-version": "5.1"}
_PREVIEW = {"api-version": "5.1-preview.1"}
_EXISTS = re.compile(r"TF401179|PullRequestExistsException")
_STATES = {
    "active": RequestState.OPEN,
    "completed": RequestState.MERGED,
    "abandoned": RequestState.CLOSED,
}


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API, which is that of the organization or collection."""
    above, _, _ = _parts(connection)
    below = "".join(f"/{quote(part, safe='')}" for part in above)
    headers = {
        "Authorization": authorization(connection),
        "X-TFS-FedAuthRedirect": "Suppress",  # 401 in place of a way to a page for people
    }
    return ForgeAddress(f"{address_of(connection)}{below}", headers)


class AzureDevOps:
    """One repository at Azure DevOps."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        _, project, name = _parts(connection)
        self._shown = connection.url.shown
        self._identities = Identities(client, project)
        project, name = quote(project, safe=""), quote(name, safe="")
        self._root = f"/{project}/_apis/git/repositories/{name}/pullrequests"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        found: list[PullRequestFacts] = []
        for head in heads:
            ours: list[PullRequestFacts] = []
            async for items in self._pages(head, base, "active", PAGE_LIMIT):
                ours += self._ours(items, head, base)
            async for items in self._pages(head, base, "all", ENDED_PAGES):
                ours += self._ours(items, head, base)
                if len(ours) >= CLOSED_REQUESTS_READ:
                    break
            found += [await self._complete(item) for item in newest(ours)]
        return tuple(found)

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request, or return the one that is open already."""
        body = {
            "sourceRefName": _BRANCH + proposal.head,
            "targetRefName": _BRANCH + proposal.base,
            "title": proposal.text.title,
            "description": proposal.text.body,
            "isDraft": proposal.draft,
        }
        answer = await self._client.send("POST", self._root, body, query=_VERSION)
        exists = answer.status == HTTPStatus.CONFLICT and _EXISTS.search(str(answer.content))
        if exists and (opened := await already_open(self, proposal)):
            return await self.update(opened, proposal)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise self._client.refused(answer, "the pull request could not be opened")
        request = self._read(answer.content)
        warnings = await self._label(request, proposal.labels)
        warnings += await self._ask_reviewers(request, proposal.reviewers)
        warnings += not_offered(NAME, assignees=proposal.assignees)
        if proposal.auto_merge:
            warnings += await self._complete_automatically(request, answer.content)
        return Proposed(request, tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text, and the labels that it lacks."""
        body = {"title": proposal.text.title, "description": proposal.text.body}
        answer = await self._client.send("PATCH", self._path(request), body, query=_VERSION)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        changed = self._read(answer.content)
        known = {*request.labels, *changed.labels}
        missing = [name for name in proposal.labels if name not in known]
        return Proposed(changed, tuple(await self._label(changed, missing)))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and abandon it."""
        said = {"parentCommentId": 0, "content": comment, "commentType": "text"}
        body: dict[str, object] = {"comments": [said], "status": "closed"}
        path = f"{self._path(request)}/threads"
        answer = await self._client.send("POST", path, body, query=_VERSION)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        body = {"status": "abandoned"}
        answer = await self._client.send("PATCH", self._path(request), body, query=_VERSION)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be abandoned")

    async def _pages(
        self, head: str, base: str, status: str, most: int
    ) -> AsyncIterator[list[Any]]:
        """Yield the pages of requests between two branches; active ones completely."""
        query = {
            "searchCriteria.sourceRefName": _BRANCH + head,
            "searchCriteria.targetRefName": _BRANCH + base,
            "searchCriteria.status": status,
            "$top": str(PAGE),
            **_VERSION,
        }
        for page in range(most):
            query["$skip"] = str(page * PAGE)
            answer = await self._client.get(self._root, query)
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "the pull requests could not be listed")
            with reading(self._client):
                items = records(self._client, answer.content["value"])
            yield items
            if len(items) < PAGE:
                return
        if status == "active":
            text = f"more than {most * PAGE} pull requests of {head} are active"
            raise self._client.fault(text, FailureKind.UNUSABLE)

    async def _complete(self, request: PullRequestFacts) -> PullRequestFacts:
        """Return a request with the whole of its description."""
        if len(request.body) < TOLD_CHARACTERS // 2:  # characters there may count twice
            return request
        answer = await self._client.get(self._path(request), _VERSION)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be read")
        return self._read(answer.content)

    async def _label(self, request: PullRequestFacts, labels: Sequence[str]) -> list[str]:
        path = f"{self._path(request)}/labels"
        warnings: list[str] = []
        for name in labels:
            warnings += await attempt(
                self._client, "POST", path, {"name": name}, what=f"label {name}", query=_PREVIEW
            )
        return warnings

    async def _ask_reviewers(self, request: PullRequestFacts, names: Sequence[str]) -> list[str]:
        found, warnings = await self._identities.find(names)
        for name, identity in found.items():
            path = f"{self._path(request)}/reviewers/{quote(identity, safe='')}"
            body = {"vote": 0}
            warnings += await attempt(
                self._client, "PUT", path, body, what=f"reviewer {name}", query=_VERSION
            )
        return warnings

    async def _complete_automatically(self, request: PullRequestFacts, content: Any) -> list[str]:
        """Have the request completed when all policies are met."""
        with reading(self._client):
            body = {"autoCompleteSetBy": {"id": str(content["createdBy"]["id"])}}
        path = self._path(request)
        what = "automatic completion"
        return await attempt(self._client, "PATCH", path, body, what=what, query=_VERSION)

    def _path(self, request: PullRequestFacts) -> str:
        return f"{self._root}/{request.number}"

    def _ours(self, items: list[Any], head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests of a page whose branch is one of this repository, and no fork's."""
        found = []
        for item in items:
            request = self._read(item)
            with reading(self._client):
                is_own = not item.get("forkSource")
            if is_own and (request.head, request.base) == (head, base):
                found.append(request)
        return found

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            number = int(content["pullRequestId"])
            labels = (label for label in content.get("labels") or () if label.get("active", True))
            return PullRequestFacts(
                number=number,
                url=f"{self._shown}/pullrequest/{number}",
                head=str(content["sourceRefName"]).removeprefix(_BRANCH),
                base=str(content["targetRefName"]).removeprefix(_BRANCH),
                title=str(content["title"]),
                body=str(content.get("description") or ""),
                state=_STATES[content["status"]],
                labels=tuple(str(label["name"]) for label in labels),
                head_commit=str((content.get("lastMergeSourceCommit") or {}).get("commitId") or ""),
                draft=bool(content.get("isDraft")),
            )


def _parts(connection: Connection) -> tuple[list[str], str, str]:
    """Return the path of the organization or collection, the project and the repository.

    A repository that has the name of its project has a URL without the project too.
    """
    parts = path_parts(connection, least=2, form=_FORM, suffix="")
    *above, marker, name = parts
    if marker != "_git":
        raise GitError(FailureKind.CONFIG, f"{connection.url.shown} is not of the form {_FORM}")
    host = urlsplit(address_of(connection)).hostname or ""
    if host.endswith(_OLD_CLOUD):
        is_short = [part.lower() for part in above] in ([], [_COLLECTION])
    elif host == _CLOUD:
        is_short = len(above) == 1
    else:
        is_short = len(above) == 1 or (len(above) == 2 and above[0].lower() == _SERVER)  # noqa: PLR2004 - path and collection
    if is_short:
        return above, name, name
    if not above:
        raise GitError(FailureKind.CONFIG, f"{connection.url.shown} names no organization")
    return above[:-1], above[-1], name


AZURE_DEVOPS = ForgeKind(
    NAME, place, AzureDevOps, text=TextForm(BODY_CHARACTERS), takes_bearer=True
)
