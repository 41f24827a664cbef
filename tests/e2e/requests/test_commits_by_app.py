"""Commits that GitHub makes for an App: straight to a branch, and in requests."""

import pytest

from forges.github_app import GitHubApp
from stages.standalone import git_write_back, images, reference, resource

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
MESSAGE = "build: automatic update of web"
INSTALLATION = 7


class AppAtWork:
    """GitHub for one App: a token that it gives out is one for the API and for git."""

    def __init__(self, stage):
        self.stage = stage
        self.dialect = stage.forge.dialect
        self.app = GitHubApp(1, {"acme/x": INSTALLATION})
        stage.forge.dialect = self
        stage.secrets |= {line for line in self.app.private_key.splitlines() if len(line) > 40}
        fields = {
            "url": f"https://localhost:{stage.git_port}",
            "githubAppID": "1",
            "githubAppInstallationID": str(INSTALLATION),
            "githubAppPrivateKey": self.app.private_key,
        }
        secret, trust = stage.git_access()
        stage.add({**secret, "stringData": fields}, trust)

    def __call__(self, call):
        if call.parts[2:3] != ["app"]:
            return self.dialect(call)
        answer = self.app(call)
        token = self.app.tokens[-1][1]
        self.dialect.token = token
        self.stage.secrets.add(token)
        # The server takes the first password of a user, so an older token goes.
        (self.stage.git.folder / "users").write_text(f"x-access-token:{{PLAIN}}{token}\n")
        return answer


@pytest.fixture
def stage(make_stage, git_server):
    before = (git_server.folder / "users").read_text()
    stage = make_stage("github")
    stage.github = AppAtWork(stage)
    stage.environment["GIT_COMMIT_METHOD"] = "api"
    yield stage
    (git_server.folder / "users").write_text(before)


def authors(stage, branch):
    return stage.log(branch=branch, pattern="%an")


def straight(stage):
    """Write to the branch itself."""
    listed = images(web=f"{stage.image()}:1.x")
    stage.add(resource("updater", [reference("web", listed)], **git_write_back()))


def test_commits_go_straight_to_the_branch(stage):
    straight(stage)
    outcome = stage.run()
    assert outcome.reason("web") == "Updated"
    assert stage.tag("main") == "1.1.0"
    assert stage.log() == [MESSAGE, "Begin"]
    assert authors(stage, "main")[0] == "deploy[bot]"
    (record,) = outcome.report["commits"]
    assert record["commit"] == stage.requests.tip("main")
    assert outcome.image("web")["warnings"] == []
    assert stage.run().reason("web") == "UpToDate"


def test_a_request_lives_from_its_first_commit_to_its_merge(stage):
    assert stage.run().reason("web") == "Updated"
    head = stage.head()
    assert (stage.tag(head), authors(stage, head)[0]) == ("1.1.0", "deploy[bot]")
    assert stage.run().reason("web") == "PullRequestOpen"

    stage.push("1.2.0")
    stage.commit("other", b"theirs")
    assert stage.run().reason("web") == "Updated"
    (request,) = stage.requests.select()
    assert (request.number, request.state, stage.tag(head)) == (1, "open", "1.2.0")
    assert stage.log(branch=head) == [MESSAGE, "Change", "Begin"]
    assert authors(stage, head)[0] == "deploy[bot]"
    assert list(stage.bare().glob("refs/heads/image-updater-next-*")) == []
    assert stage.run().reason("web") == "PullRequestOpen"

    stage.requests.merge(1)
    assert stage.run().reason("web") in {"AlreadySet", "UpToDate"}


def test_what_a_person_pushed_to_the_request_is_kept(stage):
    stage.run()
    stage.commit("fix", b"by a person", branch=stage.head())
    stage.push("1.2.0")
    assert stage.run().reason("web") == "Updated"
    assert stage.file("fix", branch=stage.head()) == "by a person"
    assert stage.tag(stage.head()) == "1.2.0"


def test_with_a_password_git_makes_the_commits_and_the_report_says_so(make_stage):
    stage = make_stage("github")
    straight(stage)
    outcome = stage.run("--git-commit-method=api")
    assert outcome.reason("web") == "Updated"
    (warning,) = outcome.image("web")["warnings"]
    assert "need the credential of a GitHub App" in warning
    assert authors(stage, "main")[0] == "argocd-image-updater"
