"""Requests when something breaks in between, and when people want them otherwise."""

import signal

import pytest

from argocd_image_updater.core.pull_requests import read_marker
from forges.server import Fault
from stages.repeated import Repeated
from stages.standalone import application, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
MESSAGE = "build: automatic update of web"


@pytest.fixture
def stage(make_stage):
    return make_stage("github")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_at_the_push_leaves_one_commit_and_one_request(stage, moment):
    stage.die_at("push", moment)
    stage.finish(stage.start("run", "--once"))
    assert stage.requests.select() == []
    outcome = stage.run()
    assert outcome.reason("web") == "Updated"
    (request,) = stage.requests.select()
    assert stage.log(branch=request.head) == [MESSAGE, "Begin"]
    assert stage.run().reason("web") == "PullRequestOpen"


def test_a_forge_that_fails_after_the_push_is_told_in_the_next_cycle(stage):
    stage.forge.faults.append(Fault("POST /api/v3/repos", 422, b'{"message": "not now"}'))
    outcome = stage.run()
    assert outcome.reason("web") == "PullRequestFailed"
    assert "not now" in outcome.image("web")["message"]
    assert stage.run().reason("web") == "Updated"
    (request,) = stage.requests.select()
    assert stage.log(branch=request.head) == [MESSAGE, "Begin"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("GET", 403, times=9), "GitAuthFailed"),
        (Fault("GET", 429, headers={"Retry-After": "600"}), "GitUnreachable"),
        (Fault("GET", 200, b"<html>"), "PullRequestFailed"),
    ],
)
def test_a_forge_that_cannot_be_asked_means_that_nothing_is_pushed(stage, fault, reason):
    stage.forge.faults.append(fault)
    assert stage.run().reason("web") == reason
    assert stage.requests.tip("main")
    assert list(stage.bare().glob("refs/heads/image-updater-*")) == []
    stage.forge.faults.clear()
    assert stage.run().reason("web") == "Updated"


def test_an_open_request_with_nothing_new_costs_the_forge_nothing(stage):
    running = Repeated(stage, "--interval", "50ms")
    reports = running.reports(2)
    asked = len(stage.forge.calls)
    reports = running.reports(len(reports) + 5)
    assert [one["images"][0]["reason"] for one in reports[1:]] == ["PullRequestOpen"] * (
        len(reports) - 1
    )
    assert len(stage.forge.calls) == asked
    stage.push("1.2.0")
    running.wait_for(lambda: "1.2.0" in stage.tag(stage.head()))
    running.process.send_signal(signal.SIGTERM)
    stage.finish(running.process)


def test_each_version_has_a_request_of_its_own_where_that_is_wanted(make_stage):
    stage = make_stage("github", config={"pullRequestBranch": "perVersion"})
    assert stage.run().reason("web") == "Updated"
    first = stage.newest()
    stage.push("1.2.0")
    assert stage.run().reason("web") == "Updated"
    second = stage.newest()
    assert (second.number, second.state, first.state) == (2, "open", "closed")
    assert first.head != second.head
    address = f"https://github.test/acme/{stage.repository_name}/pull/2"
    assert first.comments == [f"Superseded by {address}"]
    assert stage.run().reason("web") == "PullRequestOpen"


def test_requests_of_other_branch_names_are_taken_over(make_stage):
    stage = make_stage("github", config={"pullRequestBranch": "perVersion"})
    stage.run()
    stage.config = {}
    stage.propose_by({})
    assert stage.run().reason("web") == "Updated"
    newest, oldest = stage.requests.select()
    assert (newest.state, oldest.state) == ("open", "closed")
    assert newest.head == oldest.head.rpartition("-")[0]


def test_a_person_who_rewrites_the_text_keeps_the_branch(stage):
    stage.run()
    request = stage.newest()
    request.body = "I took this over"
    first = stage.requests.tip(request.head)
    stage.push("1.2.0")
    assert stage.run().reason("web") == "Updated"
    assert stage.log(branch=request.head, pattern="%H")[1] == first
    assert read_marker(request.body).shared


def test_applications_that_share_a_target_share_a_request(stage):
    stage.push("2.0.0", "2.1.0", image="api")
    text = stage.values("web")["web/values.yaml"].decode()
    text += f"api:\n  name: {stage.image('api')}\n  tag: 2.0.0\n"
    stage.commit("web/values.yaml", text.encode())
    stage.add(application("api", source(stage.url(), "web")))
    config = {"pullRequest": {"github": {}}, "writeBackTarget": "helmvalues"}
    helm = {"manifestTargets": {"helm": {"name": "api.name", "tag": "api.tag"}}}
    stage.add(
        resource(
            "updater",
            [
                reference("web", images(web=f"{stage.image()}:1.x")),
                reference("api", images(api=(f"{stage.image('api')}:2.x", helm))),
            ],
            writeBackConfig={"method": "git", "gitConfig": config},
        )
    )
    outcome = stage.run()
    assert [outcome.reason("web"), outcome.reason("api", "api")] == ["Updated", "Updated"]
    (request,) = stage.requests.select()
    written = stage.file("web/values.yaml", branch=request.head)
    assert "tag: 1.1.0" in written
    assert "tag: 2.1.0" in written
    assert request.title == "build: automatic update of 2 applications"
    pushes = len(stage.log(branch=request.head))
    assert set(stage.run().reasons.values()) == {"PullRequestOpen"}
    assert len(stage.log(branch=request.head)) == pushes
