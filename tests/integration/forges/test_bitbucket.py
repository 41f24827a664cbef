"""Bitbucket alone, in the cloud and of one's own: addresses, people, versions, pages, forks."""

import pytest

from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges import bitbucket, bitbucket_data_center
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from forges.server import Fault
from integration.forges.conftest import HEAD, TOKEN

pytestmark = pytest.mark.lab("git")
BASIC = "Basic am86dA=="  # jo:t
BOTH = ("bitbucket", "bitbucketDataCenter")


def placed(product, url, **fields):
    values = {"kind": CredentialKind.BASIC, "username": "jo", "password": "t"} | fields
    return product.place(Connection(parse_url(url), GitCredential(**values), Trust()))


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({}, BASIC),
        ({"username": "x-token-auth"}, "Bearer t"),
        ({"username": "x-bitbucket-api-token-auth"}, "Bearer t"),
        ({"kind": CredentialKind.BEARER, "bearer_token": "b"}, "Bearer b"),
    ],
)
def test_the_cloud_has_one_address_and_takes_each_kind_of_token(fields, header):
    found = placed(bitbucket, "https://jo@bitbucket.org/acme/deploy.git", **fields)
    assert found.base_url == "https://api.bitbucket.org/2.0"
    assert found.headers == {"Authorization": header}


@pytest.mark.parametrize("host", ["bitbucket.test", "bitbucket.org.evil.test", "evilbitbucket.org"])
def test_a_host_that_only_looks_like_the_cloud_gets_no_credential(host):
    with pytest.raises(GitError, match="bitbucketDataCenter"):
        placed(bitbucket, f"https://{host}/acme/deploy.git")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://git.test/scm/PROJ/deploy.git", "https://git.test/rest/api/1.0"),
        ("https://git.test:7990/scm/~jo/deploy", "https://git.test:7990/rest/api/1.0"),
        ("https://git.test/a/bitbucket/scm/P/d.git", "https://git.test/a/bitbucket/rest/api/1.0"),
    ],
)
def test_a_server_of_ones_own_may_be_below_a_path(url, address):
    found = placed(bitbucket_data_center, url)
    assert (found.base_url, found.headers["Authorization"]) == (address, BASIC)


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"password": "BBDC-1"}, "Bearer BBDC-1"),
        ({"username": "x-token-auth"}, "Bearer t"),
        ({"kind": CredentialKind.BEARER, "bearer_token": "b"}, "Bearer b"),
    ],
)
def test_a_token_for_a_server_of_ones_own_is_told_from_a_password(fields, header):
    found = placed(bitbucket_data_center, "https://git.test/scm/P/d.git", **fields)
    assert found.headers["Authorization"] == header


@pytest.mark.parametrize(
    "url", ["https://git.test/P/d.git", "https://git.test/projects/P/repos/d", "https://git.test/d"]
)
def test_a_url_without_scm_is_no_repository_of_a_server(url):
    with pytest.raises(GitError, match="scm/PROJECT/REPOSITORY"):
        placed(bitbucket_data_center, url)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("credential", [CredentialKind.GITHUB_APP, CredentialKind.SSH])
async def test_what_is_neither_password_nor_token_is_refused_before_anything(
    make_desk, kind, credential
):
    desk = make_desk(kind, credential=GitCredential(credential, ssh_private_key="k"))
    with pytest.raises(GitError):
        await desk.open()
    assert desk.server.calls == []


async def test_a_bearer_token_opens_a_request(make_desk):
    credential = GitCredential(CredentialKind.BEARER, bearer_token=TOKEN)
    desk = make_desk("bitbucketDataCenter", credential=credential)
    desk.commit()
    assert (await (await desk.open()).create(desk.proposal())).request.number == 1


@pytest.mark.parametrize("kind", BOTH)
async def test_reviewers_and_drafts_are_set_and_stay_when_the_text_changes(make_desk, kind):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    names = {
        "bitbucket": ("jo of the team", "{mo}"),
        "bitbucketDataCenter": ("Jo", "mo@example.com"),
    }
    proposal = desk.proposal(reviewers=names[kind], draft=True)
    made = await forge.create(proposal)
    assert made.warnings == ()
    item = desk.requests.get(1)
    assert (sorted(item.reviewers), item.draft) == (["jo", "mo"], True)
    item.draft = False  # a person says that it is ready
    item.reviewers = ["mo"]
    changed = await forge.update(made.request, desk.proposal(body="newer", draft=True))
    assert (changed.request.body, item.reviewers, item.draft) == ("newer", ["mo"], False)


@pytest.mark.parametrize("kind", BOTH)
async def test_what_requests_of_bitbucket_do_not_have_is_a_warning(make_desk, kind):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    made = await forge.create(
        desk.proposal(labels=("a",), assignees=("mo",), reviewers=("nobody",), auto_merge=True)
    )
    told = " ".join(made.warnings)
    merges = kind == "bitbucketDataCenter"
    assert [word in told for word in ("nobody", "labels", "assignees", "automatic merge")] == [
        True, True, True, not merges,
    ]  # fmt: skip
    assert desk.requests.get(1).auto_merge == merges


