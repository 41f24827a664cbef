"""Commits of a request are signed too, also those of a branch that is made anew."""

import pytest

from stages.signing import SIGNER, SshKey

pytestmark = pytest.mark.lab(
    "docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap", "ssh"
)


def test_the_commits_of_a_request_are_signed_when_it_is_opened_and_made_anew(make_stage):
    stage = make_stage("github")
    key = SshKey(stage.folder)
    stage.environment |= {
        "GIT_COMMIT_SIGNING_KEY": str(key.private), "GIT_COMMIT_SIGNING_METHOD": "ssh",
    }  # fmt: skip
    for version in ("1.1.0", "1.2.0"):
        stage.push(version)
        assert stage.run().reason("web") == "Updated"
        head = stage.head()
        assert stage.tag(head) == version
        commit = stage.requests.tip(head)
        assert SIGNER in key.verify(stage.bare(), commit)
        stage.commit(f"other-{version}", b"theirs")
        assert stage.run().reason("web") == "PullRequestOpen"
        commits = stage.log(branch=head, pattern="%H")
        assert SIGNER in key.verify(stage.bare(), commits[0])
        assert commits[1:] == stage.log(pattern="%H")
        stage.requests.merge(stage.newest().number)
        stage.run()
