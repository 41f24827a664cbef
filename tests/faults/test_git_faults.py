"""Repositories and target files that cannot be used: one cycle meets all of them at once.

Each Application writes to a repository or file with a fault of its own. The cycle ends with the
right reason for each and names what, where and what to do; the sound ones are written.
"""

import pytest

from servers.git_server import commit_files, file_at, write_hook
from stages.standalone import Stage, application, git_write_back, images, live, reference, resource
from stages.standalone import source as source_of

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
REPOSITORIES = ("deploy", "vanishing", "hooked", "read-only", "empty")
# Moves a repository away as soon as somebody wants to push to it.
VANISHING = """#!/bin/sh
for word; do [ "$word" != push ] || mv {bare} {bare}.away 2> /dev/null; done
exec {git} "$@"
"""

# Case → (repository, target, reason, words of the message).
CASES = {
    "vanishing": ("vanishing", "", "GitBranchMissing", "vanishing.git: the repository"),
    "hooked": ("hooked", "", "PushRejected", "only on Mondays"),
    "read-only": ("read-only", "", "GitAuthFailed", "403"),
    "empty": ("empty", "", "GitBranchMissing", "is empty: push a first commit"),
    "unknown": ("never-made", "", "GitBranchMissing", "does not exist or is hidden"),
    "down": ("down", "", "GitUnreachable", "503"),
    "no-branch": ("deploy", "", "GitBranchMissing", "has no branch 'nowhere'"),
    "version": ("deploy", "", "GitBranchMissing", "gitConfig.branch"),
    "wrong-password": ("deploy", "", "GitAuthFailed", "the credentials were refused"),
    "foreign-secret": ("deploy", "", "SecretRefused", "other"),
    "no-secret": ("deploy", "", "GitAuthFailed", "Secret argocd/nothing not found"),
    "link": ("deploy", "helmvalues:/odd/link.yaml", "TargetOutside", "symbolic link"),
    "below-link": ("deploy", "helmvalues:/odd/linked/values.yaml", "TargetOutside", "symbolic"),
    "submodule": ("deploy", "helmvalues:/odd/module", "TargetOutside", "submodule"),
    "folder": ("deploy", "helmvalues:/odd", "TargetMissing", "is a directory"),
    "no-kustomization": ("deploy", "kustomization:/odd", "TargetMissing", "is never created"),
    "huge": ("deploy", "helmvalues:/odd/huge.yaml", "TargetUnreadable", "larger than"),
    "broken": ("deploy", "helmvalues:/odd/broken.yaml", "TargetUnreadable", "broken.yaml:3"),
    "twice": ("deploy", "helmvalues:/odd/twice.yaml", "Ambiguous", "twice.yaml"),
    "binary": ("deploy", "helmvalues:/odd/binary.yaml", "TargetUnreadable", "binary.yaml"),
}  # fmt: skip
TEXT = "image:\n  name: {image}\n  tag: 1.0.0\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory, registry, git_server):
    return Stage(tmp_path_factory.mktemp("git-faults"), "gf", registry, git_server)


def odd_files(image):
    text = TEXT.format(image=image)
    return {
        "odd/real.yaml": text.encode(),
        "odd/link.yaml": ("120000", b"real.yaml"),
        "odd/linked": ("120000", b"../sound"),
        "odd/module": ("160000", b"1" * 40),
        "odd/huge.yaml": text.encode() + b"# " + b"x" * (10 << 20),
        "odd/broken.yaml": f"{text[:-1]}\n bad: [\n".replace("  tag", "\ttag").encode(),
        "odd/twice.yaml": (text + "  tag: 1.0.0\n").encode(),
        "odd/binary.yaml": text.encode() + b"\xff\xfe\n",
        "odd/anchored.yaml": (f"image: &it\n  name: {image}\n  tag: 1.0.0\nother: *it\n").encode(),
    }


