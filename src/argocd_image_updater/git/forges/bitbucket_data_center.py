"""Pull requests at Bitbucket Data Center, by its REST API 1.0.

A request has a version, and a change names the one that it was made for; where somebody changed the
request in between, the change is made once more for what is there then. What a change does not
repeat of the reviewers is taken away. There are no labels and no assignees.

Source of the rules: https://developer.atlassian.com/server/bitbucket/rest/, docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState, TextForm
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records
from argocd_image_updater.git.forges.extras import already_open, attempt, newest, not_offered
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, authorization, path_parts
from argocd_image_updater.git.forges.transport import PAGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeAnswer, ForgeClient

NAME = "Bitbucket Data Center"
BODY_CHARACTERS = 32_768
PAGE = 50
ENDED_PAGES = 5  # of one branch into all bases; those into one base are among the newest
PEOPLE_READ = 25  # that fit a name
_FORM = "https://HOST/scm/PROJECT/REPOSITORY"
_TOKEN_USERS = frozenset({"x-token-auth"})
_TOKEN_PREFIX = "BBDC-"  # noqa: S105 - how tokens begin, so that they are told from passwords
_BRANCH = "refs/heads/"
_DUPLICATE = "DuplicatePullRequestException"
_REVIEWERS = "InvalidPullRequestReviewersException"
_STATES = {
    "OPEN": RequestState.OPEN,
    "MERGED": RequestState.MERGED,
    "DECLINED": RequestState.CLOSED,
}


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API, which is where the path of the server begins."""
    above, _, _ = _parts(connection)
    below = "".join(f"/{quote(part, safe='')}" for part in above)  # a server below a path
    is_token = connection.credential.password.startswith(_TOKEN_PREFIX)
    users = {connection.credential.username} if is_token else _TOKEN_USERS
    headers = {
        "Authorization": authorization(connection, bearer_users=frozenset(users)),
        "X-Atlassian-Token": "no-check",
    }
    return ForgeAddress(f"{address_of(connection)}{below}/rest/api/1.0", headers)


