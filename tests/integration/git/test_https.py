"""The engine against a real Git server over HTTPS: conversations are counted in its log."""

import asyncio
import os
import time

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import BranchKey, Failure, FailureKind, FileFact, PathKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.guard import HostGuard
from argocd_image_updater.git.process import GitRunner
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from integration.git.scenes import (
    batch,
    errors,
    local_key,
    own_key,
    own_secret,
    planned,
    statuses,
    written,
)
from servers.git_server import commit_files, file_at, log, tip, write_hook

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap")

VALUES = b"# kept\nimage:\n  tag: 1.0.0   # current\n"
ONE_QUESTION = {"info-refs": 1, "ls-refs": 1}


async def test_a_change_reaches_the_branch_and_keeps_the_rest_of_the_file(
    server, repository_name, make_engine
):
    path = server.repository(repository_name, {"apps/a/values.yaml": VALUES, "b": b"b"})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    facts = await engine.read(key, ["apps/a/values.yaml", "apps", "nothing"])
    assert facts == {
        "apps/a/values.yaml": FileFact(PathKind.FILE, VALUES),
        "apps": FileFact(PathKind.DIRECTORY),
        "nothing": FileFact(PathKind.MISSING),
    }
    result = await engine.push(batch(key, planned("apps/a/values.yaml", b"1.0.0", b"1.1.0")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(path, "apps/a/values.yaml") == VALUES.replace(b"1.0.0", b"1.1.0")
    assert file_at(path, "b") == b"b"
    assert log(path)[0] == "build: automatic update of apps/a/values.yaml"
    assert result.tip == tip(path)
    assert await engine.tip(key) == Tip("refs/heads/main", tip(path))


async def test_a_hundred_commits_cost_one_fetch_and_one_push(server, repository_name, make_engine):
    files = {f"apps/a{i}/values.yaml": VALUES for i in range(100)}
    filler = {f"apps/a{i % 100}/templates/t{i}.yaml": b"kind: X\n" * 40 for i in range(3000)}
    path = server.repository(repository_name, {**files, **filler})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    began = time.monotonic()
    result = await engine.push(batch(key, *(planned(name, b"1.0.0", b"1.1.0") for name in files)))
    took_s = time.monotonic() - began
    assert set(statuses(result)) == {"pushed"}, errors(result)
    assert len(log(path)) == 101
    assert server.request_counts() == {
        "info-refs": 2,
        "ls-refs": 1,
        "fetch": 1,
        "info-refs-push": 1,
        "push": 1,
    }
    assert took_s < 10  # about half a second; a busy machine may take its time


async def test_nothing_to_write_costs_exactly_one_question(server, repository_name, make_engine):
    server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    await engine.read(key, ["values.yaml"])
    engine.begin_cycle()
    server.forget_requests()
    await engine.read(key, ["values.yaml"])
    result = await engine.push(batch(key, planned("values.yaml", b"absent", b"x")))
    assert statuses(result) == ["unchanged"]
    assert server.request_counts() == ONE_QUESTION


async def test_a_mirror_survives_a_restart_of_the_process(
    server, repository_name, make_engine, tmp_path
):
    server.repository(repository_name, {"values.yaml": VALUES})
    options = {"secrets": [own_secret(server)], "ca_file": server.ca_file}
    key = own_key(server.url(repository_name))
    first = make_engine(state=tmp_path / "kept", **options)
    await first.read(key, ["values.yaml"])
    first.close()
    server.forget_requests()
    second = make_engine(state=tmp_path / "kept", **options)
    facts = await second.read(key, ["values.yaml"])
    assert facts["values.yaml"].content == VALUES
    assert server.request_counts() == ONE_QUESTION


async def test_a_foreign_commit_is_fetched_alone_after_the_first_time(
    server, repository_name, make_engine
):
    path = server.repository(repository_name, {"values.yaml": VALUES, "big": os.urandom(60_000)})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    await engine.read(key, ["values.yaml"])
    first_bytes = engine.statistics.received_bytes
    commit_files(path, {"values.yaml": b"new"})
    engine.begin_cycle()
    facts = await engine.read(key, ["values.yaml"])
    assert facts["values.yaml"].content == b"new"
    assert first_bytes > 60_000
    assert engine.statistics.received_bytes - first_bytes < 2_000


async def test_a_large_target_costs_one_request_more_and_only_that(
    server, repository_name, make_engine
):
    large = [os.urandom(100_000) for _ in range(3)]
    path = server.repository(
        repository_name, {"a": large[0], "b": large[1], "unused": large[2], "small": b"s"}
    )
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    facts = await engine.read(key, ["a", "b", "small"])
    assert [facts[name].content for name in ("a", "b", "small")] == [large[0], large[1], b"s"]
    assert server.request_counts()["fetch"] == 2
    assert 200_000 < engine.statistics.received_bytes < 210_000
    result = await engine.push(batch(key, written("a", b"now small"), written("new", b"n")))
    assert statuses(result) == ["pushed", "pushed"], errors(result)
    assert server.request_counts()["fetch"] == 2
    assert file_at(path, "unused") == large[2]


async def test_a_server_without_filters_serves_as_well(server, repository_name, make_engine):
    large = os.urandom(100_000)
    server.repository(
        repository_name,
        {"large": large, "small": b"s"},
        git_config={"uploadpack.allowFilter": "false"},
    )
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    facts = await engine.read(own_key(server.url(repository_name)), ["large", "small"])
    assert facts["large"].content == large
    assert server.request_counts()["fetch"] == 1


async def test_many_readers_of_one_cycle_ask_once(server, repository_name, make_engine):
    server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    await asyncio.gather(*(engine.read(key, ["values.yaml"]) for _ in range(5)))
    assert engine.statistics.questions == 1
    assert engine.statistics.fetches == 1


async def test_applications_of_several_projects_with_one_credential_ask_once(
    server, repository_name, make_engine
):
    server.repository(repository_name, {"values.yaml": VALUES})
    secret = Secret(
        ObjectKey("argocd", "r"),
        {
            "url": server.url(repository_name).encode(),
            "username": server.username.encode(),
            "password": server.password.encode(),
        },
        {"argocd.argoproj.io/secret-type": "repository"},
    )
    engine = make_engine(secrets=[secret], ca_file=server.ca_file)
    keys = [
        BranchKey(server.url(repository_name), "main", "repocreds", f"project{i}", f"ns{i}")
        for i in range(5)
    ]
    tips = await asyncio.gather(*(engine.tip(key) for key in keys))
    assert len(set(tips)) == 1
    assert server.request_counts() == ONE_QUESTION


async def test_a_push_by_one_identity_is_seen_by_the_others(server, repository_name, make_engine):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    url = server.url(repository_name)
    argo = Secret(
        ObjectKey("argocd", "r"),
        {"url": url.encode(), **own_secret(server, insecure="true").data},
        {"argocd.argoproj.io/secret-type": "repository"},
    )
    engine = make_engine(secrets=[own_secret(server), argo], ca_file=server.ca_file)
    keys = [own_key(url), BranchKey(url, "main", "repocreds", "default", "team")]
    assert await engine.tip(keys[0]) == await engine.tip(keys[1])
    results = await asyncio.gather(
        *(engine.push(batch(keys[i % 2], written(f"f{i}", b"x"))) for i in range(6))
    )
    assert [statuses(result) for result in results] == [["pushed"]] * 6
    assert engine.statistics.rejected_pushes == 0
    assert {(await engine.tip(key)).commit for key in keys} == {tip(path)}


async def test_a_wrong_password_is_denied_and_not_shown(server, repository_name, make_engine):
    server.repository(repository_name, {"values.yaml": VALUES})
    secret = own_secret(server, password="wr0ng-pass")
    engine = make_engine(secrets=[secret], ca_file=server.ca_file)
    answer = await engine.tip(own_key(server.url(repository_name)))
    assert isinstance(answer, Failure)
    assert answer.kind is FailureKind.DENIED
    assert repository_name in answer.message
    assert "wr0ng-pass" not in answer.message


async def test_a_failure_is_remembered_for_the_cycle(server, repository_name, make_engine):
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    first = await engine.read(key, ["a"])
    second = await engine.push(batch(key, written("a", b"a")))
    assert first["a"].kind is FailureKind.NOT_FOUND
    assert statuses(second) == ["failed"]
    assert engine.statistics.questions == 1


async def test_an_unknown_authority_is_a_fault_of_the_configuration(
    server, repository_name, make_engine
):
    server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)])
    answer = await engine.tip(own_key(server.url(repository_name)))
    assert answer.kind is FailureKind.CONFIG
    assert "CA" in answer.message


