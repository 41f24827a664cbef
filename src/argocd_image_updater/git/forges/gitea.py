"""Pull requests at Gitea and Forgejo, by their API v1.

The list of requests cannot be filtered by their own branch: open ones are read to the end, of the
others the newest by their last change. Whether a new request can be merged is found out beside the
answer, so automatic merge waits for that.

Source of the rules: the OpenAPI document that each server has at ``/swagger.v1.json``,
docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records, settled
from argocd_image_updater.git.forges.extras import already_open, attempt
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, path_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeClient

PAGE = 50  # what a server gives at most, unless it is configured otherwise
OPEN_PAGES = 40
CLOSED_PAGES = 4
LABEL_PAGES = 10
_DRAFT = "WIP: "
_HIDDEN_REFS = "refs/"  # where a request's commits are once its branch is gone


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API, which is where the path of the repository begins."""
    parts = path_parts(connection, least=2, form="https://HOST/OWNER/REPOSITORY")
    below = "".join(f"/{quote(part, safe='')}" for part in parts[:-2])  # a server below a path
    headers = {"Authorization": f"token {connection.credential.password}"}
    return ForgeAddress(f"{address_of(connection)}{below}/api/v1", headers)


class Gitea:
    """One repository at Gitea or Forgejo."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        parts = path_parts(connection, least=2, form="https://HOST/OWNER/REPOSITORY")
        owner, name = parts[-2:]
        self._full_name = f"{owner}/{name}".lower()
        self._owner = quote(owner, safe="")
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        wanted = frozenset(heads)
        opened = await self._pages("open", OPEN_PAGES, wanted, base)
        ended = await self._pages("closed", CLOSED_PAGES, wanted, base)
        found = sorted([*opened, *ended], key=lambda item: -item.number)
        return tuple(
            item
            for head in heads
            for item in [one for one in found if one.head == head][:CLOSED_REQUESTS_READ]
        )

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request, or return the one that is open already."""
        labels, warnings = await self._label_ids(proposal.labels)
        body: dict[str, object] = {
            "head": proposal.head,
            "base": proposal.base,
            "title": _title(proposal, is_draft=proposal.draft),
            "body": proposal.text.body,
            "labels": labels,
            "assignees": list(proposal.assignees),
        }
        answer = await self._client.send("POST", f"{self._root}/pulls", body)
        exists = answer.status == HTTPStatus.CONFLICT
        if exists and (opened := await already_open(self, proposal)):
            return await self.update(opened, proposal)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, "the pull request could not be opened")
        request = self._read(answer.content)
        warnings += await self._ask_reviewers(request, proposal.reviewers)
        if proposal.auto_merge:
            warnings += await self._merge_automatically(request)
        return Proposed(request, tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text, and the labels that it lacks."""
        body = {
            "title": _title(proposal, is_draft=request.draft),
            "body": proposal.text.body,
        }
        answer = await self._client.send("PATCH", f"{self._root}/pulls/{request.number}", body)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        changed = self._read(answer.content)
        missing = [name for name in proposal.labels if name not in changed.labels]
        labels, warnings = await self._label_ids(missing)
        if labels:
            path = f"{self._root}/issues/{request.number}/labels"
            warnings += await attempt(self._client, "POST", path, {"labels": labels}, what="labels")
        return Proposed(changed, tuple(warnings))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and close it."""
        path = f"{self._root}/issues/{request.number}/comments"
        answer = await self._client.send("POST", path, {"body": comment})
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        path = f"{self._root}/pulls/{request.number}"
        answer = await self._client.send("PATCH", path, {"state": "closed"})
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be closed")

    async def _pages(
        self, state: str, most: int, heads: frozenset[str], base: str
    ) -> list[PullRequestFacts]:
        """Return the requests of one state from these branches; open ones completely."""
        found: list[PullRequestFacts] = []
        seen = 0
        for page in range(1, most + 1):
            query = {"state": state, "base_branch": base, "sort": "recentupdate"}
            query |= {"page": str(page), "limit": str(PAGE)}
            answer = await self._client.get(f"{self._root}/pulls", query)
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "the pull requests could not be listed")
            items = records(self._client, answer.content)
            found += self._ours(items, heads, base)
            seen += len(items)
            if not items or answer.headers.get("X-Total-Count") == str(seen):
                return found
        if state == "open":
            text = f"more than {most * PAGE} pull requests are open"
            raise self._client.fault(text, FailureKind.UNUSABLE)
        return found

    def _ours(self, items: list[Any], heads: frozenset[str], base: str) -> list[PullRequestFacts]:
        """Return the requests whose branch is one of this repository, and no fork's."""
        found = []
        for item in items:
            request = self._read(item)
            with reading(self._client):
                home = (item["head"].get("repo") or {}).get("full_name", self._full_name)
            is_own = str(home).lower() == self._full_name
            if request.head in heads and request.base == base and is_own:
                found.append(request)
        return found

    async def _label_ids(self, names: Sequence[str]) -> tuple[list[int], list[str]]:
        """Return the numbers of labels, and a warning for each that is not there.

        They are of the repository, or of the organization that it belongs to.
        """
        numbers: dict[str, int] = {}
        try:
            for path in (f"{self._root}/labels", f"/orgs/{self._owner}/labels"):
                if any(name not in numbers for name in names):
                    numbers = {**await self._labels(path), **numbers}
        except GitError as error:
            return [], [f"labels were not set: {error}"]
        lacking = [name for name in names if name not in numbers]
        warnings = [f"there is no label {name}: make it" for name in lacking]
        return [numbers[name] for name in names if name in numbers], warnings

    async def _labels(self, path: str) -> dict[str, int]:
        """Return labels by name; none of an owner who is a person."""
        numbers: dict[str, int] = {}
        for page in range(1, LABEL_PAGES + 1):
            answer = await self._client.get(path, {"page": str(page), "limit": str(PAGE)})
            if answer.status == HTTPStatus.NOT_FOUND:
                break
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "they could not be listed")
            items = records(self._client, answer.content)
            with reading(self._client):
                numbers |= {str(item["name"]): int(item["id"]) for item in items}
            if not items or answer.headers.get("X-Total-Count") == str(len(numbers)):
                break
        return numbers

    async def _merge_automatically(self, request: PullRequestFacts) -> list[str]:
        """Have the request merged when its checks pass, in the way that the repository prefers."""
        if request.draft:
            return ["automatic merge was not set: drafts are not merged"]
        path = f"{self._root}/pulls/{request.number}"
        what = "automatic merge"
        try:
            content = await settled(self._client, path, lambda item: bool(item["mergeable"]))
            with reading(self._client):
                style = content["base"]["repo"].get("default_merge_style") or "merge"
        except GitError as error:
            return [f"{what}: not set: {error}"]
        body = {
            "Do": style,  # spelled so in every version; newer ones know `do` too
            "merge_when_checks_succeed": True,
            "head_commit_id": request.head_commit,
        }
        return await attempt(self._client, "POST", f"{path}/merge", body, what=what)

    async def _ask_reviewers(
        self, request: PullRequestFacts, reviewers: Sequence[str]
    ) -> list[str]:
        if not reviewers:
            return []
        path = f"{self._root}/pulls/{request.number}/requested_reviewers"
        body = {
            "reviewers": [name for name in reviewers if "/" not in name],
            "team_reviewers": [name.rpartition("/")[2] for name in reviewers if "/" in name],
        }
        return await attempt(self._client, "POST", path, body, what="reviewers")

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            is_open = content["state"] == "open"
            ended = RequestState.MERGED if content.get("merged") else RequestState.CLOSED
            title = str(content["title"])
            is_draft = bool(content.get("draft")) or title.startswith(_DRAFT)
            head = str(content["head"]["ref"])
            if head.startswith(_HIDDEN_REFS):
                head = str(content["head"]["label"])
            return PullRequestFacts(
                number=int(content["number"]),
                url=str(content["html_url"]),
                head=head,
                base=str(content["base"]["ref"]),
                title=title.removeprefix(_DRAFT),
                body=str(content["body"] or ""),
                state=RequestState.OPEN if is_open else ended,
                labels=tuple(str(label["name"]) for label in content.get("labels") or ()),
                head_commit=str(content["head"]["sha"] or ""),
                draft=is_draft,
            )


def _title(proposal: Proposal, *, is_draft: bool) -> str:
    """Return the title; a draft is one by its title."""
    return f"{_DRAFT}{proposal.text.title}" if is_draft else proposal.text.title


GITEA = ForgeKind("Gitea", place, Gitea)
