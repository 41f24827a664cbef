"""Whatever a forge answers, its module returns what was asked for or raises a GitError."""

import asyncio
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from argocd_image_updater.core.pull_requests import PullRequestFacts, RequestState, RequestText
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.interface import Proposal, Proposed
from argocd_image_updater.git.forges.kinds import FORGES
from argocd_image_updater.git.forges.transport import ForgeAnswer, ForgeClient
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from argocd_image_updater.net.timing import Timing

HEAD = "image-updater-deadbeef"
TEXT = RequestText("title", "body")
FULL = Proposal(
    HEAD, "main", TEXT, labels=("a",), reviewers=("jo", "t/x"), assignees=("mo",), auto_merge=True
)
OPEN = PullRequestFacts(1, "https://forge.test/1", HEAD, "main", "t", "b", RequestState.OPEN)

_words = st.sampled_from(["", HEAD, "main", "open", "opened", "closed", "7", "a"]) | st.text()
_plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _words
_names = st.sampled_from(
    [
        "id", "iid", "number", "html_url", "web_url", "title", "state", "draft", "labels", "name",
        "head", "base", "ref", "sha", "label", "repo", "full_name", "source_branch", "description",
        "target_branch", "source_project_id", "target_project_id", "body", "node_id", "mergeable",
        "detailed_merge_status", "merged",
    ]
)  # fmt: skip
_json = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=8),
    max_leaves=20,
)
# Nearly right, so that what is read last is reached too.
_request = st.fixed_dictionaries(
    {
        "number": st.just(1) | _json,
        "iid": st.just(1) | _json,
        "html_url": st.just("https://forge.test/1") | _json,
        "web_url": st.just("https://forge.test/1") | _json,
        "title": st.just("title") | _json,
        "body": st.just("body") | _json,
        "description": st.just("body") | _json,
        "state": st.sampled_from(["open", "opened"]) | _json,
        "labels": st.just([{"name": "a", "id": 1}]) | _json,
        "head": st.just({"ref": HEAD, "sha": "1"}) | _json,
        "base": st.just({"ref": "main"}) | _json,
        "source_branch": st.just(HEAD) | _json,
        "target_branch": st.just("main") | _json,
    }
)
_answers = st.lists(
    st.tuples(
        st.sampled_from([200, 201, 404, 409, 422, 500]),
        _json | _request | st.lists(_request, max_size=2),
    ),
    min_size=1,
    max_size=6,
)


async def _no_pause(_seconds):
    return None


class Babbling(ForgeClient):
    """Gets these answers, the last one for ever, whatever it asks."""

    answers = ()

    async def _once(self, *_asked):
        first, *rest = self.answers
        self.answers = rest or [first]
        return ForgeAnswer(*first)


def opened(kind, answers):
    connection = Connection(
        parse_url("https://forge.test/acme/deploy.git"),
        GitCredential(CredentialKind.BASIC, "bot", "t0ken"),
        Trust(),
    )
    address = FORGES[kind].place(connection)
    client = Babbling(
        connection,
        name=kind,
        base_url=address.base_url,
        headers=address.headers,
        timing=Timing(sleep=_no_pause, random=lambda: 0.5),
    )
    client.answers = answers
    return FORGES[kind].make(client, connection)


async def ask_all(kind, answers):
    """Ask everything that can be asked; return the kinds of what came."""
    came = []
    for ask in (
        lambda forge: forge.find(heads=[HEAD], base="main"),
        lambda forge: forge.create(FULL),
        lambda forge: forge.update(OPEN, FULL),
        lambda forge: forge.close(OPEN, comment="no"),
    ):
        try:
            came.append(type(await ask(opened(kind, answers))))
        except GitError as error:
            came.append(type(error))
    return came


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
@given(answers=_answers)
@example(answers=[(200, {"number": math.inf, "iid": math.inf, "title": "t", "state": "open"})])
def test_any_json_is_read_or_refused(kind, answers):
    allowed = [{tuple}, {Proposed}, {Proposed}, {type(None)}]
    came = asyncio.run(ask_all(kind, answers))
    assert all(one in {*good, GitError} for one, good in zip(came, allowed, strict=True))
