"""Commits that GitHub makes: on the branch itself, on new and rebuilt ones, and what fails."""

from dataclasses import replace

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.errors import ConflictError
from argocd_image_updater.git.api_push import WORK_PREFIX, ApiCommits
from argocd_image_updater.git.credentials import CredentialKind
from argocd_image_updater.net.timing import Timing
from forges.github import GitHubDialect
from forges.model import RequestModel
from forges.server import Fault, ForgeServer
from integration.git.scenes import batch, errors, own_key, own_secret, planned, statuses
from servers.git_server import commit_files, file_at, git, log, tip, write_hook

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap")
GRAPHQL = "POST /api/graphql"
PUSHED = ["pushed", "pushed"]


async def no_sleep(_seconds):
    return None


class Place:
    """One repository at a GitHub of the tests, and an engine that has it make the commits."""

    def __init__(self, server, bare, name, make_engine):
        self.bare = bare
        self.key = own_key(server.url(f"acme/{name}"))
        self.dialect = GitHubDialect(RequestModel(bare), token=server.password, name=name)
        self.api = ApiCommits(timing=Timing(sleep=no_sleep))
        self.forge = ForgeServer(self.dialect, port=server.api_port)
        self._server = server
        self._make_engine = make_engine
        self.engine = self.new_engine()

    def new_engine(self, *, app=True, **options):
        fields = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": "k"}
        app_secret = Secret(
            ObjectKey("team", "creds"), {name: text.encode() for name, text in fields.items()}
        )
        secret = app_secret if app else own_secret(self._server)
        return self._make_engine(
            api=self.api,
            exchange=self,
            secrets=[secret],
            ca_file=self._server.ca_file,
            **options,
        )

    def serves(self, credential):
        return credential.kind is CredentialKind.GITHUB_APP

    def refused(self, _credential):
        return False

    async def exchange(self, connection):
        return replace(
            connection.credential,
            kind=CredentialKind.BASIC,
            username=self._server.username,
            password=self._server.password,
        )

    @property
    def inputs(self):
        return self.dialect.commits.inputs

    def two(self, **options):
        return batch(self.key, planned("a", b"1", b"2"), planned("d/b", b"1", b"2"), **options)

    async def push(self, **options):
        return await self.engine.push(self.two(**options))

    def rival(self, path="other", *, branch="main"):
        return commit_files(self.bare, {path: b"theirs"}, branch=branch)

    def branches(self):
        found = git("-C", self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads")
        return found.decode().split()


@pytest.fixture
async def place(server, repository_name, make_engine):
    bare = server.repository(f"acme/{repository_name}", {"a": b"1", "d/b": b"1", "c": b"1"})
    made = Place(server, bare, repository_name, make_engine)
    with made.forge:
        yield made
    await made.api.close()


async def test_several_commits_are_made_in_order_on_the_branch(place):
    result = await place.push()
    assert (statuses(result), result.attempts) == (PUSHED, 1)
    newest, second, first = log(place.bare, pattern="%H")
    assert [item.commit for item in result.results] == [second, newest]
    assert result.tip == newest
    assert (file_at(place.bare, "a"), file_at(place.bare, "d/b")) == (b"2", b"2")
    assert [one["expectedHeadOid"] for one in place.inputs] == [first, second]
    assert place.inputs[0] == {
        "branch": place.inputs[0]["branch"],
        "expectedHeadOid": first,
        "message": {"headline": "build: automatic update of a"},
        "fileChanges": {"additions": [{"path": "a", "contents": "Mg=="}]},
    }
    assert log(place.bare, pattern="%an")[0] == "deploy[bot]"
    assert [line for line in place.forge.lines() if "refs" in line] == []
    again = await place.push()
    assert statuses(again) == ["unchanged", "unchanged"]


async def test_what_was_made_is_known_and_the_next_change_goes_on_top(place, server):
    await place.push()
    server.forget_requests()
    result = await place.engine.push(batch(place.key, planned("a", b"2", b"3")))
    assert statuses(result) == ["pushed"]
    assert len(log(place.bare)) == 4
    assert server.request_counts()["ls-refs"] <= 1


async def test_headline_and_body_come_from_the_message_without_sign_off(place):
    engine = place.new_engine(sign_off=True)
    one = replace(planned("a", b"1", b"2"), message="\n head \n\nbody\n\nFixes: b\n")
    two = replace(planned("d/b", b"1", b"2"), message=" \n")
    await engine.push(batch(place.key, one, two))
    assert [item["message"] for item in place.inputs] == [
        {"headline": "head", "body": "body\n\nFixes: b"},
        {"headline": "Update container image versions"},
    ]


async def test_a_new_branch_is_made_first(place):
    result = await place.push(push_branch="update/x")
    assert (statuses(result), result.branch) == (PUSHED, "refs/heads/update/x")
    assert len(log(place.bare, "update/x")) == 3
    assert len(log(place.bare)) == 1
    assert len([line for line in place.forge.lines("POST") if line.endswith("/git/refs")]) == 1


async def test_a_branch_that_somebody_made_in_between_is_gone_on_with(place):
    def now():
        if "update/x" not in place.branches():
            commit_files(place.bare, {"other": b"x"}, branch="update/x", base=tip(place.bare))

    engine = place.new_engine(check_turn=now)
    result = await engine.push(place.two(push_branch="update/x"))
    assert (statuses(result), result.attempts) == (PUSHED, 2)
    assert file_at(place.bare, "other", "update/x") == b"x"


async def test_a_branch_that_moved_leads_to_a_new_computation(place):
    moves = iter(range(1))

    def move():
        if next(moves, None) is not None:
            place.rival()

    result = await place.new_engine(check_turn=move).push(place.two())
    assert (statuses(result), result.attempts) == (PUSHED, 2)
    assert file_at(place.bare, "other") == b"theirs"
    assert len(log(place.bare)) == 4


async def test_what_was_made_before_the_branch_moved_counts_once(place):
    rivals = iter(["x", "y"])
    place.dialect.commits.after = lambda: (name := next(rivals, "")) and place.rival(name)
    result = await place.push()
    assert statuses(result) == PUSHED
    subjects = log(place.bare)
    assert len(subjects) == 5
    made = [line.split()[0] for line in log(place.bare, pattern="%H %s") if "automatic" in line]
    assert [item.commit for item in reversed(result.results)] == made


async def test_a_branch_that_never_stands_still_is_a_rejected_push(place):
    place.dialect.commits.errors = [{"type": "STALE_DATA", "message": "moved"}] * 9
    result = await place.push()
    assert (statuses(result), result.attempts) == (["failed", "failed"], 5)
    assert "keeps moving" in errors(result)[0]
    assert result.results[0].error.reason == "PushRejected"


@pytest.mark.parametrize("how", ["died", "no JSON", "other JSON", "busy"])
async def test_a_commit_that_was_made_although_the_server_failed_is_recognised(place, how):
    answer = {"died": (500, {}), "no JSON": (502, None), "other JSON": (200, {"data": 1})}
    status, content = answer.get(how, (503, {"message": "busy"}))
    made = place.dialect.commits.create_commit
    calls = []

    def lossy(wanted):
        told = made(wanted)
        calls.append(told)
        return (status, content, {}) if len(calls) == 1 else told

    place.dialect.commits.create_commit = lossy
    result = await place.push()
    assert (statuses(result), result.attempts) == (PUSHED, 1)
    assert len(log(place.bare)) == 3
    assert result.tip == tip(place.bare)


async def test_it_is_recognised_below_commits_of_others_too(place):
    made = place.dialect.commits.create_commit
    calls = []

    def lossy(wanted):
        told = made(wanted)
        calls.append(told)
        if len(calls) > 1:
            return told
        place.rival("x")
        place.rival("y")
        return 500, {}, {}

    place.dialect.commits.create_commit = lossy
    result = await place.push()
    assert (statuses(result), result.attempts) == (PUSHED, 2)
    assert len(log(place.bare)) == 5


async def test_a_failure_that_made_nothing_is_tried_again(place):
    place.forge.faults.append(Fault(GRAPHQL, 500))
    result = await place.push()
    assert (statuses(result), result.attempts) == (PUSHED, 2)
    assert len(log(place.bare)) == 3


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        ({"type": "UNPROCESSABLE", "message": "rule violations"}, "PushRejected", "rule"),
        ({"type": "FORBIDDEN", "message": "not accessible"}, "GitAuthFailed", "accessible"),
        ({"type": "RATE_LIMITED", "message": "slow down"}, "GitUnreachable", "slow down"),
        ({"message": "Something went wrong while executing"}, "GitUnreachable", "went wrong"),
    ],
)
async def test_a_refusal_is_told_with_the_words_of_github(place, error, reason, told):
    place.dialect.commits.errors = [None, *[error] * 9]
    result = await place.push()
    assert statuses(result) == ["pushed", "failed"]
    assert result.results[1].error.reason == reason
    assert told in errors(result)[0]
    assert len(log(place.bare)) == 2


