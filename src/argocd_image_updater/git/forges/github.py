"""Pull requests at GitHub and GitHub Enterprise, by the REST API.

A request is merged automatically through the GraphQL API, which alone can ask for that.

Source of the rules: https://docs.github.com/en/rest/pulls/pulls,
https://docs.github.com/en/graphql/reference/mutations, docs/pull-requests.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading, records
from argocd_image_updater.git.forges.extras import already_open, attempt
from argocd_image_updater.git.forges.interface import CLOSED_REQUESTS_READ, Proposed
from argocd_image_updater.git.forges.opening import ForgeAddress, ForgeKind
from argocd_image_updater.git.forges.places import address_of, path_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.interface import Proposal
    from argocd_image_updater.git.forges.transport import ForgeAnswer, ForgeClient

PUBLIC_HOST = "github.com"
PUBLIC_API = "https://api.github.com"
# Enterprises whose data stay in one region: SUBDOMAIN.ghe.com with an API beside it.
RESIDENCY_SUFFIX = ".ghe.com"
_VERSION = "2022-11-28"
_EXISTS = "A pull request already exists"
_AUTO_MERGE = """\
mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }
"""


def place(connection: Connection) -> ForgeAddress:
    """Return the address of the API: public, or that of an enterprise server."""
    headers = {
        "Authorization": f"Bearer {connection.credential.password}",
        "Accept": "application/vnd.github.v3+json",
        "X-GitHub-Api-Version": _VERSION,
    }
    return ForgeAddress(api_address(connection), headers)


def api_address(connection: Connection) -> str:
    """Return the address of the REST API, as the credential names it or the host tells it."""
    if connection.credential.enterprise_base_url:
        return connection.credential.enterprise_base_url
    address = address_of(connection)
    host = urlsplit(address).hostname or ""
    if host == PUBLIC_HOST:
        return PUBLIC_API
    if host.endswith(RESIDENCY_SUFFIX):
        return f"https://api.{host}"
    return f"{address}/api/v3"


class GitHub:
    """One repository at GitHub."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        owner, name, *_ = path_parts(connection, least=2, form="https://HOST/OWNER/REPOSITORY")
        self._owner = owner
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    async def find(self, *, heads: Sequence[str], base: str) -> tuple[PullRequestFacts, ...]:
        """Return the requests from these branches, the newest first; see `Forge`."""
        found: list[PullRequestFacts] = []
        for head in heads:
            query = {"head": f"{self._owner}:{head}", "base": base, "state": "all"}
            query |= {"sort": "created", "direction": "desc"}
            query["per_page"] = str(CLOSED_REQUESTS_READ)
            answer = await self._client.get(f"{self._root}/pulls", query)
            found += self._listed(answer, head, base)
        return tuple(found)

    async def create(self, proposal: Proposal) -> Proposed:
        """Open a request, or return the one that is open already."""
        body = {
            "title": proposal.text.title,
            "body": proposal.text.body,
            "head": proposal.head,
            "base": proposal.base,
            "draft": proposal.draft,
        }
        answer = await self._client.send("POST", f"{self._root}/pulls", body)
        exists = answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and _exists(answer)
        if exists and (opened := await already_open(self, proposal)):
            return await self.update(opened, proposal)
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, "the pull request could not be opened")
        request = self._read(answer.content)
        warnings = await self._decorate(request, proposal)
        if proposal.auto_merge:
            warnings += await self._merge_automatically(answer.content)
        return Proposed(request, tuple(warnings))

    async def update(self, request: PullRequestFacts, proposal: Proposal) -> Proposed:
        """Give an open request another text, and the labels that it lacks."""
        body = {"title": proposal.text.title, "body": proposal.text.body}
        path = f"{self._root}/pulls/{request.number}"
        answer = await self._client.send("PATCH", path, body)
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be updated")
        changed = self._read(answer.content)
        missing = tuple(name for name in proposal.labels if name not in changed.labels)
        return Proposed(changed, tuple(await self._label(changed, missing)))

    async def close(self, request: PullRequestFacts, *, comment: str) -> None:
        """Comment on a request and close it."""
        path = f"{self._root}/issues/{request.number}/comments"
        answer = await self._client.send("POST", path, {"body": comment})
        if answer.status != HTTPStatus.CREATED:
            raise self._client.refused(answer, f"{request.url} could not be commented on")
        path = f"{self._root}/pulls/{request.number}"
        answer = await self._client.send("PATCH", path, {"state": "closed"})
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, f"{request.url} could not be closed")

    async def _decorate(self, request: PullRequestFacts, proposal: Proposal) -> list[str]:
        """Set what a request may lack; what cannot be set is a warning."""
        warnings = await self._label(request, proposal.labels)
        people = [name for name in proposal.reviewers if "/" not in name]
        teams = [name.rpartition("/")[2] for name in proposal.reviewers if "/" in name]
        if proposal.reviewers:
            path = f"{self._root}/pulls/{request.number}/requested_reviewers"
            body: dict[str, object] = {"reviewers": people, "team_reviewers": teams}
            warnings += await attempt(self._client, "POST", path, body, what="reviewers")
        if proposal.assignees:
            path = f"{self._root}/issues/{request.number}/assignees"
            body = {"assignees": list(proposal.assignees)}
            warnings += await attempt(self._client, "POST", path, body, what="assignees")
        return warnings

    async def _label(self, request: PullRequestFacts, labels: Sequence[str]) -> list[str]:
        if not labels:
            return []
        path = f"{self._root}/issues/{request.number}/labels"
        return await attempt(self._client, "POST", path, list(labels), what="labels")

    async def _merge_automatically(self, content: Any) -> list[str]:
        """Have the request merged when its checks pass; the repository must allow it."""
        with reading(self._client):
            node = content["node_id"]
        body = {"query": _AUTO_MERGE, "variables": {"id": node}}
        try:
            answer = await self._client.send_elsewhere(
                "POST", graphql_url(self._client.base_url), body
            )
        except GitError as error:
            return [f"automatic merge was not set: {error}"]
        errors = answer.content.get("errors") if isinstance(answer.content, dict) else True
        if answer.status == HTTPStatus.OK and not errors:
            return []
        return [f"automatic merge was not set: {self._client.refused(answer, 'GraphQL')}"]

    def _listed(self, answer: ForgeAnswer, head: str, base: str) -> list[PullRequestFacts]:
        """Return the requests of a list; a server may not know the filter by branch."""
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, "the pull requests could not be listed")
        found = [self._read(item) for item in records(self._client, answer.content)]
        return [item for item in found if (item.head, item.base) == (head, base)]

    def _read(self, content: Any) -> PullRequestFacts:
        with reading(self._client):
            merged = bool(content.get("merged_at") or content.get("merged"))
            is_open = content["state"] == "open"
            ended = RequestState.MERGED if merged else RequestState.CLOSED
            return PullRequestFacts(
                number=int(content["number"]),
                url=str(content["html_url"]),
                head=str(content["head"]["ref"]),
                base=str(content["base"]["ref"]),
                title=str(content["title"]),
                body=str(content["body"] or ""),
                state=RequestState.OPEN if is_open else ended,
                labels=tuple(str(label["name"]) for label in content.get("labels", ())),
                head_commit=str(content["head"]["sha"]),
                draft=bool(content.get("draft")),
            )


def graphql_url(base_url: str) -> str:
    """Return the address of the GraphQL API that stands beside a REST API."""
    return f"{base_url.removesuffix('/v3')}/graphql"


def _exists(answer: ForgeAnswer) -> bool:
    errors = answer.content.get("errors", []) if isinstance(answer.content, dict) else []
    return any(_EXISTS in str(item) for item in errors)


GITHUB = ForgeKind("GitHub", place, GitHub)
