"""Pull requests at Bitbucket Cloud, by its REST API 2.0.

A change of a request takes away the reviewers that it does not repeat, so they are read before.
There are no labels, no assignees and no automatic merge, and a declined request stays declined.

Source of the rules: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/,
docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState, TextForm
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records
from argocd_image_updater.git.forges.extras import newest, not_offered
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, authorization, path_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeAnswer, ForgeClient

NAME = "Bitbucket Cloud"
HOST = "bitbucket.org"
API = "https://api.bitbucket.org/2.0"
BODY_CHARACTERS = 32_768
MEMBER_PAGES = 10  # of a workspace, a hundred people each
REQUEST_PAGES = 5  # of one branch: ended ones alone fill more than one
_FORM = "https://bitbucket.org/WORKSPACE/REPOSITORY"
# User names that stand for a token: those go to the API as Bearer.
_TOKEN_USERS = frozenset({"x-token-auth", "x-bitbucket-api-token-auth"})
_STATES = {
    "OPEN": RequestState.OPEN,
    "MERGED": RequestState.MERGED,
    "DECLINED": RequestState.CLOSED,
    "SUPERSEDED": RequestState.CLOSED,
}


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API, which has a host of its own."""
    if urlsplit(address_of(connection)).hostname != HOST:
        text = f"{connection.url.shown} is not at {HOST}: a server of one's own is "
        raise GitError(FailureKind.CONFIG, text + "bitbucketDataCenter")
    return ForgeAddress(
        API, {"Authorization": authorization(connection, bearer_users=_TOKEN_USERS)}
    )