async def test_a_token_without_the_right_is_told_which_one_it_lacks(place):
    place.forge.faults.append(Fault(GRAPHQL, 403, b'{"message": "no"}'))
    result = await place.push()
    assert statuses(result) == ["failed", "failed"]
    assert "contents of the repository" in errors(result)[0]


async def test_a_branch_is_made_anew_without_being_empty_for_a_moment(place):
    await place.push(push_branch="update")
    before = tip(place.bare, "update")
    place.rival()
    write_hook(
        place.bare,
        "update",
        '[ "$1" != refs/heads/update ] || [ "$3" != "$(git rev-parse main)" ]',
    )
    result = await place.new_engine().push(place.two(push_branch="update", replaces=before))
    assert (statuses(result), result.attempts) == (PUSHED, 1)
    assert result.tip == tip(place.bare, "update")
    assert log(place.bare, "update", "%H")[2:] == log(place.bare, pattern="%H")
    assert [item.commit for item in reversed(result.results)] == log(place.bare, "update", "%H")[:2]
    assert log(place.bare, "update", "%an")[0] == "deploy[bot]"
    assert place.branches() == ["main", "update"]


async def test_a_commit_that_comes_while_a_branch_is_made_anew_is_kept(place):
    await place.push(push_branch="update")
    before = tip(place.bare, "update")
    place.rival()
    rivals = iter(["x"])
    place.dialect.commits.after = lambda: (
        (name := next(rivals, "")) and place.rival(name, branch="update")
    )
    result = await place.new_engine().push(place.two(push_branch="update", replaces=before))
    assert statuses(result) == ["unchanged", "unchanged"]
    assert file_at(place.bare, "x", "update") == b"theirs"
    assert place.branches() == ["main", "update"]