async def test_verification_is_off_only_when_the_secret_says_so(
    server, repository_name, make_engine
):
    server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server, insecure="true")])
    assert isinstance(await engine.tip(own_key(server.url(repository_name))), Tip)


async def test_the_file_named_like_the_host_is_trusted(
    server, repository_name, make_engine, tmp_path
):
    server.repository(repository_name, {"values.yaml": VALUES})
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "localhost").write_bytes(server.ca_file.read_bytes())
    engine = make_engine(secrets=[own_secret(server)], trust=Trust(tls_folder=tmp_path / "tls"))
    assert isinstance(await engine.tip(own_key(server.url(repository_name))), Tip)


async def test_a_vanished_repository_is_not_found(server, repository_name, make_engine):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    assert isinstance(await engine.tip(key), Tip)
    path.rename(path.with_suffix(".gone"))
    engine.begin_cycle()
    assert (await engine.tip(key)).kind is FailureKind.NOT_FOUND
    result = await engine.push(batch(key, written("a", b"a")))
    assert statuses(result) == ["failed"]


async def test_a_server_that_is_down_is_a_temporary_failure(server, repository_name, make_engine):
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    answer = await engine.tip(own_key(server.url(repository_name, prefix="down/")))
    assert answer.kind is FailureKind.TRANSIENT