class Bitbucket:
    """One repository at Bitbucket Cloud."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        workspace, name, *_ = path_parts(connection, least=2, form=_FORM)
        self._workspace = quote(workspace, safe="")
        self._full_name = f"{workspace}/{name}".lower()
        self._root = f"/repositories/{self._workspace}/{quote(name, safe='')}/pullrequests"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        found: list[PullRequestFacts] = []
        for head in heads:
            ours: list[PullRequestFacts] = []
            async for answer in self._pages(self._listing(head, base), REQUEST_PAGES):
                ours += self._ours(answer, head, base)
                if len(ours) >= CLOSED_REQUESTS_READ:
                    break
            found += newest(ours)
        return tuple(found)

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request; for one that is open the forge itself changes that one."""
        reviewers, warnings = await self._accounts(proposal.reviewers)
        body: dict[str, object] = {
            "title": proposal.text.title,
            "description": proposal.text.body,
            "source": {"branch": {"name": proposal.head}},
            "destination": {"branch": {"name": proposal.base}},
            "draft": proposal.draft,
            "reviewers": reviewers,
        }
        answer, more = await self._send("POST", self._root, body)
        warnings += more
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise self._client.refused(answer, "the pull request could not be opened")
        warnings += not_offered(
            NAME,
            labels=proposal.labels,
            assignees=proposal.assignees,
            automatic_merge=proposal.auto_merge,
        )
        return Proposed(self._read(answer.content), tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text; what else it has stays."""
        path = f"{self._root}/{request.number}"
        answer = await self._client.get(path)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be read")
        with reading(self._client):
            body: dict[str, object] = {
                "title": proposal.text.title,
                "description": proposal.text.body,
                "reviewers": [{"uuid": str(one["uuid"])} for one in answer.content["reviewers"]],
                "draft": bool(answer.content.get("draft")),
                "close_source_branch": bool(answer.content.get("close_source_branch")),
            }
        answer, warnings = await self._send("PUT", path, body)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        return Proposed(self._read(answer.content), tuple(warnings))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and decline it."""
        path = f"{self._root}/{request.number}"
        body: dict[str, object] = {"content": {"raw": comment}}
        answer = await self._client.send("POST", f"{path}/comments", body)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        answer = await self._client.send("POST", f"{path}/decline", {})
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be declined")

    async def _send(
        self, method: str, path: str, body: dict[str, object]
    ) -> tuple[ForgeAnswer, list[str]]:
        """Send a request, once more without reviewers where those are what is refused."""
        answer = await self._client.send(method, path, body)
        is_theirs = "reviewer" in str(answer.content).lower()
        if answer.status != HTTPStatus.BAD_REQUEST or not body["reviewers"] or not is_theirs:
            return answer, []
        warning = str(self._client.refused(answer, "reviewers: not set"))
        return await self._client.send(method, path, body | {"reviewers": []}), [warning]

    def _listing(self, head: str, base: str) -> str:
        """Return the path of the list of requests from a branch into another, in any state."""
        conditions = (
            ("source.branch.name", head),
            ("destination.branch.name", base),
            ("source.repository.full_name", self._full_name),
        )
        query = [("state", state) for state in _STATES]
        query.append(("q", " AND ".join(f"{name} = {_text(value)}" for name, value in conditions)))
        query += [("sort", "-created_on"), ("pagelen", str(CLOSED_REQUESTS_READ))]
        return f"{self._root}?{urlencode(query)}"

    async def _pages(self, path: str, most: int) -> AsyncIterator[ForgeAnswer]:
        """Yield one page after the other, as each names the next."""
        for _ in range(most):
            answer = await self._client.get(path)
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "a list could not be read")
            yield answer
            with reading(self._client):
                following = str(answer.content.get("next") or "")
            if not following:
                return
            path = self._client.below_base(following)

    async def _accounts(self, names: Sequence[str]) -> tuple[list[dict[str, str]], list[str]]:
        """Return the accounts of people by id or name, and a warning for each who is not known."""
        found = {name: name for name in names if name.startswith("{") and name.endswith("}")}
        wanted = {name for name in names if name not in found}
        try:
            if wanted:
                found |= await self._members(wanted)
        except GitError as error:
            return _uuids(found), [f"reviewers could not be looked up: {error}"]
        lacking = [name for name in names if name not in found]
        warnings = [f"there is no member {name} of the workspace: not asked" for name in lacking]
        return _uuids(found), warnings

    async def _members(self, wanted: set[str]) -> dict[str, str]:
        """Return the ids of members of the workspace by what they are called."""
        found: dict[str, str] = {}
        path = f"/workspaces/{self._workspace}/members?pagelen=100"
        async for answer in self._pages(path, MEMBER_PAGES):
            with reading(self._client):
                for item in records(self._client, answer.content["values"]):
                    user = item["user"]
                    called = {user.get(key) for key in ("account_id", "nickname", "display_name")}
                    found |= {str(name): str(user["uuid"]) for name in called & wanted}
            if found.keys() >= wanted:
                break
        return found

    def _ours(self, answer: ForgeAnswer, head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests of a page whose branch is one of this repository, and no fork's."""
        found = []
        with reading(self._client):
            items = records(self._client, answer.content["values"])
        for item in items:
            request = self._read(item)
            with reading(self._client):
                home = (item["source"].get("repository") or {}).get("full_name", "")
            is_own = str(home).lower() == self._full_name
            if is_own and (request.head, request.base) == (head, base):
                found.append(request)
        return found

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            return PullRequestFacts(
                number=int(content["id"]),
                url=str(content["links"]["html"]["href"]),
                head=str(content["source"]["branch"]["name"]),
                base=str(content["destination"]["branch"]["name"]),
                title=str(content["title"]),
                body=str(content.get("description") or ""),
                state=_STATES[content["state"]],
                head_commit=str((content["source"].get("commit") or {}).get("hash") or ""),
                draft=bool(content.get("draft")),
            )


def _uuids(found: dict[str, str]) -> list[dict[str, str]]:
    return [{"uuid": uuid} for uuid in dict.fromkeys(found.values())]


def _text(value: str) -> str:
    """Return a text of the query language."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


BITBUCKET = ForgeKind(
    NAME,
    place,
    Bitbucket,
    text=TextForm(BODY_CHARACTERS, html=False),
    takes_bearer=True,
)