async def test_what_a_killed_process_left_of_a_rebuild_is_used_for_the_next(place):
    await place.push(push_branch="update")
    before = tip(place.bare, "update")
    place.rival()
    place.forge.faults.append(Fault(GRAPHQL, 403, b'{"message": "no"}'))
    write_hook(place.bare, "update", f"case $1 in *{WORK_PREFIX}*) exit 1;; esac")
    failed = await place.new_engine().push(place.two(push_branch="update", replaces=before))
    assert statuses(failed) == ["failed", "failed"]
    assert len(place.branches()) == 3
    (place.bare / "hooks" / "update").unlink()
    place.rival("z")
    result = await place.new_engine().push(place.two(push_branch="update", replaces=before))
    assert statuses(result) == PUSHED
    assert place.branches() == ["main", "update"]
    assert file_at(place.bare, "z", "update") == b"theirs"


async def test_without_a_github_app_git_makes_the_commits_and_a_warning_says_so(place):
    result = await place.new_engine(app=False).push(place.two())
    assert statuses(result) == PUSHED
    assert "need the credential of a GitHub App" in result.warnings[0]
    assert place.forge.calls == []
    assert log(place.bare, pattern="%an")[0] == "argocd-image-updater"


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_process_that_may_not_go_on_tells_what_it_made_until_then(place, turns):
    left = iter(range(turns))

    def check():
        if next(left, None) is None:
            raise ConflictError("another replica works")

    result = await place.new_engine(check_turn=check).push(place.two())
    assert statuses(result) == [*["pushed"] * turns, *["failed"] * (2 - turns)]
    assert len(place.inputs) == turns


async def test_a_preview_asks_no_api(place):
    assert statuses(await place.engine.preview(place.two())) == ["planned", "planned"]
    assert place.forge.calls == []
