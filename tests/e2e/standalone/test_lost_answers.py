"""A push that arrived, whose answer did not: what was written counts as written, once."""

import pytest

from servers.git_server import write_hook

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")

# Somebody else commits on top of what has just arrived; then the server dies before it answers.
FOREIGN_COMMIT_THEN_DEATH = """
mark=$PWD/once
[ -e "$mark" ] && exit 0
: > "$mark"
unset GIT_QUARANTINE_PATH
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
tree=$(git rev-parse main^{tree})
git update-ref refs/heads/main "$(git commit-tree "$tree" -p main -m foreign)"
kill -9 $PPID
"""


def test_a_push_without_answer_below_a_foreign_commit_counts_as_an_update(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    bare = stage.repository(files=stage.values("web"))
    write_hook(bare, "post-receive", FOREIGN_COMMIT_THEN_DEATH)
    outcome = stage.run()
    assert outcome.reason("web") == "Updated"
    (commit,) = outcome.report["commits"]
    assert commit["files"] == ["web/values.yaml"]
    assert len(stage.log()) == 3
    assert stage.log()[0] == "foreign"
    assert stage.run().reason("web") == "UpToDate"
    assert len(stage.log()) == 3
