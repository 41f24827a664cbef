"""A real SSH server that lets one key run git on a folder of bare repositories.

An ``sshd`` of its own on a free port of the loopback, with its own host key and configuration; the
user is whoever runs the tests. It is ended by its process id.
"""

import contextlib
import getpass
import os
import shlex
import socket
import subprocess
import time
from pathlib import Path

from servers.git_server import START_LIMIT_S, bare_repository, free_port, program

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
LogLevel VERBOSE
"""


class SshGitServer:
    """Serves ``ssh://USER@127.0.0.1:PORT/<folder>/<name>.git`` to the holder of `key_file`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.root = self.folder / "repositories"
        self.key_file = self.folder / "user_key"
        self.known_hosts = self.folder / "known_hosts"
        self.port = 0
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        for name in ("host_key", "user_key"):
            self.make_key(name)
        self._write_configuration()
        self._serve()

    def change_host_key(self):
        """Go on with another host key at the same address, as after a move or an attack."""
        self.stop()
        (self.folder / "host_key").unlink()
        self.make_key("host_key")
        self._serve()

    def _write_configuration(self):
        public = (self.folder / "user_key.pub").read_text()
        (self.folder / "authorized_keys").write_text(
            f'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" {public}'
        )
        host = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host}")
        (self.folder / "sshd_config").write_text(_CONFIG.format(port=self.port, folder=self.folder))

    def _serve(self):
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd as root insists on it
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("sshd"), "-D", "-e", "-f", self.folder / "sshd_config"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_LIMIT_S)
            self._process = None

    def make_key(self, name):
        """Make a key pair and return the private key's text."""
        path = self.folder / name
        subprocess.run(
            [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path], check=True
        )
        return path.read_text()

    def url(self, name):
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.root}/{name}.git"

    def repository(self, name, files):
        return bare_repository(self.root / f"{name}.git", files)

    def _wait_until_ready(self):
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return
            time.sleep(0.02)
        text = (self.folder / "sshd.log").read_text()
        self.stop()
        raise RuntimeError(f"sshd did not start in {shlex.quote(str(self.folder))}: {text}")
