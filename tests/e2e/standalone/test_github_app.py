"""A GitHub App as the credential of the whole program: a token is asked for, and Git uses it."""

import pytest

from forges.github_app import GitHubApp
from forges.server import ForgeServer
from servers.git_server import HttpsGitServer
from stages.standalone import Stage

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")


class AppStage(Stage):
    """A stage whose repository Secret holds the key of an App and names no installation."""

    app: GitHubApp

    def git_path(self, name="deploy"):
        return f"acme/{name}"

    def git_access(self):
        secret, certificates = super().git_access()
        data = secret["stringData"]
        del data["username"], data["password"]
        data |= {"githubAppID": "12", "githubAppPrivateKey": self.app.private_key}
        self.secrets |= {line for line in self.app.private_key.splitlines() if "---" not in line}
        return secret, certificates


@pytest.fixture
def stage(tmp_path, registry, request):
    app = GitHubApp(12, {"acme/deploy": 34})
    with HttpsGitServer(
        tmp_path / "github", username="x-access-token", password="ghs_token0of34"
    ) as git:
        AppStage.app = app
        made = AppStage(tmp_path, f"app{len(request.node.name)}", registry, git)
        with ForgeServer(app, port=git.api_port) as made.api:
            yield made


def test_an_update_is_committed_with_a_token_of_the_app(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    stage.repository(files=stage.values("web"))
    outcome = stage.run()
    assert set(outcome.reasons.values()) == {"Updated"}, outcome.err
    assert "tag: 1.1.0 # of the stage" in stage.file("web/values.yaml")
    assert stage.api.calls == [
        "GET /api/v3/repos/acme/deploy/installation",
        "POST /api/v3/app/installations/34/access_tokens",
    ]


def test_an_app_that_is_not_installed_is_the_reason_of_each_image(stage):
    stage.app.installations.clear()
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    stage.repository(files=stage.values("web"))
    outcome = stage.run()
    assert set(outcome.reasons.values()) == {"GitAuthFailed"}
    assert "GitHub App 12 is not installed for this repository" in outcome.out
