"""The text of a request where Markdown has no HTML, or where a text must be short."""

import pytest

from argocd_image_updater.core.pull_requests import SUPERSEDED, read_marker
from forges.azure_devops import LONGEST

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
PER_VERSION = {"pullRequestBranch": "perVersion"}


@pytest.mark.parametrize("kind", ["bitbucket", "bitbucketDataCenter"])
def test_bitbucket_gets_no_html_and_still_knows_what_it_was_told(make_stage, kind):
    stage = make_stage(kind, config=PER_VERSION)
    assert stage.run().reason("web") == "Updated"
    first = stage.newest()
    assert "<" not in first.body
    assert "```diff" in first.body
    assert first.body.splitlines()[-1].startswith("[//]: # (argocd-image-updater changes=")
    assert stage.run().reason("web") == "PullRequestOpen"
    stage.push("1.2.0")
    assert stage.run().reason("web") == "Updated"
    second = stage.newest()
    assert (first.state, second.state) == ("closed", "open")
    assert "<" not in first.body
    assert SUPERSEDED in first.body
    assert [text.startswith("Superseded by https://") for text in first.comments] == [True]


def test_a_long_text_is_cut_for_azure_devops_and_its_request_is_known_again(make_stage):
    stage = make_stage("azureDevOps", config=PER_VERSION)
    message = stage.folder / "message"
    message.write_text("title\n\n" + "a long story. " * 1000)
    words = ("--git-commit-message-path", str(message))
    assert stage.run(*words).reason("web") == "Updated"
    first = stage.newest()
    assert len(first.body) <= LONGEST
    assert "(cut: " in first.body
    marker = read_marker(first.body)
    assert marker.head == stage.requests.tip(first.head)
    assert stage.run(*words).reason("web") == "PullRequestOpen"
    stage.push("1.2.0")
    assert stage.run(*words).reason("web") == "Updated"
    assert (first.state, stage.newest().state) == ("closed", "open")
    assert SUPERSEDED in first.body
    assert (len(first.body) <= LONGEST, read_marker(first.body)) == (True, marker)


def test_what_a_forge_does_not_have_is_told_beside_the_update(make_stage):
    block = {"labels": ["images"], "reviewers": ["jo", "nobody"], "autoMerge": True}
    stage = make_stage("bitbucket", block=block)
    decision = stage.run().image("web")
    assert decision["reason"] == "Updated"
    told = " ".join(decision["warnings"])
    assert [word in told for word in ("labels", "nobody", "automatic merge")] == [True] * 3
    assert stage.newest().reviewers == ["jo"]
