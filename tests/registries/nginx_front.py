"""nginx in front of a registry: TLS that asks for a client certificate, or a forward proxy.

As a forward proxy it passes plain HTTP on to whatever host the request names, as ``http_proxy`` of
other programs would be used.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import trustme

from lab import find_program
from servers.git_server import free_port

READY_S = 60.0
_CONFIG = """\
daemon off;
{user_line}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
{server}
  }}
}}
"""
_MUTUAL = """\
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    ssl_client_certificate {folder}/clients.pem;
    ssl_verify_client on;
    location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; }}
"""
_FORWARD = """\
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://$http_host$request_uri; }}
"""


class _Nginx:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()

    def __enter__(self):
        config = self.folder / "nginx.conf"
        user_line = "user root;" if os.geteuid() == 0 else ""
        server = self._server()
        config.write_text(_CONFIG.format(folder=self.folder, user_line=user_line, server=server))
        program = find_program("nginx")
        assert program, "nginx is not installed"
        self._process = subprocess.Popen(
            [program, "-p", self.folder, "-c", config, "-e", self.folder / "error.log"],
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.folder / "error.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)  # nothing tells when another process listens
        raise AssertionError("nginx did not start")

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(READY_S)

    def lines(self):
        return (self.folder / "access.log").read_text().splitlines()

    async def wait_for_lines(self, count):
        """Return the lines when there are so many: they are written after the answers are sent."""
        deadline = time.monotonic() + READY_S
        while len(self.lines()) < count:
            assert time.monotonic() < deadline, self.lines()
            await asyncio.sleep(0.01)
        return self.lines()


class MutualTls(_Nginx):
    """Passes on only who shows a certificate of `authority`."""

    def __init__(self, folder, upstream):
        super().__init__(folder)
        self.url = f"https://localhost:{self.port}"
        self.authority = trustme.CA()
        self._upstream = upstream
        self.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "server.pem"
        )
        self.ca_file = self.folder / "clients.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)

    def client_files(self, authority=None):
        """Write a client's certificate and key; return their paths."""
        leaf = (authority or self.authority).issue_cert("updater.test")
        certificate, key = self.folder / "client.crt", self.folder / "client.key"
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
        return certificate, key

    def _server(self):
        return _MUTUAL.format(folder=self.folder, port=self.port, upstream=self._upstream)


class ForwardProxy(_Nginx):
    """Passes plain HTTP on to the host that is asked for, and notes what it was."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _server(self):
        return _FORWARD.format(port=self.port)