@pytest.mark.parametrize("kind", BOTH)
async def test_a_reviewer_who_is_refused_costs_a_warning_and_not_the_request(make_desk, kind):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.server.dialect.refused_reviewer = "jo"
    desk.commit()
    kept = ["mo"] if kind == "bitbucketDataCenter" else []  # the cloud does not tell who it is
    made = await forge.create(desk.proposal(reviewers=("jo", "mo")))
    assert ["reviewers" in text for text in made.warnings] == [True]
    assert (made.request.number, desk.requests.get(1).reviewers) == (1, kept)
    item = desk.requests.get(1)
    item.reviewers = ["mo", "jo"]  # who has lost the right to review since
    changed = await forge.update(made.request, desk.proposal(body="newer"))
    assert ["reviewers" in text for text in changed.warnings] == [True]
    assert (item.body, item.reviewers) == ("newer", kept)


@pytest.mark.parametrize(("kind", "status"), [("bitbucket", 400), ("bitbucketDataCenter", 409)])
async def test_a_refusal_for_another_cause_is_not_tried_without_reviewers(make_desk, kind, status):
    desk = make_desk(kind)
    desk.commit()
    desk.server.faults.append(Fault("POST", status, b'{"error": {"message": "no title"}}'))
    with pytest.raises(GitError, match="could not be opened"):
        await (await desk.open()).create(desk.proposal(reviewers=("jo",)))
    assert (len(desk.server.lines("POST")), desk.requests.select()) == (1, [])


@pytest.mark.parametrize(
    ("kind", "place"), [("bitbucket", "members"), ("bitbucketDataCenter", "users")]
)
async def test_a_forge_that_does_not_tell_its_people_costs_a_warning(make_desk, kind, place):
    desk = make_desk(kind)
    desk.server.faults.append(Fault(f"/{place}", 403, b'{"message": "no scope"}'))
    desk.commit()
    made = await (await desk.open()).create(desk.proposal(reviewers=("jo",)))
    assert ["could not be looked up" in text for text in made.warnings] == [True]


async def test_the_members_of_a_workspace_are_read_page_by_page(make_desk):
    desk = make_desk("bitbucket")
    desk.server.dialect.members = tuple(f"person-{number}" for number in range(30))
    desk.server.dialect.page_size = 10
    desk.commit()
    made = await (await desk.open()).create(desk.proposal(reviewers=("person-15", "person-11")))
    assert (made.warnings, len(desk.server.lines("GET"))) == ((), 2)
    assert sorted(desk.requests.get(1).reviewers) == ["person-11", "person-15"]


async def test_a_page_at_another_address_is_not_read(make_desk):
    desk = make_desk("bitbucket")
    body = b'{"values": [], "next": "https://evil.test/2.0/more"}'
    desk.server.faults.append(Fault("GET", 200, body))
    with pytest.raises(GitError, match="another address"):
        await (await desk.open()).find(heads=[HEAD], base="main")


@pytest.mark.parametrize("kind", BOTH)
async def test_the_branch_of_a_fork_is_not_ours_and_hides_none_of_ours(make_desk, kind):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    first = (await forge.create(desk.proposal())).request
    item = desk.requests.get(1)
    item.state = "merged"
    for number in range(2, 6):
        desk.requests.create(head=HEAD, base="main", title="theirs", body="").state = "closed"
        desk.server.dialect.homes[number] = "evil/deploy" if kind == "bitbucket" else "evil"
    if kind == "bitbucket":
        desk.server.dialect.homes[5] = ""  # of a fork that is gone
    desk.server.dialect.page_size = 2
    found = await forge.find(heads=[HEAD], base="main")
    assert [(one.number, one.state) for one in found] == [(first.number, RequestState.MERGED)]


@pytest.mark.parametrize("kind", BOTH)
async def test_an_open_request_is_found_behind_the_pages_of_those_that_ended(make_desk, kind):
    desk = make_desk(kind)
    forge = await desk.open()
    desk.commit()
    for number in range(30):
        desk.requests.create(head=HEAD, base="main", title=f"t{number}", body="").state = "closed"
    await forge.create(desk.proposal())
    desk.server.dialect.page_size = 7
    found = await forge.find(heads=[HEAD], base="main")
    assert [one.number for one in found][:2] == [31, 30]
    assert 20 <= len(found) <= 21


async def test_a_quote_in_the_name_of_a_branch_stays_in_its_condition(make_desk):
    desk = make_desk("bitbucket")
    base = 'x" OR "1" = "1'
    assert await (await desk.open()).find(heads=[HEAD], base=base) == ()


@pytest.mark.parametrize("races", [1, 2])
async def test_a_change_is_made_once_more_for_the_version_that_somebody_made(make_desk, races):
    desk = make_desk("bitbucketDataCenter")
    forge = await desk.open()
    desk.commit()
    made = (await forge.create(desk.proposal())).request
    desk.server.dialect.races = races
    if races > 1:
        with pytest.raises(GitError, match="out of date"):
            await forge.update(made, desk.proposal(body="newer"))
        return
    await forge.update(made, desk.proposal(body="newer"))
    assert desk.requests.get(1).body == "newer"
    assert len(desk.server.lines("PUT")) == 2
    desk.server.dialect.races = 1
    await forge.close(made, comment="because")
    item = desk.requests.get(1)
    assert (item.state, item.comments) == ("closed", ["because"])


async def test_a_server_that_knows_no_drafts_costs_a_warning(make_desk):
    desk = make_desk("bitbucketDataCenter")
    desk.server.dialect.knows_drafts = False
    desk.commit()
    made = await (await desk.open()).create(desk.proposal(draft=True))
    assert ["draft" in text for text in made.warnings] == [True]