def prepare(stage):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("sound"))
    commit_files(stage.bare(), odd_files(stage.image()), message="Odd")
    for name in REPOSITORIES[1:-1]:
        options = {"git_config": {"http.receivepack": "false"}} if name == "read-only" else {}
        stage.repository(name, stage.values("case"), **options)
    stage.repository("empty")
    write_hook(stage.bare("hooked"), "pre-receive", "echo only on Mondays >&2; exit 1")
    stage.secrets.add("wrOng-pAss")
    for name, namespace in (("wrong", "argocd"), ("foreign", "other")):
        stage.add(
            {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": {"username": "bot", "password": "wrOng-pAss"},
            }
        )  # fmt: skip
    references = [reference_of(stage, case) for case in CASES]
    stage.add(application("outside", source_of(stage.url(), "case")))
    listed = images(web=f"{stage.image()}:1.x")
    references.append(
        reference("outside", listed, **git_write_back("helmvalues:../../../etc/values.yaml"))
    )
    for name in ("sound", "anchored"):
        target = "helmvalues" if name == "sound" else "helmvalues:/odd/anchored.yaml"
        stage.add(application(name, source_of(stage.url(), name)))
        references.append(reference(name, listed, **git_write_back(target)))
    stage.add(resource("updater", references))
    vanish(stage)


def reference_of(stage, case):
    repository, target, _, _ = CASES[case]
    host = stage.url().rpartition("/")[0]
    url = f"{host}/down/x.git" if repository == "down" else stage.url(repository)
    revision = {"no-branch": "nowhere", "version": ">=1.0 <2"}.get(case, "main")
    status = live("Helm", f"{stage.image()}:1.0.0")
    stage.add(application(case, source_of(url, "case", targetRevision=revision), status=status))
    method = {
        "wrong-password": "git:secret:wrong",
        "foreign-secret": "git:secret:other/foreign",
        "no-secret": "git:secret:nothing",
    }.get(case, "git")
    listed = images(web=f"{stage.image()}:1.x")
    return reference(case, listed, **git_write_back(target or "helmvalues", method=method))


def vanish(stage):
    folder = stage.folder / "vanishing"
    folder.mkdir()
    path = stage.environ()["PATH"]
    git = path.partition(":")[0] + "/git"
    (folder / "git").write_text(VANISHING.format(bare=stage.bare("vanishing"), git=git))
    (folder / "git").chmod(0o755)
    stage.environment["PATH"] = f"{folder}:{path}"


@pytest.fixture(scope="module")
def ended(stage):
    """The outcome of the one cycle, and what was in the repositories before."""
    prepare(stage)
    return stage.run()


@pytest.mark.parametrize("case", CASES)
def test_a_target_that_cannot_be_written_is_named_with_its_reason(stage, ended, case):
    _, _, reason, words = CASES[case]
    image = ended.image(case)
    assert (image["reason"], image["outcome"]) == (reason, "error"), image
    assert words in image["message"]
    assert "\n" not in image["message"]


def test_a_target_outside_the_repository_is_refused_before_anything_is_asked(ended):
    (found,) = ended.report["problems"]
    assert found["application"] == "argocd/outside"
    assert found["reason"] == "TargetOutside"
    assert "leaves the repository" in found["message"]


def test_nothing_is_written_where_something_failed(stage, ended):
    assert ended.code == 2
    for name, content in odd_files(stage.image()).items():
        if isinstance(content, bytes) and name != "odd/anchored.yaml":
            assert file_at(stage.bare(), name) == content
    assert stage.log(repository="hooked") == ["Begin"]
    assert stage.log(repository="read-only") == ["Begin"]


def test_the_sound_ones_are_written_all_the_same(stage, ended):
    assert ended.reason("sound") == "Updated"
    assert "tag: 1.1.0" in stage.file("sound/values.yaml")
    assert ended.report["summary"]["errors"] == len(CASES) + 1


def test_what_changes_through_an_anchor_is_named(stage, ended):
    image = ended.image("anchored")
    assert image["reason"] == "Updated"
    assert any("other.tag" in warning for warning in image["warnings"]), image
    assert stage.file("odd/anchored.yaml").count("1.1.0") == 1


def test_a_repository_that_came_back_is_written_by_the_next_cycle(stage, ended):
    away = stage.bare("vanishing").with_name(stage.bare("vanishing").name + ".away")
    away.rename(stage.bare("vanishing"))
    stage.environment["PATH"] = stage.environment["PATH"].partition(":")[2]
    again = stage.run()
    assert again.reason("vanishing") == "Updated"
    assert again.reason("sound") == "UpToDate"