class BitbucketDataCenter:
    """One repository at Bitbucket Data Center."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        _, self._project, self._name = _parts(connection)
        project, name = quote(self._project, safe="~"), quote(self._name, safe="")
        self._root = f"/projects/{project}/repos/{name}/pull-requests"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        found: list[PullRequestFacts] = []
        for head in heads:
            ours: list[PullRequestFacts] = []
            async for answer in self._pages(head, "OPEN", PAGE_LIMIT):
                ours += self._ours(answer, head, base)
            async for answer in self._pages(head, "ALL", ENDED_PAGES):
                ours += self._ours(answer, head, base)
                if len(ours) >= CLOSED_REQUESTS_READ:
                    break
            found += newest(ours)
        return tuple(found)

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request, or return the one that is open already."""
        people, warnings = await self._people(proposal.reviewers)
        repository = {"slug": self._name, "project": {"key": self._project}}
        body: dict[str, object] = {
            "title": proposal.text.title,
            "description": proposal.text.body,
            "fromRef": {"id": _BRANCH + proposal.head, "repository": repository},
            "toRef": {"id": _BRANCH + proposal.base, "repository": repository},
            "reviewers": people,
            "draft": proposal.draft,
        }
        answer, more = await self._send("POST", self._root, body)
        warnings += more
        exists = answer.status == HTTPStatus.CONFLICT and _is(answer, _DUPLICATE)
        if exists and (opened := await already_open(self, proposal)):
            return await self.update(opened, proposal)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, "the pull request could not be opened")
        request = self._read(answer.content)
        warnings += not_offered(NAME, labels=proposal.labels, assignees=proposal.assignees)
        if proposal.draft and not request.draft:
            warnings.append("draft: not set, this version of the server has none")
        if proposal.auto_merge:
            warnings += await self._merge_automatically(request, answer.content)
        return Proposed(request, tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text; what else it has stays."""
        answer, warnings = await self._put(request, proposal)
        if answer.status == HTTPStatus.CONFLICT:  # somebody changed it in between
            answer, warnings = await self._put(request, proposal)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        return Proposed(self._read(answer.content), tuple(warnings))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and decline it."""
        path = f"{self._root}/{request.number}"
        answer = await self._client.send("POST", f"{path}/comments", {"text": comment})
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        answer = await self._decline(request)
        if answer.status == HTTPStatus.CONFLICT:  # as above
            answer = await self._decline(request)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be declined")

    async def _send(
        self, method: str, path: str, body: dict[str, object]
    ) -> tuple[ForgeAnswer, list[str]]:
        """Send a request, once more without the reviewers that are what is refused."""
        answer = await self._client.send(method, path, body)
        people = body["reviewers"]
        is_theirs = answer.status == HTTPStatus.CONFLICT and _is(answer, _REVIEWERS)
        if not is_theirs or not isinstance(people, list) or not people:
            return answer, []
        warning = str(self._client.refused(answer, "reviewers: not all set"))
        refused = _refused(answer)
        kept = [one for one in people if refused and one["user"]["name"] not in refused]
        return await self._client.send(method, path, body | {"reviewers": kept}), [warning]

    async def _put(
        self, request: PullRequestFacts, proposal: Proposal
    ) -> tuple[ForgeAnswer, list[str]]:
        now = await self._now(request)
        with reading(self._client):
            body: dict[str, object] = {
                "version": int(now["version"]),
                "title": proposal.text.title,
                "description": proposal.text.body,
                "reviewers": [
                    {"user": {"name": str(one["user"]["name"])}} for one in now["reviewers"]
                ],
            }
            if "draft" in now:
                body["draft"] = bool(now["draft"])
        return await self._send("PUT", f"{self._root}/{request.number}", body)

    async def _decline(self, request: PullRequestFacts) -> ForgeAnswer:
        now = await self._now(request)
        with reading(self._client):
            query = {"version": str(int(now["version"]))}
        path = f"{self._root}/{request.number}/decline"
        return await self._client.send("POST", path, {}, query=query)

    async def _now(self, request: PullRequestFacts) -> Any:
        """Return a request as it is now, with its version."""
        answer = await self._client.get(f"{self._root}/{request.number}")
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be read")
        return answer.content

    async def _merge_automatically(self, request: PullRequestFacts, content: Any) -> list[str]:
        """Have the request merged when nothing forbids it any more."""
        with reading(self._client):
            body = {"autoMerge": True, "version": int(content["version"])}
        path = f"{self._root}/{request.number}/merge"
        return await attempt(self._client, "POST", path, body, what="automatic merge")

    async def _pages(self, head: str, state: str, most: int) -> AsyncIterator[ForgeAnswer]:
        """Yield the pages of requests from a branch; open ones completely."""
        query = {"at": _BRANCH + head, "direction": "OUTGOING", "state": state}
        query |= {"order": "NEWEST", "limit": str(PAGE)}
        for _ in range(most):
            answer = await self._client.get(self._root, query)
            if answer.status != HTTPStatus.OK:
                raise self._client.refused(answer, "the pull requests could not be listed")
            yield answer
            with reading(self._client):
                if answer.content.get("isLastPage", True):
                    return
                query["start"] = str(int(answer.content["nextPageStart"]))
        if state == "OPEN":
            text = f"more than {most * PAGE} pull requests of {head} are open"
            raise self._client.fault(text, FailureKind.UNUSABLE)

    async def _people(self, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """Return users by name, address or display name, and a warning for each unknown one."""
        found: list[dict[str, Any]] = []
        warnings: list[str] = []
        for name in names:
            try:
                user = await self._user(name)
            except GitError as error:
                warnings.append(f"{name} could not be looked up: {error}")
                continue
            if user:
                found.append({"user": {"name": user}})
            else:
                warnings.append(f"there is no user {name}: nobody was asked in their place")
        return found, warnings

    async def _user(self, name: str) -> str:
        query = {"filter": name, "limit": str(PEOPLE_READ)}
        answer = await self._client.get("/users", query)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, "the users could not be listed")
        with reading(self._client):
            for item in records(self._client, answer.content["values"]):
                called = {item.get(key) for key in ("name", "slug", "emailAddress", "displayName")}
                if name.lower() in {str(one).lower() for one in called}:
                    return str(item["name"])
        return ""

    def _ours(self, answer: ForgeAnswer, head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests of a page between these branches of this repository."""
        found = []
        with reading(self._client):
            items = records(self._client, answer.content["values"])
        for item in items:
            request = self._read(item)
            with reading(self._client):
                is_own = self._is_own(item["fromRef"]) and self._is_own(item["toRef"])
            if is_own and (request.head, request.base) == (head, base):
                found.append(request)
        return found

    def _is_own(self, ref: Any) -> bool:
        repository = ref["repository"]
        pair = (str(repository["project"]["key"]).lower(), str(repository["slug"]).lower())
        return pair == (self._project.lower(), self._name.lower())

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            return PullRequestFacts(
                number=int(content["id"]),
                url=str(content["links"]["self"][0]["href"]),
                head=str(content["fromRef"]["id"]).removeprefix(_BRANCH),
                base=str(content["toRef"]["id"]).removeprefix(_BRANCH),
                title=str(content["title"]),
                body=str(content.get("description") or ""),
                state=_STATES[content["state"]],
                head_commit=str(content["fromRef"].get("latestCommit") or ""),
                draft=bool(content.get("draft")),
            )


def _parts(connection: Connection) -> tuple[list[str], str, str]:
    """Return what comes before ``scm`` in the path, the project and the repository."""
    *above, marker, project, name = path_parts(connection, least=3, form=_FORM)
    if marker != "scm":
        text = f"{connection.url.shown} is not of the form {_FORM}"
        raise GitError(FailureKind.CONFIG, text)
    return above, project, name


def _errors(answer: ForgeAnswer) -> list[Any]:
    errors = answer.content.get("errors") if isinstance(answer.content, dict) else None
    return errors if isinstance(errors, list) else []


def _is(answer: ForgeAnswer, exception: str) -> bool:
    """Whether a refusal is of this kind; its errors name the exceptions behind them."""
    return any(exception in str(item) for item in _errors(answer))


def _refused(answer: ForgeAnswer) -> set[str]:
    """Return the names of the reviewers that are refused; empty where the server tells none."""
    lists = [one.get("reviewerErrors") for one in _errors(answer) if isinstance(one, dict)]
    told = [one for part in lists if isinstance(part, list) for one in part]
    return {str(one.get("context")) for one in told if isinstance(one, dict)}


BITBUCKET_DATA_CENTER = ForgeKind(
    NAME,
    place,
    BitbucketDataCenter,
    text=TextForm(BODY_CHARACTERS, html=False),
    takes_bearer=True,
)
