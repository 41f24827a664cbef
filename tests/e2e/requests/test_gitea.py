"""Pull requests at a real Gitea, by the whole program: it keeps branches, requests and people."""

import contextlib
import itertools

import pytest

from argocd_image_updater.core.pull_requests import read_marker
from servers.gitea_server import BOT, OWNER, PERSON, GiteaServer
from stages.gitea import GiteaStage

pytestmark = pytest.mark.lab("docker-registry", "git", "gitea")
MESSAGE = "build: automatic update of web"
_names = itertools.count()


@pytest.fixture(scope="module")
def gitea(tmp_path_factory):
    with GiteaServer(tmp_path_factory.mktemp("gitea")) as running:
        yield running


@pytest.fixture
def make_stage(tmp_path, registry, gitea):
    with contextlib.ExitStack() as opened:

        def make(**options):
            name = f"{OWNER}/tea{next(_names)}"
            stage = GiteaStage(tmp_path, name, registry, gitea, **options)
            opened.callback(stage.close)
            return stage

        yield make


def proposed(stage):
    """Run the program; return the reason of the one image and the newest request."""
    outcome = stage.run()
    return outcome.reason("web"), stage.newest()


def test_a_request_lives_from_its_first_commit_to_its_merge(make_stage):
    stage = make_stage()
    before = stage.requests.tip("main")
    reason, request = proposed(stage)
    assert (reason, request.state, request.author) == ("Updated", "open", BOT)
    assert (stage.tag(request.head), stage.tag("main")) == ("1.1.0", "1.0.0")
    assert stage.requests.tip("main") == before
    assert request.title == MESSAGE
    assert "+  tag: 1.1.0 # of the stage" in request.body
    assert read_marker(request.body).head == stage.requests.tip(request.head)

    assert proposed(stage)[0] == "PullRequestOpen"
    stage.push("1.2.0")
    reason, request = proposed(stage)
    assert (reason, request.number) == ("Updated", 1)
    assert stage.tag(request.head) == "1.2.0"
    assert stage.log(branch=request.head) == [MESSAGE, "Begin"]
    assert "`1.0.0` | `1.2.0`" in request.body

    base = stage.commit("other", b"theirs")
    reason, request = proposed(stage)
    assert (reason, request.number) == ("PullRequestOpen", 1)
    assert stage.log(branch=request.head, pattern="%H")[1] == base

    stage.requests.merge(1)
    assert stage.tag("main") == "1.2.0"
    assert stage.requests.tip(request.head) == ""
    assert stage.run().reason("web") in {"AlreadySet", "UpToDate"}
    stage.push("1.3.0")
    reason, request = proposed(stage)
    assert (reason, request.number, request.state) == ("Updated", 2, "open")
    assert stage.tag(request.head) == "1.3.0"


def test_what_a_person_closed_stays_closed_until_a_newer_version_exists(make_stage):
    stage = make_stage()
    proposed(stage)
    stage.requests.close(1)
    assert stage.run().reason("web") == "PullRequestDeclined"
    assert [item.number for item in stage.requests.select()] == [1]
    stage.push("1.2.0")
    reason, request = proposed(stage)
    assert (reason, request.number, request.state) == ("Updated", 2, "open")
    assert stage.tag(request.head) == "1.2.0"


def test_what_a_person_pushed_to_the_branch_is_kept(make_stage):
    stage = make_stage()
    _, request = proposed(stage)
    stage.commit("fix", b"by a person", branch=request.head)
    stage.commit("other", b"theirs")
    stage.push("1.2.0")
    reason, request = proposed(stage)
    assert (reason, request.number) == ("Updated", 1)
    assert stage.tag(request.head) == "1.2.0"
    assert stage.file("fix", branch=request.head) == "by a person"


def test_labels_and_people_are_set_and_what_is_not_there_is_a_warning(make_stage, gitea):
    stage = make_stage(
        block={
            "labels": ["images", "everywhere", "unknown"],
            "reviewers": [PERSON, f"{OWNER}/writers"],
            "assignees": [PERSON],
            "draft": True,
        }
    )
    label = {"color": "#00aabb"}
    stage.requests.ask("POST", "/labels", {"name": "images", **label})
    gitea.ask("POST", f"/orgs/{OWNER}/labels", {"name": "everywhere", **label})
    outcome = stage.run()
    assert outcome.reason("web") == "Updated"
    assert "there is no label unknown" in outcome.err
    request = stage.requests.get(1)
    assert sorted(request.labels) == ["everywhere", "images"]
    assert (request.assignees, request.reviewers) == ([PERSON], [PERSON])
    assert request.teams == ["writers"]
    assert request.title == f"WIP: {MESSAGE}"
    stage.requests.ask("PATCH", "/pulls/1", {"title": MESSAGE})  # it is ready
    stage.push("1.2.0")
    assert proposed(stage)[1].title == MESSAGE


def test_a_request_is_merged_by_itself_when_its_check_passes(make_stage):
    stage = make_stage(block={"autoMerge": True})
    rule = {"rule_name": "main", "enable_status_check": True, "status_check_contexts": ["ci"]}
    stage.requests.ask("POST", "/branch_protections", rule)
    reason, request = proposed(stage)
    assert (reason, request.state) == ("Updated", "open")
    status = {"context": "ci", "state": "success"}
    stage.requests.ask("POST", f"/statuses/{request.head_commit}", status)
    stage.requests.until(1, lambda item: item.state == "merged")
    assert stage.tag("main") == "1.1.0"


def test_a_request_from_a_fork_with_the_same_branch_is_left_alone(make_stage, gitea):
    stage = make_stage()
    _, request = proposed(stage)
    stage.requests.merge(1)
    fork = stage.requests.ask("POST", "/forks", {})["full_name"]
    gitea.commit(fork, {"evil": b"x"}, branch=request.head, new=True)
    body = {"head": f"{PERSON}:{request.head}", "base": "main", "title": "theirs", "body": "b"}
    stage.requests.ask("POST", "/pulls", body)
    stage.push("1.2.0")
    reason, newest = proposed(stage)
    assert (reason, newest.number, newest.author) == ("Updated", 3, BOT)
    theirs = stage.requests.select()[1]
    assert (theirs.state, theirs.title, theirs.body) == ("open", "theirs", "b")


def test_other_branch_names_are_taken_over_with_a_word_and_a_link(make_stage):
    stage = make_stage(config={"pullRequestBranch": "perVersion"})
    proposed(stage)
    stage.config = {}
    stage.propose_by({})
    reason, newest = proposed(stage)
    assert (reason, newest.number) == ("Updated", 2)
    assert stage.requests.select()[1].state == "closed"
    assert stage.requests.comments(1) == [f"Superseded by {newest.url}"]


def test_a_token_that_is_not_valid_is_told_as_such(make_stage):
    stage = make_stage()
    access = stage.manifests / "secret-git-server.yaml"
    access.write_text(access.read_text().replace(stage.git.password, "0" * 40))
    assert stage.run().reason("web") == "GitAuthFailed"
