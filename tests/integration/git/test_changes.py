"""What changes under a running engine: passwords, host keys, connections, and answers that lie."""

import os

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.tls import Trust
from faults.tcp_gate import TcpGate
from integration.git.scenes import (
    batch,
    errors,
    key_secret,
    own_key,
    own_secret,
    planned,
    statuses,
    written,
)  # fmt: skip
from servers.git_server import HttpsGitServer, commit_files, file_at, git, log
from servers.ssh_server import SshGitServer

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap", "ssh", "sshd")
VALUES = b"tag: 1.0.0\n"


class ChangingSecrets:
    """One Secret that somebody edits."""

    def __init__(self, secret):
        self.secret = secret

    async def read(self, key):
        assert key == self.secret.key
        return self.secret

    async def list_labelled(self, *_, **__):
        return ()


@pytest.fixture
def own_server(tmp_path):
    with HttpsGitServer(tmp_path / "own-server") as running:
        yield running


async def test_rotated_credentials_are_used_from_the_next_cycle_on(own_server, make_engine):
    own_server.repository("a", {"values.yaml": VALUES})
    engine = make_engine(ca_file=own_server.ca_file)
    secrets = ChangingSecrets(own_secret(own_server))
    engine._book._secrets = secrets
    key = own_key(own_server.url("a"))
    assert isinstance(await engine.tip(key), Tip)
    own_server.set_password("another-0ne")
    engine.begin_cycle()
    failure = await engine.tip(key)
    assert failure.kind is FailureKind.DENIED
    assert "the credentials were refused" in failure.message
    secrets.secret = own_secret(own_server)
    engine.begin_cycle()
    result = await engine.push(batch(key, planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)


async def test_credentials_that_are_rotated_between_fetch_and_push_lose_nothing(
    own_server, make_engine
):
    path = own_server.repository("a", {"values.yaml": VALUES})
    engine = make_engine(ca_file=own_server.ca_file)
    secrets = ChangingSecrets(own_secret(own_server))
    engine._book._secrets = secrets
    key = own_key(own_server.url("a"))
    change = planned(
        "values.yaml", b"1.0", b"1.1", before=lambda: own_server.set_password("another-0ne")
    )
    result = await engine.push(batch(key, change))
    assert statuses(result) == ["failed"]
    assert result.results[0].error.kind is FailureKind.DENIED
    secrets.secret = own_secret(own_server)
    engine.begin_cycle()
    result = await engine.push(batch(key, planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert len(log(path)) == 2


async def test_a_host_key_that_changed_is_refused_and_named(make_engine, tmp_path):
    with SshGitServer(tmp_path / "ssh-server") as ssh:
        path = ssh.repository("a", {"values.yaml": VALUES})
        engine = make_engine(
            secrets=[key_secret(ssh.key_file.read_text())], trust=Trust(known_hosts=ssh.known_hosts)
        )
        key = own_key(ssh.url("a"))
        assert isinstance(await engine.tip(key), Tip)
        ssh.change_host_key()
        engine.begin_cycle()
        result = await engine.push(batch(key, planned("values.yaml", b"1.0", b"1.1")))
        assert statuses(result) == ["failed"]
        error = result.results[0].error
        assert error.kind is FailureKind.CONFIG
        assert "127.0.0.1" in str(error)
        assert "the server's host key is not trusted" in str(error)
        assert log(path) == ["Begin"]


async def test_an_error_after_the_push_was_taken_is_looked_up_and_counts_once(
    server, repository_name, make_engine
):
    path = server.repository(repository_name, {"values.yaml": VALUES})
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name, prefix="lost-answers/"))
    result = await engine.push(
        batch(key, planned("values.yaml", b"1.0.0", b"1.1.0"), written("new", b"n"))
    )
    assert statuses(result) == ["pushed", "pushed"], errors(result)
    assert result.attempts == 1
    assert server.request_counts()["refused-500"] == 1
    assert len(log(path)) == 3


@pytest.mark.parametrize("side", ["server", "client"])
async def test_a_connection_that_breaks_inside_a_pack_leaves_nothing_half(
    server, repository_name, make_engine, *, side
):
    """A server's pack, while it is fetched; the own pack, while it is pushed."""
    ballast = {"noise": os.urandom(300_000)} if side == "server" else {}
    path = server.repository(repository_name, {"values.yaml": VALUES, **ballast})
    state = server.folder / f"{repository_name}-state"
    with TcpGate(server.port, hold_after=100_000, side=side, cuts=True) as gate:
        engine = make_engine(
            state=state,
            secrets=[own_secret(server)],
            ca_file=server.ca_file,
            push_attempts=2,
            blob_limit_bytes=1 << 20,
        )
        url = server.url(repository_name).replace(str(server.port), str(gate.port))
        big = written("ours", os.urandom(300_000))
        broken = await engine.push(batch(own_key(url), big))
        assert statuses(broken) == ["failed"]
        error = broken.results[0].error
        assert error.kind is FailureKind.TRANSIENT, error
        assert repository_name in str(error)
        gate.go.set()
        engine.begin_cycle()
        result = await engine.push(batch(own_key(url), big))
        assert statuses(result) == ["pushed"], errors(result)
    assert len(log(path)) == 2
    assert not list(state.glob("git/*/repo/objects/pack/tmp_*"))
    git("-C", path, "fsck", "--strict")


async def test_a_sha256_repository_works_over_https(server, repository_name, make_engine):
    path = server.repository(repository_name, {"values.yaml": VALUES}, object_format="sha256")
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    for number in range(3):
        engine.begin_cycle()
        result = await engine.push(batch(key, written("ours", b"%d" % number)))
        assert statuses(result) == ["pushed"], errors(result)
        commit_files(path, {"theirs": b"%d" % number})
    assert len(log(path)) == 7
    assert len(git("-C", path, "rev-parse", "main").strip()) == 64
    git("-C", path, "fsck", "--strict")


async def test_what_a_repository_wants_to_run_is_never_run(server, repository_name, make_engine):
    """Filters, merge drivers, hooks, submodules and LFS: the names of programs that mark a file."""
    mark = server.folder / f"{repository_name}.ran"
    pointer = (
        b"version https://git-lfs.github.com/spec/v1\n"
        b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12\n"
    )
    run = f"touch {mark}"
    path = server.repository(
        repository_name,
        {
            "values.yaml": VALUES,
            "large.yaml": pointer,
            ".gitattributes": b"* filter=evil diff=evil merge=evil text eol=crlf ident\n",
            ".gitconfig": f'[filter "evil"]\n\tsmudge = {run}\n\tclean = {run}\n'.encode(),
            ".gitmodules": (
                f'[submodule "m"]\n\tpath = m\n\turl = ext::{run}\n\tupdate = !{run}\n'.encode()
            ),
            "m": ("160000", b"1" * 40),
            ".githooks/pre-push": ("100755", f"#!/bin/sh\n{run}\n".encode()),
            ".lfsconfig": b"[lfs]\n\turl = https://127.0.0.1:1/\n",
        },
    )
    engine = make_engine(secrets=[own_secret(server)], ca_file=server.ca_file)
    key = own_key(server.url(repository_name))
    result = await engine.push(
        batch(key, planned("values.yaml", b"1.0.0", b"1.1.0"), written("large.yaml", b"x"))
    )
    assert statuses(result) == ["pushed", "refused"]
    assert "is kept in Git LFS" in errors(result)[0]
    assert file_at(path, "values.yaml") == b"tag: 1.1.0\n"
    assert file_at(path, "large.yaml") == pointer
    assert not mark.exists()
