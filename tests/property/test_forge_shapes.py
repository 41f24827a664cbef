"""Requests as each forge shows them, spoiled in one place: read, or told as a GitError."""

import asyncio
import copy
import re
from contextlib import suppress

import pytest
from hypothesis import given
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
from forges.model import PullRequest
from stages.requests import DIALECTS

URLS = {
    "bitbucket": "https://bitbucket.org/acme/deploy.git",
    "bitbucketDataCenter": "https://git.test/scm/acme/deploy.git",
    "azureDevOps": "https://dev.azure.com/acme/project/_git/deploy",
}
HEAD = "image-updater-deadbeef"
# What the forges call their fields, so that answers come far before they are of no use.
NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        "values value id uuid user name state status number pullRequestId iid title description "
        "body source destination branch commit repository project fromRef toRef links self html "
        "href key slug version reviewers labels head base ref sha full_name errors message "
        "exceptionName next identity uniqueName displayName nickname createdBy isLastPage "
        "nextPageStart sourceRefName targetRefName forkSource html_url web_url source_branch "
        "target_branch node_id error",
    )
)
WORDS = st.sampled_from(
    ["OPEN", "open", "opened", "active", "closed", "MERGED", HEAD, "main", f"refs/heads/{HEAD}",
     "refs/heads/main", "acme/deploy", "acme", "deploy", "already exists", "TF401179", "jo",
     "DuplicatePullRequestException", "https://api.bitbucket.org/2.0/x", "NaN"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
STATUSES = st.sampled_from([200, 200, 200, 201, 201, 204, 400, 401, 404, 409, 422, 429, 500])
REQUEST = PullRequestFacts(7, "https://f/7", HEAD, "main", "t", "b", RequestState.OPEN)
PROPOSAL = Proposal(
    HEAD, "main", RequestText("t", "b"), ("l",), ("jo", "a/b"), ("mo",), draft=True, auto_merge=True
)


# As the forges of the tests show a request: what is spoiled in one place comes farther still.
SHOWN = PullRequest(7, HEAD, "main", "t", "b", "c" * 40, labels=["images"], reviewers=["jo"])


class NoStage:
    """What a dialect is made for: nobody asks it."""

    repository = None
    repository_name = "deploy"
    password = username = "t"

    @property
    def git(self):
        return self

    @property
    def requests(self):
        return self

    def tip(self, _branch):
        return "c" * 40


@st.composite
def spoiled(draw, kind):
    """Return a request as a forge shows it, alone or in a list, with one value replaced."""
    shown = copy.deepcopy(DIALECTS[kind](NoStage())._shown(SHOWN))
    place = [shown]
    answer = draw(st.sampled_from([shown, place, {"values": place}, {"value": place}]))
    holder, key = place, 0
    while isinstance(holder[key], dict | list) and holder[key] and draw(st.booleans()):
        holder = holder[key]
        names = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        key = draw(st.sampled_from(names))
    if holder is not place:
        holder[key] = draw(JSON)
    return answer


def answers_of(kind):
    return st.lists(st.tuples(STATUSES, JSON | spoiled(kind)), min_size=1, max_size=12)


async def at_once(_seconds):
    """Wait for nothing."""


class AnsweringClient(ForgeClient):
    """Gives the answers in turn, over and over."""

    def __init__(self, connection, base_url, answers):
        timing = Timing(sleep=at_once, random=lambda: 0.5)
        super().__init__(connection, name="f", base_url=base_url, headers={}, timing=timing)
        self._answers = answers
        self._asked = 0

    async def _once(self, *_):
        status, content = self._answers[self._asked % len(self._answers)]
        self._asked += 1
        assert self._asked < 2_000, "the number of questions is not bounded"
        return ForgeAnswer(status, content)


def opened(kind, answers):
    url = URLS.get(kind, "https://git.test/acme/deploy.git")
    credential = GitCredential(CredentialKind.BASIC, "jo", "t")
    connection = Connection(parse_url(url), credential, Trust())
    client = AnsweringClient(connection, FORGES[kind].place(connection).base_url, answers)
    return FORGES[kind].make(client, connection)


@pytest.mark.parametrize("kind", sorted(FORGES))
@given(data=st.data())
def test_any_answer_is_a_request_or_an_error_of_the_forge(kind, data):
    answers = data.draw(answers_of(kind))

    async def ask():
        forge = opened(kind, answers)
        with suppress(GitError):
            found = await forge.find(heads=[HEAD], base="main")
            assert all(isinstance(item, PullRequestFacts) for item in found)
            assert all((item.head, item.base) == (HEAD, "main") for item in found)
        with suppress(GitError):
            assert isinstance(await forge.create(PROPOSAL), Proposed)
        with suppress(GitError):
            assert isinstance(await forge.update(REQUEST, PROPOSAL), Proposed)
        with suppress(GitError):
            await forge.close(REQUEST, comment="because")

    asyncio.run(ask())
