"""GitLab and Gitea alone: where their APIs are, people, labels, drafts, forks."""

import json

import pytest

from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.forges import gitea, gitlab
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from forges.server import Fault
from integration.forges.conftest import HEAD

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
async def test_labels_people_drafts_and_automatic_merge_are_set(make_desk, kind, prefix):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    proposal = desk.proposal(
        labels=("images", "auto"),
        reviewers=("jo",),
        assignees=("mo",),
        draft=True,
        auto_merge=True,
    )
    made = await forge.create(proposal)
    assert (made.warnings, made.request.title, made.request.draft) == ((), "title", True)
    item = desk.requests.get(1)
    assert item.title == f"{prefix}title"
    assert (item.labels, item.reviewers, item.assignees) == (["images", "auto"], ["jo"], ["mo"])
    assert item.auto_merge
    item.labels = ["auto"]
    item.title, item.draft = "title", False  # a person says that it is ready
    (ready,) = await forge.find(heads=[HEAD], base="main")
    await forge.update(ready, proposal)
    item = desk.requests.get(1)
    assert (item.title, sorted(item.labels)) == ("title", ["auto", "images"])


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
    if kind == "gitea":  # pages are read until one is empty
        desk.server.faults.append(Fault("GET", 200, b"[]", times=2))
    assert await forge.find(heads=[HEAD], base="main") == ()


async def test_gitea_is_asked_for_all_pages_of_open_requests(make_desk):
    desk = make_desk("gitea")
    forge = await desk.open()
    desk.commit()
    first = (await forge.create(desk.proposal())).request
    for number in range(55):
        desk.commit(f"feature-{number}", b"%d" % number)
        desk.requests.create(head=f"feature-{number}", base="main", title="t", body="")
    found = await forge.find(heads=[HEAD], base="main")
    assert [(item.number, item.state) for item in found] == [(first.number, RequestState.OPEN)]
