"""GitLab and Gitea alone: where their APIs are, people, labels, drafts, forks."""

import dataclasses
import json

import pytest

from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges import gitea, gitlab
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from forges.server import Fault
from integration.forges.conftest import HEAD
from servers.git_server import git

pytestmark = pytest.mark.lab("git")


def placed(place, url, username=""):
    credential = GitCredential(CredentialKind.BASIC, username, "t")
    return place(Connection(parse_url(url), credential, Trust()))


@pytest.mark.parametrize(
    ("username", "headers"),
    [
        ("", {"PRIVATE-TOKEN": "t"}),
        ("jo", {"PRIVATE-TOKEN": "t"}),
        ("oauth2", {"Authorization": "Bearer t"}),
        ("gitlab-ci-token", {"JOB-TOKEN": "t"}),
    ],
)
def test_gitlab_gets_each_kind_of_token_in_its_own_header(username, headers):
    found = placed(gitlab.place, "https://gitlab.test:8443/group/sub/project.git", username)
    assert (found.base_url, found.headers) == ("https://gitlab.test:8443/api/v4", headers)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://codeberg.org/acme/deploy.git", "https://codeberg.org/api/v1"),
        ("https://git.test/forge/acme/deploy", "https://git.test/forge/api/v1"),
    ],
)
def test_gitea_may_be_below_a_path(url, address):
    found = placed(gitea.place, url)
    assert (found.base_url, found.headers) == (address, {"Authorization": "token t"})


@pytest.mark.parametrize(("kind", "prefix"), [("gitlab", "Draft: "), ("gitea", "WIP: ")])
async def test_labels_people_and_drafts_are_set(make_desk, kind, prefix):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    proposal = desk.proposal(
        labels=("images", "auto"),
        reviewers=("jo",),
        assignees=("mo",),
        draft=True,
    )
    made = await forge.create(proposal)
    assert (made.warnings, made.request.title, made.request.draft) == ((), "title", True)
    item = desk.requests.get(1)
    assert item.title == f"{prefix}title"
    assert (item.labels, item.reviewers, item.assignees) == (["images", "auto"], ["jo"], ["mo"])
    assert not item.auto_merge
    item.labels = ["auto"]
    item.title, item.draft = "title", False  # a person says that it is ready
    (ready,) = await forge.find(heads=[HEAD], base="main")
    await forge.update(ready, proposal)
    item = desk.requests.get(1)
    assert (item.title, sorted(item.labels)) == ("title", ["auto", "images"])


@pytest.mark.parametrize(("kind", "waits"), [("gitlab", [1, 1, 0, 1]), ("gitea", [1])])
async def test_automatic_merge_waits_until_the_forge_has_looked_at_the_request(
    make_desk, kind, waits
):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    made = await forge.create(desk.proposal(auto_merge=True))
    assert (made.warnings, desk.requests.get(1).auto_merge) == ((), True)
    assert desk.waits == waits


@pytest.mark.parametrize(
    ("kind", "line", "word"),
    [("gitlab", "PUT", "405"), ("gitea", "/merge", "405"), ("gitea", "GET /api/v1/x", "drafts")],
)
async def test_automatic_merge_that_is_refused_is_a_warning(make_desk, kind, line, word):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    desk.server.faults.append(Fault(line, 405, times=9))
    made = await forge.create(desk.proposal(auto_merge=True, draft=word == "drafts"))
    assert [word in text for text in made.warnings] == [True]
    assert not desk.requests.get(1).auto_merge


async def test_a_label_of_the_organization_is_found_and_so_is_one_of_a_later_page(make_desk):
    desk = make_desk("gitea")
    desk.server.dialect.labels = tuple(f"label-{number}" for number in range(70))
    desk.server.dialect.shared = ("of-all",)
    desk.commit()
    made = await (await desk.open()).create(desk.proposal(labels=("label-66", "of-all")))
    assert (made.warnings, made.request.labels) == ((), ("label-66", "of-all"))


async def test_a_gitea_request_whose_branch_is_gone_is_still_known_by_it(make_desk):
    desk = make_desk("gitea")
    forge = await desk.open()
    desk.commit()
    made = await forge.create(desk.proposal())
    await forge.close(made.request, comment="no")
    git("-C", desk.requests.repository, "update-ref", "-d", f"refs/heads/{HEAD}")
    (found,) = await forge.find(heads=[HEAD], base="main")
    assert (found.number, found.head, found.state) == (1, HEAD, RequestState.CLOSED)


async def test_a_person_or_label_that_is_not_there_is_a_warning(make_desk):
    lab, tea = make_desk("gitlab"), make_desk("gitea")
    for desk in (lab, tea):
        desk.commit()
    made = await (await lab.open()).create(lab.proposal(reviewers=("nobody",)))
    assert [("nobody" in text) for text in made.warnings] == [True]
    made = await (await tea.open()).create(tea.proposal(labels=("images", "unknown")))
    assert [("unknown" in text) for text in made.warnings] == [True]
    assert tea.requests.get(1).labels == ["images"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("gitlab", {"source_project_id": 8}),
        ("gitea", {"head": {"ref": HEAD, "sha": "1", "repo": {"full_name": "evil/deploy"}}}),
    ],
)
async def test_the_branch_of_a_fork_is_not_ours(make_desk, kind, change):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    await forge.create(desk.proposal())
    shown = desk.server.dialect._shown(desk.requests.get(1)) | change
    desk.server.faults.append(Fault("GET", 200, json.dumps([shown]).encode(), times=1))
    if kind == "gitea":  # without a total, pages are read until one is empty
        desk.server.faults.append(Fault("GET", 200, b"[]", times=2))
    assert await forge.find(heads=[HEAD], base="main") == ()


@pytest.mark.parametrize(("limit", "total", "questions"), [(50, True, 3), (30, False, 4)])
async def test_gitea_is_asked_for_all_pages_of_open_requests(make_desk, limit, total, questions):
    desk = make_desk("gitea")
    desk.server.dialect.page_limit = limit
    desk.server.dialect.tells_total = total
    forge = await desk.open()
    desk.commit()
    first = (await forge.create(desk.proposal())).request
    for number in range(55):
        desk.commit(f"feature-{number}", b"%d" % number)
        desk.requests.create(head=f"feature-{number}", base="main", title="t", body="")
    desk.server.calls.clear()
    found = await forge.find(heads=[HEAD], base="main")
    assert [(item.number, item.state) for item in found] == [(first.number, RequestState.OPEN)]
    assert len(desk.server.calls) == questions


async def test_requests_of_forks_at_gitlab_do_not_hide_ours(make_desk):
    desk = make_desk("gitlab")
    forge = await desk.open()
    desk.commit()
    ours = (await forge.create(desk.proposal())).request
    await forge.close(ours, comment="no")
    for _ in range(60):
        item = desk.requests.create(head=HEAD, base="main", title="evil", body="")
        item.state = "closed"
    desk.server.dialect.forked = 60
    found = await forge.find(heads=[HEAD], base="main")
    assert [(item.number, item.state) for item in found] == [(1, RequestState.CLOSED)]
    for _ in range(940):
        desk.requests.requests.append(dataclasses.replace(item))
    desk.server.dialect.forked = 1000
    with pytest.raises(GitError, match="more than 1000 merge requests of forks"):
        await forge.find(heads=[HEAD], base="main")
