"""Where secrets are while Git works: in no argument, no foreign process, no file that stays."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.snapshot import Secret
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.mirror import take_lock
from argocd_image_updater.git.tls import Trust
from integration.git.scenes import own_key, own_secret
from servers.proxies import Proxy
from servers.ssh_server import SshGitServer

pytestmark = pytest.mark.lab("git", "git-http-backend", "nginx", "fcgiwrap", "ssh", "sshd")
USER, PASSWORD = "me", "pr0xy-p4ss"
ALLOWED = {"git", "git-remote-https", "git-remote-http", "ssh", "sh", "python", "python3"}

# Opens what an SSH command gets, tells where its key is, and waits to be killed.
HOLDER = """\
import sys, time
from pathlib import Path
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.mirror import open_mirror
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
url = parse_url("git@git.test:acme/a.git")
mirror = open_mirror(Path(sys.argv[1]) / "git", url.identity)
credential = GitCredential(CredentialKind.SSH, ssh_private_key="PRIVATE")
with Connection(url, credential, Trust()).surroundings(mirror.folder):
    print(next(mirror.folder.glob("private-*/id")), flush=True)
    time.sleep(60)
"""


class Watching(Proxy):
    """A proxy that looks at all processes while one waits for it."""

    def __init__(self, secrets):
        super().__init__(user=USER, password=PASSWORD)
        self.secrets = {PASSWORD, *secrets}
        self.in_arguments = []
        self.in_environments = set()

    def _serve(self, client):
        for folder in descendants():
            try:
                words, environment = (
                    (folder / name).read_bytes().decode("utf-8", "replace")
                    for name in ("cmdline", "environ")
                )
            except OSError:
                continue
            program = Path(words.split("\0")[0]).name
            if any(secret in words for secret in self.secrets):
                self.in_arguments.append(words)
            if any(secret in environment for secret in self.secrets):
                self.in_environments.add(program.rstrip(".0123456789"))
        super()._serve(client)


async def test_user_and_password_are_in_the_environment_of_git_alone(
    server, repository_name, make_engine, tmp_path
):
    server.repository(repository_name, {"f": b"1"})
    with Watching({server.password}) as proxy:
        secret = own_secret(server, proxy=proxy.url("http"))
        engine = make_engine(secrets=[secret], ca_file=server.ca_file, state=tmp_path / "state")
        assert isinstance(await engine.tip(own_key(server.url(repository_name))), Tip)
    assert proxy.in_arguments == []
    assert "git" in proxy.in_environments
    assert proxy.in_environments <= ALLOWED
    assert holding(tmp_path / "state", {server.password, PASSWORD}) == []


async def test_a_key_is_in_a_file_for_the_time_of_a_command_alone(make_engine, tmp_path):
    with SshGitServer(tmp_path / "ssh") as ssh:
        ssh.repository("a", {"f": b"1"})
        key = ssh.key_file.read_text()
        body = key.splitlines()[1]
        with Watching({body}) as proxy:
            data = {"sshPrivateKey": key, "proxy": proxy.url("socks5")}
            secret = Secret(
                ObjectKey("team", "creds"), {name: text.encode() for name, text in data.items()}
            )
            engine = make_engine(
                secrets=[secret],
                trust=Trust(known_hosts=ssh.known_hosts),
                state=tmp_path / "state",
            )
            assert isinstance(await engine.tip(own_key(ssh.url("a"))), Tip)
    assert proxy.in_arguments == []
    assert "ssh" in proxy.in_environments
    assert proxy.in_environments <= ALLOWED
    assert holding(tmp_path / "state", {body, PASSWORD}) == []


def test_the_key_of_a_process_that_was_killed_is_removed_at_the_next_start(make_engine, tmp_path):
    state = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdout=subprocess.PIPE, text=True
    )
    try:
        file = Path(process.stdout.readline().strip())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        make_engine(state=state)
        assert file.exists()  # its process works with it
        process.send_signal(signal.SIGKILL)
    finally:
        process.communicate(timeout=30)
    assert file.exists()
    make_engine(state=state)
    assert not file.parent.exists()
    lock = take_lock(file.parent.parent)
    assert lock is not None
    os.close(lock)


def descendants():
    """Return the folders in /proc of the processes that this one started, and that they did."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found, newest = set(), {os.getpid()}
    while newest:
        newest = {pid for pid, parent in parents.items() if parent in newest} - found
        found |= newest
    return [Path("/proc") / str(pid) for pid in found]


def holding(folder, secrets):
    """Return the files below a folder that hold a secret."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]
