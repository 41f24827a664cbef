"""What holds for each forge, whatever its API: requests, and everything that goes wrong."""

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.pull_requests import RequestState
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from forges.server import Fault
from integration.forges.conftest import HEAD, TOKEN
from stages.requests import DIALECTS

pytestmark = pytest.mark.lab("git")


@pytest.fixture(params=sorted(DIALECTS))
def desk(make_desk, request):
    return make_desk(request.param)


async def test_a_request_is_created_found_updated_and_closed(desk):
    forge = await desk.open()
    commit = desk.commit()
    assert await forge.find(heads=[HEAD], base="main") == ()
    made = (await forge.create(desk.proposal())).request
    assert (made.head, made.base, made.title, made.body) == (HEAD, "main", "title", "body")
    assert made.state is RequestState.OPEN
    assert commit.startswith(made.head_commit)  # some tell its beginning alone
    assert len(made.head_commit) >= 12
    assert await forge.find(heads=[HEAD, "other"], base="main") == (made,)
    assert await forge.find(heads=[HEAD], base="release") == ()
    changed = (await forge.update(made, desk.proposal(title="t2", body="b2"))).request
    assert (changed.number, changed.title, changed.body) == (made.number, "t2", "b2")
    await forge.close(changed, comment="because")
    (closed,) = await forge.find(heads=[HEAD], base="main")
    assert closed.state is RequestState.CLOSED
    assert desk.requests.get(made.number).comments == ["because"]


async def test_a_merged_request_is_told_apart_from_a_closed_one(desk):
    forge = await desk.open()
    desk.commit()
    made = (await forge.create(desk.proposal())).request
    desk.requests.merge(made.number)
    (merged,) = await forge.find(heads=[HEAD], base="main")
    assert merged.state is RequestState.MERGED


async def test_a_request_that_is_open_already_is_taken_over(desk):
    forge = await desk.open()
    desk.commit()
    first = (await forge.create(desk.proposal())).request
    again = (await forge.create(desk.proposal(body="newer"))).request
    assert (again.number, again.body) == (first.number, "newer")
    assert len(desk.requests.select()) == 1


async def test_a_branch_without_changes_is_refused_with_the_forges_words(desk):
    forge = await desk.open()
    with pytest.raises(GitError) as failed:
        await forge.create(desk.proposal())
    assert failed.value.reason is Reason.PULL_REQUEST_FAILED
    assert "branch" in str(failed.value)


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "waits"),
    [
        ((401, {}), FailureKind.DENIED, Reason.GIT_AUTH_FAILED, []),
        ((403, {}), FailureKind.DENIED, Reason.GIT_AUTH_FAILED, []),
        ((404, {}), FailureKind.REFUSED, Reason.PULL_REQUEST_FAILED, []),
        ((500, {}), FailureKind.TRANSIENT, Reason.GIT_UNREACHABLE, [1.0, 2.0]),
        ((503, {}), FailureKind.RATE_LIMITED, Reason.GIT_UNREACHABLE, [1.0, 2.0]),
        ((429, {"Retry-After": "7"}), FailureKind.RATE_LIMITED, Reason.GIT_UNREACHABLE, [7, 7]),
        ((429, {"Retry-After": "900"}), FailureKind.RATE_LIMITED, Reason.GIT_UNREACHABLE, []),
        ((302, {"Location": "http://127.0.0.1:1/"}),
         FailureKind.CONFIG, Reason.SETTINGS_INVALID, []),
    ],
)  # fmt: skip
async def test_a_refusal_is_sorted_by_what_can_be_done(desk, fault, kind, reason, waits):
    status, headers = fault
    body = b'{"message": "no %s"}' % TOKEN.encode()
    desk.server.faults.append(Fault("GET", status, body, headers, times=9))
    forge = await desk.open()
    with pytest.raises(GitError) as failed:
        await forge.find(heads=[HEAD], base="main")
    assert (failed.value.kind, failed.value.reason) == (kind, reason)
    assert TOKEN not in str(failed.value)
    assert desk.waits == waits


async def test_a_moment_of_weakness_is_waited_for(desk):
    desk.server.faults += [Fault("GET", 502), Fault("GET", 429, headers={"Retry-After": "3"})]
    forge = await desk.open()
    assert await forge.find(heads=[HEAD], base="main") == ()
    assert desk.waits == [1.0, 3.0]


async def test_a_change_is_asked_for_once_where_nobody_knows_whether_it_was_made(desk):
    desk.commit()
    forge = await desk.open()
    desk.server.faults.append(Fault("POST", 500, times=9))
    with pytest.raises(GitError):
        await forge.create(desk.proposal())
    assert len(desk.server.lines("POST")) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'"text"', b"[1]", b"[{}]", b"{}", b'{"values": 1}', b"[" * 100_000, b"null"],
)
async def test_an_answer_of_another_shape_is_told_and_nothing_is_made_of_it(desk, body):
    desk.server.faults.append(Fault("GET", 200, body, times=9))
    forge = await desk.open()
    with pytest.raises(GitError) as failed:
        await forge.find(heads=[HEAD], base="main")
    assert failed.value.reason is Reason.PULL_REQUEST_FAILED


async def test_a_forge_that_is_away_is_told(desk):
    forge = await desk.open()
    desk.server.__exit__(None, None, None)
    with pytest.raises(GitError) as failed:
        await forge.find(heads=[HEAD], base="main")
    assert failed.value.reason is Reason.GIT_UNREACHABLE


@pytest.mark.parametrize(
    "credential",
    [
        GitCredential(CredentialKind.SSH, ssh_private_key="k"),
        GitCredential(CredentialKind.BEARER, bearer_token="t"),
        GitCredential(),
    ],
)
async def test_a_credential_that_no_api_takes_is_refused_before_anything(make_desk, credential):
    desk = make_desk("github", credential=credential)
    with pytest.raises(GitError, match="token") as failed:
        await desk.open()
    assert failed.value.reason is Reason.GIT_AUTH_FAILED