async def test_an_address_that_redirects_works_and_is_remembered(
    server, repository_name, make_engine
):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name, prefix="moved/"))
    result = await engine.push(batch(key, planned("values.yaml", b"1.0.0", b"1.1.0")))
    assert statuses(result) == ["pushed"], errors(result)
    assert b"1.1.0" in file_at(path, "values.yaml")


async def test_a_password_inside_the_url_is_used_and_never_shown(
    server, repository_name, make_engine
):
    server.repository(repository_name, {"values.yaml": VALUES})
    url = server.url(repository_name)
    good = url.replace("https://", f"https://{server.username}:{server.password}@")
    bad = url.replace("https://", "https://bot:wr0ng-pass@")
    engine = make_engine(ca_file=server.ca_file)
    assert isinstance(await engine.tip(BranchKey(good, "main", "repocreds")), Tip)
    answer = await engine.tip(BranchKey(bad, "main", "repocreds"))
    assert answer.kind is FailureKind.DENIED
    assert "wr0ng" not in answer.message


async def test_credentials_come_from_a_template_of_argo_cd(server, repository_name, make_engine):
    server.repository(repository_name, {"values.yaml": VALUES})
    template = Secret(
        ObjectKey("argocd", "template"),
        {
            "url": f"https://localhost:{server.port}".encode(),
            "username": server.username.encode(),
            "password": server.password.encode(),
        },
        {"argocd.argoproj.io/secret-type": "repo-creds"},
    )
    engine = make_engine(secrets=[template], ca_file=server.ca_file)
    key = BranchKey(server.url(repository_name), "", "repocreds", "default", "team")
    assert isinstance(await engine.tip(key), Tip)


async def test_a_secret_of_another_namespace_is_refused(server, repository_name, make_engine):
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = BranchKey(server.url(repository_name), "main", "secret:team/creds", "default", "other")
    result = await engine.push(batch(key, written("a", b"a")))
    assert result.results[0].error.reason is Reason.SECRET_REFUSED


async def test_missing_credentials_name_the_repository(server, repository_name, make_engine):
    engine = make_engine(ca_file=server.ca_file)
    answer = await engine.tip(BranchKey(server.url(repository_name), "main", "repocreds"))
    assert answer.kind is FailureKind.CREDENTIALS
    assert repository_name in answer.message


async def test_a_push_whose_answer_is_lost_is_looked_up_and_counts_once(
    server, repository_name, make_engine
):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    write_hook(path, "post-receive", "kill -9 $PPID")
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    result = await engine.push(batch(key, planned("values.yaml", b"1.0.0", b"1.1.0")))
    assert statuses(result) == ["pushed"], errors(result)
    assert len(log(path)) == 2
    assert server.request_counts()["push"] + server.request_counts()["refused-502"] == 1


async def test_a_push_that_broke_before_it_was_taken_is_made_again(
    server, repository_name, make_engine, tmp_path
):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    mark = tmp_path / "once"
    write_hook(path, "pre-receive", f"[ -e {mark} ] || {{ : > {mark}; kill -9 $PPID; }}")
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    result = await engine.push(batch(key, planned("values.yaml", b"1.0.0", b"1.1.0")))
    assert statuses(result) == ["pushed"], errors(result)
    assert result.attempts == 2
    assert len(log(path)) == 2


async def test_a_local_repository_is_refused_where_it_is_not_allowed(make_engine, tmp_path):
    engine = make_engine(allow_local=False)
    answer = await engine.tip(local_key(tmp_path))
    assert answer.kind is FailureKind.CONFIG


async def test_a_certificate_that_is_mounted_later_is_used_from_the_next_cycle_on(
    server, repository_name, make_engine, tmp_path
):
    server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(
        secrets=[own_secret(server)], trust=Trust(mounted_tls_folders=(tmp_path / "tls",))
    )
    key = own_key(server.url(repository_name))
    assert "certificate" in (await engine.tip(key)).message
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "localhost").write_bytes(server.ca_file.read_bytes())
    engine.begin_cycle()
    assert isinstance(await engine.tip(key), Tip)


async def test_git_goes_where_the_name_was_found_to_lead(server, repository_name, make_engine):
    """The second look-up of a name, git's own, would find nothing here."""
    server.repository(repository_name, {"values.yaml": VALUES})
    url = parse_url(server.url(repository_name).replace("localhost", "git.invalid"))
    credential = GitCredential(
        CredentialKind.BASIC, username=server.username, password=server.password, insecure=True
    )

    async def resolve(_host, _port):
        return ("127.0.0.1",)

    guard = HostGuard({}, resolve=resolve)
    connection = await guard.guarded(Connection(url, credential, Trust()))
    runner = GitRunner(server.folder, os.environ)
    with connection.surroundings(server.folder) as around:
        output = await runner.run(["ls-remote", url.text], around)
    assert output.ok, output.stderr
    assert b"refs/heads/main" in output.stdout


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "0xa9fea9fe"])
async def test_a_metadata_service_is_no_repository(make_engine, server, host):
    engine = make_engine(secrets=[own_secret(server)])
    answer = await engine.tip(own_key(f"https://{host}/latest/meta-data.git"))
    assert answer.kind is FailureKind.CONFIG
    assert f"{host} is an address that is never asked" in answer.message
