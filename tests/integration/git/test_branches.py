"""Branches: which one is meant, where a new one starts, and that no foreign commit is ever lost."""

import asyncio

import pytest

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import ConflictError
from argocd_image_updater.git.engine import Tip
from integration.git.scenes import batch, errors, local_key, planned, statuses, written
from servers.git_server import bare_repository, commit_files, file_at, git, log, tip, write_hook

pytestmark = pytest.mark.lab("git")


@pytest.fixture
def repository(tmp_path):
    return bare_repository(tmp_path / "r.git", {"values.yaml": b"tag: 1.0.0\n", "other": b"o"})


@pytest.mark.parametrize("branch", ["", "HEAD"])
async def test_no_branch_means_the_default_branch(tmp_path, make_engine, branch):
    path = bare_repository(tmp_path / "trunk.git", {"a": b"a"}, branch="trunk")
    answer = await make_engine().tip(local_key(path, branch))
    assert answer == Tip("refs/heads/trunk", tip(path, "trunk"))


async def test_a_full_ref_name_is_accepted(repository, make_engine):
    answer = await make_engine().tip(local_key(repository, "refs/heads/main"))
    assert answer == Tip("refs/heads/main", tip(repository))


@pytest.mark.parametrize(
    ("branch", "kind"),
    [
        ("v1.0.0", FailureKind.NOT_FOUND),
        ("refs/tags/v1.0.0", FailureKind.NOT_FOUND),
        ("0123456789012345678901234567890123456789", FailureKind.NOT_FOUND),
        (">=1.0 <2", FailureKind.NOT_FOUND),
        ("1.x", FailureKind.NOT_FOUND),
        ("--upload-pack=touch /tmp/x", FailureKind.NOT_FOUND),
    ],
)
async def test_what_is_no_branch_is_told_with_advice(repository, make_engine, branch, kind):
    git("-C", repository, "tag", "v1.0.0", "main")
    engine = make_engine()
    answer = await engine.tip(local_key(repository, branch))
    assert isinstance(answer, Failure)
    assert answer.kind is kind
    assert "gitConfig.branch" in answer.message
    result = await engine.push(batch(local_key(repository, branch), written("a", b"a")))
    assert result.results[0].error.reason is Reason.GIT_BRANCH_MISSING


async def test_an_empty_repository_is_told_so(tmp_path, make_engine):
    path = bare_repository(tmp_path / "empty.git", {})
    answer = await make_engine().tip(local_key(path, ""))
    assert answer.kind is FailureKind.NOT_FOUND
    assert "empty" in answer.message


async def test_a_new_branch_starts_at_the_base_and_leaves_it_alone(repository, make_engine):
    before = tip(repository)
    result = await make_engine().push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1"), push_branch="up/x")
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert result.branch == "refs/heads/up/x"
    assert tip(repository) == before
    assert git("-C", repository, "rev-parse", "up/x^").decode().strip() == before


async def test_an_existing_push_branch_is_built_on(repository, make_engine):
    theirs = commit_files(repository, {"theirs": b"t"}, branch="up", base=tip(repository))
    commit_files(repository, {"newer": b"n"})
    result = await make_engine().push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1"), push_branch="up")
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert git("-C", repository, "rev-parse", "up^").decode().strip() == theirs
    assert file_at(repository, "theirs", "up") == b"t"


async def test_a_push_branch_that_may_be_replaced_is_made_anew_from_the_base(
    repository, make_engine
):
    engine = make_engine()
    first = await engine.push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1"), push_branch="up")
    )
    base = commit_files(repository, {"newer": b"n"})
    engine.begin_cycle()
    again = batch(
        local_key(repository),
        planned("values.yaml", b"1.0", b"1.2"),
        push_branch="up",
        replaces=first.tip,
    )
    result = await engine.push(again)
    assert statuses(result) == ["pushed"], errors(result)
    assert git("-C", repository, "rev-parse", "up^").decode().strip() == base
    assert file_at(repository, "values.yaml", "up") == b"tag: 1.2.0\n"


async def test_a_push_branch_that_somebody_pushed_to_is_built_on_although_it_was_to_be_replaced(
    repository, make_engine
):
    engine = make_engine()
    first = await engine.push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1"), push_branch="up")
    )
    before = []

    def push_from_outside():
        if not before:
            before.append(commit_files(repository, {"theirs": b"t"}, branch="up", base=first.tip))

    result = await engine.push(
        batch(
            local_key(repository),
            planned("values.yaml", b"1.1", b"1.2", before=push_from_outside),
            written("other", b"ours"),
            push_branch="up",
            replaces=first.tip,
        )
    )
    assert statuses(result) == ["pushed", "pushed"], errors(result)
    assert git("-C", repository, "rev-parse", "up~2").decode().strip() == before[0]
    assert file_at(repository, "theirs", "up") == b"t"
    assert file_at(repository, "values.yaml", "up") == b"tag: 1.2.0\n"


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "x.lock", "a~1", "@"])
async def test_a_push_branch_that_git_forbids_is_refused_before_anything(
    repository, make_engine, name
):
    result = await make_engine().push(
        batch(local_key(repository), written("a", b"a"), push_branch=name)
    )
    assert result.results[0].error.kind is FailureKind.CONFIG


