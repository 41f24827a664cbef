"""Nothing to write costs one question for each repository, however many Applications it has."""

import pytest

from servers.git_server import git
from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
REPOSITORIES = ("one", "two", "three")
# Name → (target, branches).
KINDS = {
    "values": ("helmvalues", "main"),
    "more": ("helmvalues", "main"),
    "override": ("", "main"),
    "kustom": ("kustomization", "main"),
    "side": ("helmvalues", "main:side"),
    "other": ("helmvalues", "stable"),
}


def set_up(stage):
    """Three repositories with six Applications each, of every target, on three branches."""
    stage.push("1.0.0", "1.1.0")
    listed, references = images(web=f"{stage.image()}:1.x"), []
    for repository in REPOSITORIES:
        names = {kind: f"{repository}-{kind}" for kind in KINDS}
        files = stage.values(*names.values())
        files[f"{names['kustom']}/kustomization.yaml"] = (
            f"images:\n- name: {stage.image()}\n  newTag: 1.0.0\n".encode()
        )
        path = stage.repository(repository, files)
        git_copy_branch(path, "stable")
        for kind, (target, branches) in KINDS.items():
            name = names[kind]
            parameters = [
                {"name": "image.name", "value": stage.image()},
                {"name": "image.tag", "value": "1.0.0"},
            ]
            first = source(stage.url(repository), name)
            if kind == "override":
                first["helm"] = {"parameters": parameters}
            stage.add(application(name, first))
            references.append(reference(name, listed, **git_write_back(target, branch=branches)))
    stage.add(resource("updater", references))


def git_copy_branch(path, name):
    git("-C", path, "branch", name, "main")


def packs(stage):
    return sorted(stage.state.glob("git/*/repo/objects/pack/*"))


def git_commands(stage):
    """Return the git commands of the last run."""
    lines = stage.arguments.read_text().splitlines()
    return sorted(next(word for word in line.split() if not word.startswith("-")) for line in lines)


def test_an_idle_cycle_asks_each_repository_once_and_moves_nothing(stage):
    set_up(stage)
    stage.git.forget_requests()
    first = stage.run()
    assert set(first.reasons.values()) == {"Updated"}
    assert stage.git.request_counts()["fetch"] <= 2 * len(REPOSITORIES)
    tips, kept = [stage.log(repository=name) for name in REPOSITORIES], packs(stage)
    for _ in range(2):
        stage.git.forget_requests()
        stage.arguments.unlink()
        idle = stage.run()
        assert not set(idle.reasons.values()) - {"UpToDate", "AlreadySet"}, idle.reasons
        count = len(REPOSITORIES)
        assert stage.git.request_counts() == {"info-refs": count, "ls-refs": count}
        assert idle.report["requests"]["git questions"] == count
        assert not {"git fetches", "git pushes"} & set(idle.report["requests"])
        assert git_commands(stage).count("ls-remote") == count
        assert set(git_commands(stage)) <= {"ls-remote", "cat-file"}
    assert [stage.log(repository=name) for name in REPOSITORIES] == tips
    assert packs(stage) == kept
