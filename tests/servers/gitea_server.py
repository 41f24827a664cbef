"""A real Gitea for tests: Git over HTTPS, the API and its database in one process.

Everything lives in one folder. It listens on a free port of the loopback with a certificate of its
own, and is ended by its process id. Two people have accounts: a bot, whose password is a token as
in production, and an administrator, who does in tests what people do.
"""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import trustme

from lab_go import find_built
from servers.git_server import GIT_ENVIRONMENT, free_port

START_LIMIT_S = 90  # a busy machine is no fault of the server
COMMAND_LIMIT_S = 90
BOT = "bot"
PERSON = "person"
OWNER = "acme"  # an organization, with a team of those who may write

_CONFIGURATION = """\
APP_NAME = lab
RUN_MODE = prod
WORK_PATH = {folder}/work
[server]
PROTOCOL = https
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = https://localhost:{port}/
CERT_FILE = {folder}/server.pem
KEY_FILE = {folder}/server.pem
STATIC_ROOT_PATH = {program_folder}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = lab
PASSWORD_HASH_ALGO = pbkdf2$1000$50
[oauth2]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[cron]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[log]
MODE = console
LEVEL = warn
"""


class GiteaServer:
    """Serves ``https://localhost:PORT/acme/NAME.git`` and its API below ``/api/v1``.

    username, password: of the bot; the password is a token.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.program = find_built("gitea")
        self.ca_file = self.folder / "ca.pem"
        self.username = BOT
        self.password = ""
        self.port = 0
        self._person = ""
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))
        (self.folder / "app.ini").write_text(
            _CONFIGURATION.format(
                folder=self.folder, port=self.port, program_folder=Path(self.program).parent
            )
        )
        self._command("migrate")
        self._person = self._account(PERSON, "--admin")
        self.password = self._account(BOT)
        with (self.folder / "gitea.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._words("web"),
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_ready()
        self._found_organization()

    def stop(self):
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(START_LIMIT_S)
            self._process = None

    @property
    def root(self):
        """The folder of the bare repositories."""
        return self.folder / "repositories"

    def ask(self, method, path, body=None):
        """Ask the API as the person; return its JSON, or fail."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=context, timeout=START_LIMIT_S
        )
        headers = {"Authorization": f"token {self._person}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", text, headers)
            response = connection.getresponse()
            content = response.read()
        assert response.status < 300, (method, path, response.status, content[:500])
        return json.loads(content) if content else None

    def repository(self, name, files):
        """Make the repository ``acme/NAME`` with these files on ``main``; return its folder."""
        owner, _, short = name.partition("/")
        self.ask("POST", f"/orgs/{owner}/repos", {"name": short, "default_branch": "main"})
        self.commit(name, files, message="Begin", new=True)
        return self.root / f"{name}.git"

    def commit(self, name, files, *, branch="main", message="Change", new=False):
        """Commit new files as the person does; return the commit."""
        changes = [
            {"operation": "create", "path": path, "content": base64.b64encode(content).decode()}
            for path, content in files.items()
        ]
        place = {"new_branch": branch} if new else {"branch": branch}
        body = {"message": message, "files": changes, **place}
        return self.ask("POST", f"/repos/{name}/contents", body)["commit"]["sha"]

    def _found_organization(self):
        """Make the organization, and the team ``writers`` with the bot in it."""
        self.ask("POST", "/orgs", {"username": OWNER})
        team = self.ask(
            "POST",
            f"/orgs/{OWNER}/teams",
            {
                "name": "writers",
                "permission": "write",
                "includes_all_repositories": True,
                "units_map": {"repo.code": "write", "repo.pulls": "write", "repo.issues": "write"},
            },
        )
        self.ask("PUT", f"/teams/{team['id']}/members/{BOT}")

    def _account(self, name, *more):
        """Make an account; return a token of it."""
        self._command(
            "admin", "user", "create", "--username", name, "--email", f"{name}@example.com",
            "--random-password", "--must-change-password=false", *more,
        )  # fmt: skip
        token = self._command(
            "admin", "user", "generate-access-token", "--username", name,
            "--token-name", "lab", "--scopes", "all", "--raw",
        )  # fmt: skip
        return token.split()[-1]

    def _command(self, *words):
        done = subprocess.run(
            self._words(*words),
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _words(self, *words):
        return [self.program, "--config", str(self.folder / "app.ini"), *words]

    def _environ(self):
        environ = {**GIT_ENVIRONMENT, "HOME": str(self.folder), "USER": "lab"}
        del environ["GIT_CONFIG_GLOBAL"]  # it keeps a configuration of its own
        if os.geteuid() == 0:  # as in the containers that run continuous integration
            environ["GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT"] = "true"
        return environ

    def until(self, find, wanted):
        """Ask until the answer is what is wanted, for Gitea does much beside its answers."""
        limit = time.monotonic() + START_LIMIT_S
        while not wanted(found := find()):
            assert time.monotonic() < limit, found
            time.sleep(0.05)
        return found

    def _wait_until_ready(self):
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                self.ask("GET", "/version")
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"Gitea did not start: {(self.folder / 'gitea.log').read_text()}")
