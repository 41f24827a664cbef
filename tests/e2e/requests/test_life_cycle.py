"""A pull request from its first commit to its end, at each forge, by the whole program."""

import pytest

from argocd_image_updater.core.pull_requests import read_marker
from stages.requests import DIALECTS

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
MESSAGE = "build: automatic update of web"


@pytest.fixture(params=sorted(DIALECTS))
def stage(make_stage, request):
    return make_stage(request.param)


def proposed(stage, *words):
    """Run the program; return the decision about the one image and the newest request."""
    outcome = stage.run(*words)
    return outcome.image("web"), stage.newest()


def test_a_request_is_opened_updated_in_place_and_ends_when_it_is_merged(stage):
    before = stage.requests.tip("main")
    decision, request = proposed(stage)
    assert (decision["reason"], request.state) == ("Updated", "open")
    assert (stage.tag(request.head), stage.tag("main")) == ("1.1.0", "1.0.0")
    assert stage.requests.tip("main") == before
    assert request.title == MESSAGE
    assert f"`{stage.image()}` | `1.0.0` | `1.1.0`" in request.body
    assert "+  tag: 1.1.0 # of the stage" in request.body
    assert read_marker(request.body).head == stage.requests.tip(request.head)

    first = stage.requests.tip(request.head)
    writes = len(stage.forge.calls) - len(stage.forge.lines("GET"))
    decision, request = proposed(stage)
    assert decision["reason"] == "PullRequestOpen"
    assert stage.requests.tip(request.head) == first
    assert len(stage.forge.calls) - len(stage.forge.lines("GET")) == writes

    stage.push("1.2.0")
    decision, request = proposed(stage)
    assert (decision["reason"], request.number) == ("Updated", 1)
    assert stage.tag(request.head) == "1.2.0"
    assert stage.log(branch=request.head) == [MESSAGE, "Begin"]
    assert "`1.0.0` | `1.2.0`" in request.body

    stage.requests.merge(1)
    lines = len(stage.forge.calls)
    outcome = stage.run()
    assert outcome.reason("web") in {"AlreadySet", "UpToDate"}
    assert len(stage.forge.calls) == lines
    assert stage.tag("main") == "1.2.0"


def test_a_moved_base_makes_the_branch_anew(stage):
    _, request = proposed(stage)
    base = stage.commit("other", b"theirs")
    decision, request = proposed(stage)
    assert (decision["reason"], request.number) == ("PullRequestOpen", 1)
    assert stage.log(branch=request.head, pattern="%H")[1:] == stage.log(pattern="%H")
    assert stage.log(pattern="%H")[0] == base


def test_what_a_person_closed_is_not_proposed_again_until_a_newer_version_exists(stage):
    _, request = proposed(stage)
    request.state = "closed"
    outcome = stage.run()
    assert outcome.reason("web") == "PullRequestDeclined"
    assert len(stage.requests.select()) == 1
    stage.push("1.2.0")
    decision, request = proposed(stage)
    assert (decision["reason"], request.number, request.state) == ("Updated", 2, "open")
    assert stage.tag(request.head) == "1.2.0"


def test_what_somebody_pushed_to_the_branch_is_kept(stage):
    _, request = proposed(stage)
    stage.commit("fix", b"by a person", branch=request.head)
    stage.commit("other", b"theirs")
    stage.push("1.2.0")
    decision, request = proposed(stage)
    assert (decision["reason"], request.number) == ("Updated", 1)
    assert stage.tag(request.head) == "1.2.0"
    assert stage.file("fix", branch=request.head) == "by a person"
    stage.commit("another", b"theirs")
    proposed(stage)
    assert stage.file("fix", branch=request.head) == "by a person"


def test_a_dry_run_pushes_nothing_and_tells_no_forge(stage):
    outcome = stage.run("--dry-run")
    assert outcome.reason("web") == "WouldUpdate"
    assert (stage.requests.select(), stage.forge.calls) == ([], [])