async def test_a_rival_who_was_quicker_keeps_his_commit(repository, make_engine):
    calls = []

    def push_from_outside():
        calls.append(1)
        if len(calls) == 1:
            commit_files(repository, {"values.yaml": b"tag: 1.0.0\nrival: true\n"})

    engine = make_engine()
    result = await engine.push(
        batch(
            local_key(repository),
            planned("values.yaml", b"1.0.0", b"1.1.0", before=push_from_outside),
        )
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert (len(calls), result.attempts) == (2, 2)
    assert file_at(repository, "values.yaml") == b"tag: 1.1.0\nrival: true\n"
    assert len(log(repository)) == 3


async def test_a_rival_who_made_the_same_change_leaves_nothing_to_do(repository, make_engine):
    calls = []

    def push_from_outside():
        calls.append(1)
        if len(calls) == 1:
            commit_files(repository, {"values.yaml": b"tag: 1.1.0\n"})

    result = await make_engine().push(
        batch(
            local_key(repository),
            planned("values.yaml", b"1.0.0", b"1.1.0", before=push_from_outside),
        )
    )
    assert statuses(result) == ["unchanged"]
    assert len(log(repository)) == 2


async def test_a_rival_who_creates_the_same_new_branch_keeps_his_commit(repository, make_engine):
    calls = []

    def push_from_outside():
        calls.append(1)
        if len(calls) == 1:
            commit_files(repository, {"theirs": b"t"}, branch="up", base=tip(repository))

    result = await make_engine().push(
        batch(
            local_key(repository),
            planned("values.yaml", b"1.0.0", b"1.1.0", before=push_from_outside),
            push_branch="up",
        )
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(repository, "theirs", "up") == b"t"


async def test_a_branch_that_never_rests_fails_after_the_attempts(repository, make_engine):
    numbers = iter(range(100))
    pauses = []

    async def note(seconds):
        pauses.append(seconds)

    def push_from_outside():
        commit_files(repository, {"other": str(next(numbers)).encode()})

    result = await make_engine(sleep=note).push(
        batch(
            local_key(repository),
            planned("values.yaml", b"1.0.0", b"1.1.0", before=push_from_outside),
        )
    )
    assert statuses(result) == ["failed"]
    assert result.results[0].error.reason is Reason.PUSH_REJECTED
    assert result.attempts == 5
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert file_at(repository, "values.yaml") == b"tag: 1.0.0\n"


async def test_ten_writers_of_one_process_all_arrive(repository, make_engine):
    engine = make_engine()
    results = await asyncio.gather(
        *(
            engine.push(batch(local_key(repository), written(f"f{i}", b"x", key=i)))
            for i in range(10)
        )
    )
    assert [statuses(result) for result in results] == [["pushed"]] * 10
    assert len(log(repository)) == 11
    assert engine.statistics.rejected_pushes == 0
    assert engine.statistics.fetches == 1


async def test_ten_rivals_with_state_of_their_own_all_arrive(repository, make_engine):
    engines = [make_engine(push_attempts=30) for _ in range(10)]
    for engine in engines:
        await engine.tip(local_key(repository))
    results = await asyncio.gather(
        *(
            engine.push(batch(local_key(repository), written(f"f{i}", b"x", key=i)))
            for i, engine in enumerate(engines)
        )
    )
    assert [statuses(result) for result in results] == [["pushed"]] * 10, results
    assert len(log(repository)) == 11
    assert {f"f{i}" for i in range(10)} <= set(
        git("-C", repository, "ls-tree", "--name-only", "main").decode().split()
    )


async def test_a_refusal_of_the_server_is_told_in_its_words_and_not_repeated(
    repository, make_engine
):
    write_hook(repository, "pre-receive", "echo 'policy: sign your commits' >&2; exit 1")
    result = await make_engine().push(
        batch(local_key(repository), planned("values.yaml", b"1.0.0", b"1.1.0"))
    )
    assert statuses(result) == ["failed"]
    assert result.attempts == 1
    error = result.results[0].error
    assert error.reason is Reason.PUSH_REJECTED
    assert "policy: sign your commits" in str(error)
    assert len(log(repository)) == 1


async def test_a_branch_that_was_moved_back_is_read_where_it_is(repository, make_engine):
    first = tip(repository)
    engine = make_engine()
    commit_files(repository, {"values.yaml": b"tag: 2\n"})
    await engine.read(local_key(repository), ["values.yaml"])
    git("-C", repository, "update-ref", "refs/heads/main", first)
    engine.begin_cycle()
    facts = await engine.read(local_key(repository), ["values.yaml"])
    assert facts["values.yaml"].content == b"tag: 1.0.0\n"


async def test_a_repository_with_sha256_works(tmp_path, make_engine):
    path = tmp_path / "sha256.git"
    git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", path)
    commit_files(path, {"values.yaml": b"tag: 1.0.0\n"})
    result = await make_engine().push(
        batch(local_key(path), planned("values.yaml", b"1.0.0", b"1.1.0"))
    )
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(path, "values.yaml") == b"tag: 1.1.0\n"
    git("-C", path, "fsck", "--strict")


async def test_nothing_is_pushed_by_who_has_no_right_to_it_any_more(repository, make_engine):
    def check_turn():
        raise ConflictError("somebody else works now")

    result = await make_engine(check_turn=check_turn).push(
        batch(local_key(repository), planned("values.yaml", b"1.0", b"1.1"))
    )
    assert statuses(result) == ["failed"]
    assert errors(result) == ["somebody else works now"]
    assert log(repository) == ["Begin"]
