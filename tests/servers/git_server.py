"""A real Git server over HTTPS for tests, benchmarks and the demonstration.

nginx ends TLS and asks for user and password, fcgiwrap runs git's own ``http-backend``. Everything
lives in one folder, listens on a free port of the loopback, and is ended by its process id. The
access log tells which question each request was, so that a test can count conversations.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from pathlib import Path

import trustme

START_LIMIT_S = 60  # a busy machine is no fault of the server
GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}
# Names by which a proxy of the tests leads here: a service whose API is at a host of its own.
NAMES = ("bitbucket.org", "api.bitbucket.org")
PARTS = {"nginx": "nginx", "fcgiwrap": "fcgiwrap", "git": "git"}

_NGINX = """\
daemon off;
{user_line}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  map $request_body $git_command {{
    default "";
    ~command=ls-refs ls-refs;
    ~command=fetch fetch;
  }}
  log_format questions escape=json
    '{{"method":"$request_method","uri":"$request_uri","status":$status,'
    '"command":"$git_command","user":"$remote_user","sent":$bytes_sent}}';
  access_log {folder}/access.log questions;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  server {{
    listen unix:{folder}/logged.sock;
    access_log off;
    location / {{ return 204; }}
  }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    include {folder}/*.extra;
    location ~ ^/moved/(.*)$ {{ return 301 https://$http_host/$1$is_args$args; }}
    location ~ ^/down/ {{ return 503; }}
    location ~ ^/lost-answers/(?<path>.*)$ {{
      auth_basic "git";
      auth_basic_user_file {folder}/users;
      fastcgi_pass unix:{folder}/fcgi.sock;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {folder}/lost-answers;
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_CONFIG_NOSYSTEM 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param PATH_INFO /$path;
      fastcgi_param REMOTE_USER $remote_user;
    }}
    location ~ ^/(api|rest|2[.]0)/|/_apis/ {{ proxy_pass http://127.0.0.1:{api_port}; }}
    location ~ ^/(?<path>.*)$ {{
      auth_basic "git";
      auth_basic_user_file {folder}/users;
      fastcgi_pass unix:{folder}/fcgi.sock;
      fastcgi_buffering off;
      fastcgi_read_timeout 120s;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_CONFIG_NOSYSTEM 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param PATH_INFO /$path;
      fastcgi_param REMOTE_USER $remote_user;
    }}
  }}
}}
"""


# Does what it is asked for, and says of a push that it failed.
_LOST_ANSWERS = """\
#!/bin/sh
case "$PATH_INFO" in
*/git-receive-pack) ;;
*) exec {backend} ;;
esac
{backend} > /dev/null
printf 'Status: 500 Internal Server Error\\r\\n\\r\\n'
"""


class HttpsGitServer:
    """Serves the bare repositories below `root` at ``https://localhost:PORT/<name>.git``.

    ``/moved/…`` redirects to the same path without it, ``/down/…`` answers 503, ``/lost-answers/…``
    takes a push and answers 500. Addresses of the
    APIs of forges are passed on to whoever listens at `api_port`.
    """

    def __init__(self, folder, *, username="bot", password="s3cret"):
        self.folder = Path(folder)
        self.root = self.folder / "repositories"
        self.username = username
        self.password = password
        self.ca_file = self.folder / "ca.pem"
        self.port = 0
        self.api_port = 0
        self._processes = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self.root.mkdir(parents=True, exist_ok=True)
        self._write_certificate()
        self.set_password(self.password)
        script = self.folder / "lost-answers"
        script.write_text(_LOST_ANSWERS.format(backend=git_program("git-http-backend")))
        script.chmod(0o755)
        self.port, self.api_port = free_port(), free_port()
        (self.folder / "nginx.conf").write_text(
            _NGINX.format(
                folder=self.folder,
                root=self.root,
                port=self.port,
                api_port=self.api_port,
                backend=git_program("git-http-backend"),
                user_line="user root;" if os.geteuid() == 0 else "",
            )
        )
        socket_path = self.folder / "fcgi.sock"
        self._spawn(program("fcgiwrap"), "-c", "8", "-s", f"unix:{socket_path}")
        self._spawn(
            program("nginx"), "-p", self.folder, "-c", self.folder / "nginx.conf",
            "-e", self.folder / "error.log",
        )  # fmt: skip
        self._wait_until_ready(socket_path)

    def stop(self):
        """End each part with its children: fcgiwrap leaves its own behind."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            process.wait(START_LIMIT_S)
        self._processes = []

    def set_password(self, password):
        """Have another password from now on."""
        self.password = password
        fresh = self.folder / "users.new"
        fresh.write_text(f"{self.username}:{{PLAIN}}{password}\n")
        fresh.replace(self.folder / "users")

    def url(self, name, *, prefix=""):
        return f"https://localhost:{self.port}/{prefix}{name}.git"

    def repository(self, name, files, **options):
        """Make a bare repository with these files on ``main`` and return its folder."""
        return bare_repository(self.root / f"{name}.git", files, **options)

    def requests(self):
        """Return the requests so far as dictionaries, in the order in which they ended."""
        self._wait_until_logged()
        log = self.folder / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line) for line in lines]

    def forget_requests(self):
        """Begin to count anew (nginx appends, so the file can be emptied under it)."""
        self._wait_until_logged()
        with (self.folder / "access.log").open("w"):
            pass

    def request_counts(self):
        """Count the requests by question: info-refs, ls-refs, fetch, push, with refused apart."""
        return Counter(_question(request) for request in self.requests())

    def _wait_until_logged(self):
        """Let the worker end what it is at: it logs a request after its answer was sent.

        There is one worker, so when it answers here it has logged what was answered before.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(START_LIMIT_S)
            connection.connect(str(self.folder / "logged.sock"))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while connection.recv(4096):
                pass

    def _write_certificate(self):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("localhost", "127.0.0.1", *NAMES)
        pem = self.folder / "server.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))

    def _spawn(self, *command):
        with (self.folder / "processes.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _wait_until_ready(self, socket_path):
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                if socket_path.exists():
                    return
            if any(process.poll() is not None for process in self._processes):
                break
            time.sleep(0.02)
        logs = [self.folder / "error.log", self.folder / "processes.log"]
        text = "\n".join(log.read_text() for log in logs if log.exists())
        self.stop()
        raise RuntimeError(f"the Git server did not start: {text}")


def bare_repository(
    path, files, *, branch="main", message="Begin", git_config=None, object_format="sha1"
):
    """Make a bare repository whose branch holds `files` (path → bytes); none = empty repository."""
    path = Path(path)
    git("init", "--quiet", "--bare", f"--object-format={object_format}",
        f"--initial-branch={branch}", path)  # fmt: skip
    settings = {"http.receivepack": "true", "uploadpack.allowFilter": "true", **(git_config or {})}
    for name, value in settings.items():
        git("-C", path, "config", name, value)
    if files:
        commit_files(path, files, branch=branch, message=message)
    return path


def commit_files(path, files, *, branch="main", message="Change", base=""):
    """Commit contents (None = delete) to a branch of a bare repository, as another person would.

    A value (mode, bytes) sets the mode: ``120000`` makes a symbolic link, ``160000`` a submodule.
    """
    stream = bytearray(f"commit refs/heads/{branch}\n".encode())
    stream += b"committer Somebody <somebody@example.com> 1700000000 +0000\n"
    stream += _data(message.encode())
    start = base or _tip_or_none(path, branch)
    if start:
        stream += f"from {start}\n".encode()
    for name, content in files.items():
        if content is None:
            stream += f"D {name}\n".encode()
            continue
        mode, text = content if isinstance(content, tuple) else ("100644", content)
        if mode == "160000":
            stream += f"M 160000 {text.decode()} {name}\n".encode()
        else:
            stream += f"M {mode} inline {name}\n".encode() + _data(text)
    git("-C", path, "fast-import", "--quiet", "--force", stdin=bytes(stream))
    return tip(path, branch)


def tip(path, branch="main"):
    """Return the commit of a branch."""
    return git("-C", path, "rev-parse", "--verify", f"refs/heads/{branch}").decode().strip()


def file_at(path, name, branch="main"):
    """Return the content of a file at the tip of a branch."""
    return git("-C", path, "cat-file", "blob", f"refs/heads/{branch}:{name}")


def log(path, branch="main", pattern="%s"):
    """Return one line per commit, the newest first."""
    return (
        git("-C", path, "log", f"--format={pattern}", f"refs/heads/{branch}").decode().splitlines()
    )


def write_hook(path, name, script):
    """Install a hook of the server."""
    hook = Path(path) / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def git(*words, stdin=b""):
    """Run git as the other side does, and return what it prints."""
    done = subprocess.run(
        ["git", *(str(word) for word in words)],
        input=stdin, capture_output=True, env=GIT_ENVIRONMENT, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"git {words[:4]} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout


def free_port():
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    """Return the path of a program of the lab, also of those outside a user's PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install {PARTS[name]}")
    return found


def git_program(name):
    """Return the path of one of git's own programs."""
    return Path(git("--exec-path").decode().strip()) / name


def tls_context(server):
    """Return a TLS context that trusts the server, for clients in Python."""
    return ssl.create_default_context(cafile=str(server.ca_file))


def _question(request):
    if request["status"] >= 400:
        return f"refused-{request['status']}"
    path = request["uri"]
    if "/info/refs" in path:
        return "info-refs-push" if "git-receive-pack" in path else "info-refs"
    if path.endswith("/git-receive-pack"):
        return "push"
    return request["command"] or "upload-pack"


def _tip_or_none(path, branch):
    with contextlib.suppress(RuntimeError):
        return tip(path, branch)
    return ""


def _data(content):
    return f"data {len(content)}\n".encode() + content + b"\n"
