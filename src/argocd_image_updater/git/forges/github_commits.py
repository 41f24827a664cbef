"""Commits made by GitHub itself, one mutation each, on top of exactly the commit that was read.

GitHub refuses the mutation where the branch is not at `expectedHeadOid`, so nothing can be lost.
What became of a question without a clear answer is looked up: a commit on top of the expected one
with the wanted tree is the one that was asked for.

Source: https://docs.github.com/en/graphql/reference/mutations#createcommitonbranch,
https://docs.github.com/en/rest/git.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.answers import reading
from argocd_image_updater.git.forges.github import graphql_url
from argocd_image_updater.git.forges.places import path_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.forges.transport import ForgeAnswer, ForgeClient

DEFAULT_HEADLINE = "Update container image versions"
# Others may have pushed on top before anybody looked; more would take more than a moment.
COMMITS_READ = 10
_MUTATION = """\
mutation($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}
"""
_EXISTS = "Reference already exists"
_STALE = "STALE_DATA"
_MOVED = "Expected branch to point to"
_DENIED = {"FORBIDDEN", "INSUFFICIENT_SCOPES"}
_BROKEN = "Something went wrong"
# What may have been done all the same.
_UNCLEAR = {FailureKind.TRANSIENT, FailureKind.RATE_LIMITED, FailureKind.UNUSABLE}


class BranchMovedError(Exception):
    """The branch is not where it was expected; why: what to tell when that is the end."""

    def __init__(self, why: GitError) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class ApiCommit:
    """One commit: what it writes, and the tree that it must lead to."""

    message: str
    files: Mapping[str, bytes]
    tree: str


class GitHubCommits:
    """Makes branches and commits in one repository; branches are short names."""

    def __init__(self, client: ForgeClient, connection: Connection) -> None:
        self._client = client
        owner, name, *_ = path_parts(connection, least=2, form="https://HOST/OWNER/REPOSITORY")
        self._repository = f"{owner}/{name}"
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"

    async def create_branch(self, branch: str, commit: str) -> None:
        """Make a branch; that it is there already is fine, for each commit says where it must be.

        Raises:
            GitError: it is not made.
        """
        body = {"ref": f"refs/heads/{branch}", "sha": commit}
        answer = await self._client.send("POST", f"{self._root}/git/refs", body)
        is_there = answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and _EXISTS in str(
            answer.content
        )
        if answer.status != HTTPStatus.CREATED and not is_there:
            raise self._client.refused(answer, f"branch {branch!r} could not be made")

    async def commit(self, branch: str, *, expected: str, wanted: ApiCommit) -> str:
        """Make a commit on top of `expected` and return its id.

        Raises:
            BranchMovedError: the branch is elsewhere. GitError: it was not made, or nobody knows.
        """
        body = {"query": _MUTATION, "variables": {"input": self._input(branch, expected, wanted)}}
        try:
            answer = await self._client.send_elsewhere(
                "POST", graphql_url(self._client.base_url), body
            )
            return self._made(answer, branch)
        except GitError as error:
            if error.kind not in _UNCLEAR:
                raise
            return await self._look_up(branch, error, expected=expected, tree=wanted.tree)

    def _input(self, branch: str, expected: str, wanted: ApiCommit) -> dict[str, object]:
        headline, _, rest = wanted.message.strip().partition("\n")
        message = {"headline": headline.rstrip() or DEFAULT_HEADLINE}
        if body := rest.strip():
            message["body"] = body
        additions = [
            {"path": path, "contents": base64.b64encode(content).decode()}
            for path, content in sorted(wanted.files.items())
        ]
        return {
            "branch": {"repositoryNameWithOwner": self._repository, "branchName": branch},
            "expectedHeadOid": expected,
            "message": message,
            "fileChanges": {"additions": additions},
        }

    def _made(self, answer: ForgeAnswer, branch: str) -> str:
        """Return the id of the new commit, or raise what the answer means."""
        what = f"a commit on {branch!r} was not made"
        if answer.status != HTTPStatus.OK:
            raise self._client.refused(answer, what)
        with reading(self._client):
            errors = answer.content.get("errors")
            if errors:
                self._raise_refusal(answer, errors, what)
            return str(answer.content["data"]["createCommitOnBranch"]["commit"]["oid"])

    def _raise_refusal(self, answer: ForgeAnswer, errors: Any, what: str) -> None:
        """Sort the errors of GraphQL, which come with the status of a success."""
        told = self._client.refused(answer, what)
        kinds = {str(item.get("type", "")) for item in errors}
        text = " ".join(str(item.get("message", "")) for item in errors)
        if _STALE in kinds or _MOVED in text:
            raise BranchMovedError(_moved(str(told)))
        if "RATE_LIMITED" in kinds:
            raise GitError(FailureKind.RATE_LIMITED, str(told))
        if kinds & _DENIED:
            raise GitError(FailureKind.DENIED, str(told))
        if _BROKEN in text:
            raise GitError(FailureKind.TRANSIENT, str(told))
        raise told

    async def _look_up(self, branch: str, error: GitError, *, expected: str, tree: str) -> str:
        """Return the commit that was made although nobody said so; else raise why there is none."""
        answer = await self._client.get(f"{self._root}/git/ref/heads/{quote(branch)}")
        if answer.status != HTTPStatus.OK:
            raise error
        with reading(self._client):
            name = str(answer.content["object"]["sha"])
        if name == expected:
            raise error
        for _ in range(COMMITS_READ):
            answer = await self._client.get(f"{self._root}/git/commits/{quote(name)}")
            if answer.status != HTTPStatus.OK:
                raise error
            with reading(self._client):
                parents = [str(item["sha"]) for item in answer.content["parents"]]
                if parents == [expected] and answer.content["tree"]["sha"] == tree:
                    return name
            if not parents or expected in parents:
                break
            name = parents[0]
        raise BranchMovedError(_moved(str(error)))


def _moved(text: str) -> GitError:
    return GitError(
        FailureKind.TRANSIENT,
        f"{text}: the branch keeps moving, it is tried again in the next cycle",
        reason=Reason.PUSH_REJECTED,
    )
