"""How GitHub makes commits: branches by REST, commits by GraphQL, in a real bare repository.

It refuses what GitHub refuses: a branch that is elsewhere, a branch that is not there. `after` may
be set to a function that is called when a commit was made and before it is told.
"""

import base64
import subprocess
from pathlib import Path

from servers.git_server import GIT_ENVIRONMENT, git

BOT = "deploy[bot] <1+deploy[bot]@users.noreply.github.com>"


class CommitApi:
    """Serves what commits need; owner and name: of the one repository that it knows."""

    def __init__(self, bare, *, owner, name):
        self.bare = bare
        self.repository = f"{owner}/{name}"
        self.inputs = []
        self.after = lambda: None
        self.errors = []  # errors of GraphQL for the next calls, None = it is answered

    def rest(self, method, parts, body):
        """Answer below the address of the repository, None where that is nothing of this."""
        match (method, *parts):
            case ("POST", "git", "refs"):
                return self._create_ref(body)
            case ("GET", "git", "ref", "heads", *branch):
                tip = self._tip("/".join(branch))
                if not tip:
                    return 404, {"message": "Not Found"}, {}
                return 200, {"object": {"sha": tip, "type": "commit"}}, {}
            case ("GET", "git", "commits", name):
                lines = git("-C", self.bare, "cat-file", "commit", name).decode().splitlines()
                parents = [{"sha": line[7:]} for line in lines if line.startswith("parent ")]
                return 200, {"sha": name, "tree": {"sha": lines[0][5:]}, "parents": parents}, {}
        return None

    def create_commit(self, wanted):
        """Answer the mutation createCommitOnBranch."""
        self.inputs.append(wanted)
        if self.errors and (error := self.errors.pop(0)):
            return _errors(error)
        assert wanted["branch"]["repositoryNameWithOwner"] == self.repository
        branch, expected = wanted["branch"]["branchName"], wanted["expectedHeadOid"]
        tip = self._tip(branch)
        if not tip:
            return _errors({"type": "NOT_FOUND", "message": f"No such branch {branch}."})
        if tip != expected:
            text = f'Expected branch to point to "{expected}" but it did not. Pull and try again.'
            return _errors({"type": "STALE_DATA", "message": text})
        commit = self._commit(wanted, parent=expected)
        git("-C", self.bare, "update-ref", f"refs/heads/{branch}", commit, expected)
        self.after()
        return 200, {"data": {"createCommitOnBranch": {"commit": {"oid": commit}}}}, {}

    def _commit(self, wanted, *, parent):
        index = {"GIT_INDEX_FILE": str(self.bare / f"index-{len(self.inputs)}")}
        self._git("read-tree", parent, **index)
        for file in wanted["fileChanges"]["additions"]:
            content = base64.b64decode(file["contents"], validate=True)
            blob = self._git("hash-object", "-w", "--stdin", text=content)
            self._git(
                "update-index", "--add", "--cacheinfo", f"100644,{blob},{file['path']}", **index
            )
        assert not wanted["fileChanges"].get("deletions")
        message = wanted["message"]["headline"]
        if "body" in wanted["message"]:
            message += "\n\n" + wanted["message"]["body"]
        name, _, email = BOT.rstrip(">").partition(" <")
        who = {f"GIT_{role}_{part}": value
               for role in ("AUTHOR", "COMMITTER")
               for part, value in (("NAME", name), ("EMAIL", email))}  # fmt: skip
        tree = self._git("write-tree", **index)
        Path(index["GIT_INDEX_FILE"]).unlink()
        return self._git("commit-tree", tree, "-p", parent, "-m", message, **who)

    def _create_ref(self, body):
        branch = body["ref"].removeprefix("refs/heads/")
        if self._tip(branch):
            return 422, {"message": "Reference already exists"}, {}
        git("-C", self.bare, "update-ref", body["ref"], body["sha"])
        return 201, {"ref": body["ref"], "object": {"sha": body["sha"]}}, {}

    def _tip(self, branch):
        return self._git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def _git(self, *words, text=b"", **environ):
        done = subprocess.run(
            ["git", "-C", str(self.bare), *words],
            input=text, capture_output=True, env={**GIT_ENVIRONMENT, **environ}, check=True,
        )  # fmt: skip
        return done.stdout.decode().strip()


def _errors(error):
    return 200, {"data": {"createCommitOnBranch": None}, "errors": [error]}, {}
