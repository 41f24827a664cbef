"""Keys that sign commits, made by the real gpg and ssh-keygen, and what verifies with them."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers.git_server import GIT_ENVIRONMENT

SIGNER = "bot@example.com"
PASSPHRASE = "not for machines"


class GnuPG:
    """A GnuPG home in a short path, for its sockets; `close` ends its agent."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="gh-"))

    def close(self):
        self.run("gpgconf", "--kill", "gpg-agent")
        shutil.rmtree(self.home, ignore_errors=True)  # the agent removes its sockets meanwhile

    def run(self, *words, text=b""):
        environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(self.home), "LC_ALL": "C"}
        return subprocess.run(
            words, input=text, env=environment, capture_output=True, check=True
        ).stdout

    def make(self, name=f"Bot <{SIGNER}>", *, passphrase=""):
        """Make a key that can sign; return the private half as text."""
        first = ("gpg", "--batch", "--pinentry-mode=loopback", f"--passphrase={passphrase}")
        self.run(*first, "--quick-generate-key", name, "ed25519", "sign", "0")
        return self.run(*first, "--armor", "--export-secret-keys", name).decode()

    def has_agent(self):
        out = self.run("gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye")
        return b"OK" in out

    def verify(self, repository, commit):
        return verify(repository, commit, GNUPGHOME=str(self.home))


class SshKey:
    """A key pair in a folder; private: the file with the private key."""

    def __init__(self, folder, *, passphrase=""):
        self.private = Path(folder) / "key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", self.private],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        self.allowed = Path(folder) / "allowed"
        public = self.private.with_suffix(".pub").read_text()
        self.allowed.write_text(f'{SIGNER} namespaces="git" {public}')

    def verify(self, repository, commit):
        words = ("-c", f"gpg.ssh.allowedSignersFile={self.allowed}", "-c", "gpg.format=ssh")
        return verify(repository, commit, *words)


def verify(repository, commit, *words, **environ):
    """Return what git says of the signature of a commit; it must be good."""
    done = subprocess.run(
        ["git", *words, "-C", str(repository), "verify-commit", "-v", commit],
        env={**GIT_ENVIRONMENT, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def agents_of(folder):
    """Return the arguments of running agents whose home is below a folder."""
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines()
            if line.startswith("gpg-agent") and str(folder) in line]  # fmt: skip
