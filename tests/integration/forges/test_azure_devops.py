"""Azure DevOps alone: addresses, people, labels, completion, long descriptions, pages, forks."""

import pytest

from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.azure_devops import AzureDevOps, place
from argocd_image_updater.git.forges.clients import ForgeClients
from argocd_image_updater.git.forges.kinds import FORGES
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from forges.azure_devops import identity
from forges.server import Fault
from integration.forges.conftest import HEAD

pytestmark = pytest.mark.lab("git")
CLOUD, OLD = "https://dev.azure.com/acme", "https://acme.visualstudio.com"


def connected(url, **fields):
    values = {"kind": CredentialKind.BASIC, "username": "any", "password": "pat"} | fields
    return Connection(parse_url(url), GitCredential(**values), Trust())


@pytest.mark.parametrize(
    ("url", "address", "root"),
    [
        ("https://acme@dev.azure.com/acme/My%20Project/_git/repo", CLOUD, "/My%20Project"),
        ("https://dev.azure.com/acme/_git/repo", CLOUD, "/repo"),
        (f"{OLD}/project/_git/repo", OLD, "/project"),
        (f"{OLD}/DefaultCollection/project/_git/repo", f"{OLD}/DefaultCollection", "/project"),
        (f"{OLD}/DefaultCollection/_git/repo", f"{OLD}/DefaultCollection", "/repo"),
        (f"{OLD}/_git/repo", OLD, "/repo"),
        ("https://tfs.test/tfs/Main/project/_git/repo", "https://tfs.test/tfs/Main", "/project"),
        ("https://tfs.test/tfs/Main/_git/repo", "https://tfs.test/tfs/Main", "/repo"),
        ("https://tfs.test:8443/Main/project/_git/repo", "https://tfs.test:8443/Main", "/project"),
        ("https://tfs.test/Main/_git/repo", "https://tfs.test/Main", "/repo"),
    ],
)
async def test_the_address_of_the_api_follows_from_the_repository(url, address, root):
    connection = connected(url)
    assert place(connection).base_url == address
    clients = ForgeClients()
    forge = AzureDevOps(await clients.open(FORGES["azureDevOps"], connection), connection)
    assert forge._root == f"{root}/_apis/git/repositories/repo/pullrequests"
    await clients.close()


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({}, "Basic YW55OnBhdA=="),
        ({"kind": CredentialKind.BEARER, "bearer_token": "b"}, "Bearer b"),
    ],
)
def test_a_personal_token_is_a_password_and_one_of_an_identity_is_sent_as_it_is(fields, header):
    found = place(connected(f"{CLOUD}/project/_git/repo", **fields))
    assert found.headers["Authorization"] == header


@pytest.mark.parametrize(
    "url", [f"{CLOUD}/project/repo", "https://dev.azure.com/_git/repo", f"{CLOUD}/_git/repo/x"]
)
def test_a_url_of_another_form_is_no_repository(url):
    with pytest.raises(GitError, match=r"_git/REPOSITORY|no organization"):
        place(connected(url))


async def test_labels_people_drafts_and_automatic_completion_are_set(make_desk):
    desk = make_desk("azureDevOps")
    forge = await desk.open()
    desk.commit()
    proposal = desk.proposal(
        labels=("images", "auto"),
        reviewers=("JO@example.com", "Platform", "mo", identity("zoe")),
        draft=True,
        auto_merge=True,
    )
    made = await forge.create(proposal)
    item = desk.requests.get(1)
    assert made.warnings == ()
    assert (item.labels, item.draft, item.auto_merge) == (["images", "auto"], True, True)
    assert sorted(item.reviewers) == sorted(map(identity, ("jo", "platform", "mo", "zoe")))
    item.labels = ["auto", "theirs"]
    await forge.update(made.request, proposal)
    assert item.labels == ["auto", "theirs", "images"]


async def test_what_cannot_be_set_is_a_warning(make_desk):
    desk = make_desk("azureDevOps")
    forge = await desk.open()
    desk.commit()
    desk.server.faults += [
        Fault("/labels", 403, b'{"message": "no labels"}'),
        Fault("PATCH", 400, b'{"message": "no completion"}'),
    ]
    made = await forge.create(
        desk.proposal(labels=("a",), reviewers=("nobody",), assignees=("mo",), auto_merge=True)
    )
    told = " ".join(made.warnings)
    wanted = ("no labels", "nobody", "assignees", "no completion")
    assert [word in told for word in wanted] == [True] * 4
    desk.server.faults.append(Fault("/teams", 500, times=3))
    desk.commit("other")
    made = await forge.create(desk.proposal(reviewers=("jo",), body="again"))
    assert made.request.number == 1  # taken over, and nobody is asked again


async def test_teams_that_cannot_be_read_cost_a_warning(make_desk):
    desk = make_desk("azureDevOps")
    desk.commit()
    desk.server.faults.append(Fault("/teams", 403, b"{}"))
    made = await (await desk.open()).create(desk.proposal(reviewers=("jo", identity("mo"))))
    assert ["could not be looked up" in text for text in made.warnings] == [True]
    assert desk.requests.get(1).reviewers == [identity("mo")]


@pytest.mark.parametrize("size", [10, 399, 400, 401, 4000])
async def test_a_description_is_read_to_its_end_although_a_list_tells_its_beginning(
    make_desk, size
):
    desk = make_desk("azureDevOps")
    forge = await desk.open()
    desk.commit()
    body = "b" * (size - 3) + "end"
    await forge.create(desk.proposal(body=body))
    (found,) = await forge.find(heads=[HEAD], base="main")
    assert found.body == body


async def test_the_branch_of_a_fork_is_not_ours_and_hides_none_of_ours(make_desk):
    desk = make_desk("azureDevOps")
    forge = await desk.open()
    desk.commit()
    first = (await forge.create(desk.proposal())).request
    desk.requests.get(1).state = "merged"
    for number in range(2, 152):  # more than a page
        desk.requests.create(head=HEAD, base="main", title="theirs", body="").state = "closed"
        desk.server.dialect.forks.add(number)
    found = await forge.find(heads=[HEAD], base="main")
    assert [(one.number, one.state) for one in found] == [(first.number, RequestState.MERGED)]


async def test_of_those_that_ended_the_newest_are_read(make_desk):
    desk = make_desk("azureDevOps")
    forge = await desk.open()
    desk.commit()
    for _ in range(30):
        desk.requests.create(head=HEAD, base="main", title="t", body="").state = "closed"
    await forge.create(desk.proposal())
    found = await forge.find(heads=[HEAD], base="main")
    assert [one.number for one in found] == [31, *range(30, 10, -1)]
