"""Files: what may be read and written, and what every commit looks like to git."""

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind, FileFact, PathKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import BugError, ConfigError
from argocd_image_updater.git.batch import PlannedCommit
from integration.git.scenes import batch, errors, local_key, statuses, written
from servers.git_server import bare_repository, commit_files, file_at, git, log, tip

pytestmark = pytest.mark.lab("git")

SUBMODULE = b"0123456789012345678901234567890123456789"


@pytest.fixture
def repository(tmp_path):
    return bare_repository(
        tmp_path / "r.git",
        {
            "apps/a/values.yaml": b"a: 1\n",
            "apps/run.sh": ("100755", b"#!/bin/sh\n"),
            "link.yaml": ("120000", b"/etc/passwd"),
            "inside": ("120000", b"apps"),
            "module": ("160000", SUBMODULE),
        },
    )


@pytest.mark.parametrize(
    "path",
    [
        "link.yaml",
        "inside/a/values.yaml",
        "module",
        "module/values.yaml",
        "../outside.yaml",
        "apps/../../outside.yaml",
        ".git/config",
        "apps/.GIT/hooks/pre-commit",
        "apps/.g\u200cit/config",
        "git~1/config",
        "apps/a/values.yaml/below",
        "zero\0byte",
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_written(
    repository, make_engine, path
):
    engine = make_engine()
    before = tip(repository)
    facts = await engine.read(local_key(repository), [path])
    assert isinstance(facts[path], Failure)
    assert facts[path].kind is FailureKind.REFUSED
    result = await engine.push(batch(local_key(repository), written(path, b"x")))
    assert statuses(result) == ["refused"]
    assert result.results[0].error.reason is Reason.TARGET_OUTSIDE
    assert tip(repository) == before


async def test_spellings_of_one_path_are_understood(repository, make_engine):
    paths = ["apps/a/values.yaml", "/apps//a/./values.yaml", "apps/b/../a/values.yaml"]
    facts = await make_engine().read(local_key(repository), paths)
    assert all(facts[path] == FileFact(PathKind.FILE, b"a: 1\n") for path in paths)
    facts = await make_engine().read(local_key(repository), [".", "", "apps/"])
    assert {fact.kind for fact in facts.values()} == {PathKind.DIRECTORY}


async def test_a_directory_cannot_be_overwritten(repository, make_engine):
    result = await make_engine().push(batch(local_key(repository), written("apps", b"x")))
    assert statuses(result) == ["refused"]


async def test_the_mode_of_a_file_stays(repository, make_engine):
    result = await make_engine().push(
        batch(local_key(repository), written("apps/run.sh", b"#!/bin/bash\n"))
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert git("-C", repository, "ls-tree", "main", "apps/run.sh").startswith(b"100755 ")


async def test_a_new_file_in_new_folders_is_made(repository, make_engine):
    result = await make_engine().push(
        batch(local_key(repository), written("apps/new/deep/.argocd-source-a.yaml", b"n"))
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert result.results[0].files[0].before is None
    assert file_at(repository, "apps/new/deep/.argocd-source-a.yaml") == b"n"
    assert file_at(repository, "apps/a/values.yaml") == b"a: 1\n"
    git("-C", repository, "fsck", "--strict")


async def test_links_and_submodules_beside_the_target_stay(repository, make_engine):
    await make_engine().push(batch(local_key(repository), written("new.yaml", b"n")))
    listing = git("-C", repository, "ls-tree", "main").decode()
    assert "120000 blob" in listing
    assert f"160000 commit {SUBMODULE.decode()}\tmodule" in listing


async def test_later_commits_of_a_batch_see_what_earlier_ones_wrote(repository, make_engine):
    def append(text):
        return PlannedCommit(
            text,
            f"add {text.decode()}",
            lambda facts: {"log": facts["log"].content + text},
            ("log",),
        )

    result = await make_engine().push(
        batch(local_key(repository), append(b"1"), append(b"2"), append(b"3"))
    )
    assert statuses(result) == ["pushed"] * 3, errors(result)
    assert file_at(repository, "log") == b"123"
    assert log(repository)[:3] == ["add 3", "add 2", "add 1"]
    assert [item.files[0].before for item in result.results] == [None, b"1", b"12"]


async def test_a_refused_commit_does_not_stop_the_others(repository, make_engine):
    def refuse(_facts):
        raise ConfigError("not this one")

    def break_down(_facts):
        raise ZeroDivisionError

    commits = (
        written("one", b"1"),
        PlannedCommit("no", "m", refuse, ("two",)),
        PlannedCommit("bug", "m", break_down, ("two",)),
        PlannedCommit("stray", "m", lambda _facts: {"stray": b"s"}, ("two",)),
        PlannedCommit("clash", "m", lambda _f: {"n": b"s", "n/m": b"s"}, ("n", "n/m")),
        written("three", b"3"),
    )
    result = await make_engine().push(batch(local_key(repository), *commits))
    assert statuses(result) == ["pushed", *["refused"] * 4, "pushed"]
    assert errors(result)[0] == "not this one"
    assert isinstance(result.results[2].error, BugError)
    assert len(log(repository)) == 3


async def test_a_preview_tells_the_same_and_writes_nothing(repository, make_engine, tmp_path):
    engine = make_engine()
    job = batch(local_key(repository), written("a", b"1"), written("apps/a/values.yaml", b"a: 1\n"))
    preview = await engine.preview(job)
    assert statuses(preview) == ["planned", "unchanged"]
    assert len(log(repository)) == 1
    assert engine.statistics.pushes == 0
    result = await engine.push(job)
    assert preview.tip == result.tip
    assert preview.results[0].files == result.results[0].files


async def test_author_date_message_and_sign_off_are_as_configured(repository, make_engine):
    engine = make_engine(user_name="Bot", user_email="bot@example.com", sign_off=True)
    message = "\n\nbuild: x  \n\n\n\n# stays\nupdates image a  \n\n\n"
    await engine.push(batch(local_key(repository), written("a", b"1", message=message)))
    assert log(repository, pattern="%an|%ae|%cn|%ce|%ai")[0] == (
        "Bot|bot@example.com|Bot|bot@example.com|2023-11-14 22:13:20 +0000"
    )
    assert git("-C", repository, "log", "-1", "--format=%B", "main").decode() == (
        "build: x\n\n# stays\nupdates image a\n\nSigned-off-by: Bot <bot@example.com>\n\n"
    )


async def test_an_empty_message_becomes_the_default_one(repository, make_engine):
    await make_engine().push(batch(local_key(repository), written("a", b"1", message=" \n")))
    assert log(repository)[0] == "Update parameters"


async def test_a_file_that_is_too_large_is_not_read(repository, make_engine):
    commit_files(repository, {"huge.yaml": b"x" * (11 << 20)})
    facts = await make_engine().read(local_key(repository), ["huge.yaml", "apps/a/values.yaml"])
    assert facts["huge.yaml"].kind is FailureKind.UNUSABLE
    assert facts["apps/a/values.yaml"].content == b"a: 1\n"


async def test_names_that_are_no_utf8_survive(tmp_path, make_engine):
    path = bare_repository(tmp_path / "latin.git", {"a": b"a"})
    blob = git("-C", path, "hash-object", "-w", "--stdin", stdin=b"l").decode().strip()
    tree = git("-C", path, "mktree", "-z", stdin=b"100644 blob " + blob.encode() + b"\tcaf\xe9\0")
    commit = git(
        "-C", path, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "latin",
        tree.decode().strip(),
    )  # fmt: skip
    git("-C", path, "update-ref", "refs/heads/main", commit.decode().strip())
    result = await make_engine().push(batch(local_key(path), written("b", b"b")))
    assert statuses(result) == ["pushed"], errors(result)
    assert git("-C", path, "ls-tree", "-z", "--name-only", "main") == b"b\0caf\xe9\0"
