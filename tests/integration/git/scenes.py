"""Secrets, keys and commits that the tests of the Git engine share."""

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey, FileFact
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.batch import PlannedCommit, PushBatch


def own_secret(server, **fields):
    """Return a Secret that an Application of the namespace `team` names."""
    data = {"username": server.username, "password": server.password, **fields}
    return Secret(
        ObjectKey("team", "creds"),
        {name: value.encode() for name, value in data.items() if value is not None},
    )


def key_secret(text, **fields):
    """Return a Secret with an SSH key under the same name."""
    data = {"sshPrivateKey": text, **fields}
    return Secret(
        ObjectKey("team", "creds"), {name: value.encode() for name, value in data.items()}
    )


def own_key(url, branch="main"):
    """Return the key of a branch opened with that Secret."""
    return BranchKey(url, branch, "secret:team/creds", "default", "team")


def local_key(path, branch="main"):
    """Return the key of a branch of a local repository."""
    return BranchKey(str(path), branch)


def planned(path, old, new, *, key=None, before=None):
    """Return a commit that replaces a text in one file; `before` runs with each computation."""

    def edit(facts):
        if before is not None:
            before()
        fact = facts[path]
        content = fact.content if isinstance(fact, FileFact) else b""
        return {path: content.replace(old, new)} if old in content else {}

    return PlannedCommit(key or path, f"build: automatic update of {key or path}\n", edit, (path,))


def written(path, content, *, key=None, message="build: write"):
    """Return a commit that gives one file a content."""
    return PlannedCommit(key or path, message, lambda _facts: {path: content}, (path,))


def batch(key, *commits, push_branch="", replaces=""):
    return PushBatch(key, commits, push_branch, replaces)


def statuses(result):
    return [item.status.value for item in result.results]


def errors(result):
    return [str(item.error) for item in result.results if item.error is not None]
