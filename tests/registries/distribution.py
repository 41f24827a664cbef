"""CNCF Distribution (Debian's docker-registry), started for tests and benchmarks.

A plain helper: start, push, count the requests that came in, stop. Storage is a temporary folder,
the port is free, the process is ended by its id.
"""

import base64
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from lab import find_program

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
READY_S = 60.0  # a busy machine is no fault of the registry
USERNAME, PASSWORD = "reader", "p"
PASSWORD_BCRYPT = "$2b$04$0REt3ITi/lvnQVN1xJCeleHq0d8s6IpIRkWKakqTfM/vSqioXFMJa"


class DistributionRegistry:
    """Use as a context manager.

    auth: the ``auth`` section of its configuration. tls: certificate and key file. settings: more
    top-level sections. push_authorization: header value for what is pushed here.
    """

    def __init__(self, *, auth=None, tls=None, settings=None, push_authorization=""):
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="registry-", dir=in_memory))
        self.port = _free_port()
        self.host = f"localhost:{self.port}" if tls else f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.access_log = self.folder / "access.log"
        self.push_authorization = push_authorization
        self._tls = tls
        self._config = self._configuration(auth, tls, settings or {})
        self._process = None
        self._connection = None

    def __enter__(self):
        command = self._command()
        with self.access_log.open("wb") as out, (self.folder / "error.log").open("wb") as err:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "OTEL_TRACES_EXPORTER": "none"},
            )
        self._wait_until_ready()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        process, self._process = self._process, None
        if self._connection:
            self._connection.close()
        if process and process.poll() is None:
            process.kill()  # its storage goes away with it; a graceful stop waits for connections
            process.wait()

    @property
    def pid(self):
        """The process that answers."""
        return self._process.pid

    def push_image(
        self,
        repository,
        tag,
        *,
        created="2024-01-01T00:00:00Z",
        platform="linux/amd64",
        labels=None,
        annotations=None,
    ):
        """Push an image without layers; return the digest of its manifest. created: None = none."""
        os_name, architecture, *variant = platform.split("/")
        config = {
            "os": os_name,
            "architecture": architecture,
            **({"variant": variant[0]} if variant else {}),
            **({"created": created} if created is not None else {}),
            "config": {"Labels": labels or {}},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        body = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": self.push_blob(repository, body),
                "size": len(body),
            },
            "layers": [],
            **({"annotations": annotations} if annotations else {}),
        }
        return self.push_manifest(repository, tag, manifest, OCI_MANIFEST)

    def push_index(self, repository, tag, images, *, annotations=None):
        """Push an index. images: (platform, arguments of `push_image`); return its digest."""
        entries = []
        for platform, arguments in images:
            digest = self.push_image(repository, None, platform=platform, **arguments)
            os_name, architecture, *variant = platform.split("/")
            entries.append(
                {
                    "mediaType": OCI_MANIFEST,
                    "digest": digest,
                    "size": self._sizes[digest],
                    "platform": {
                        "os": os_name,
                        "architecture": architecture,
                        **({"variant": variant[0]} if variant else {}),
                    },
                }
            )
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": entries,
            **({"annotations": annotations} if annotations else {}),
        }
        return self.push_manifest(repository, tag, index, OCI_INDEX)

    def push_tags(self, repository, tags, **image):
        """Give one image many tags; return its digest. All but the first are copied on the disk."""
        first, *others = tags
        digest = self.push_image(repository, first, **image)
        folder = self._tag_folder(repository)
        for tag in others:
            shutil.copytree(folder / first, folder / tag)
        return digest

    def push_blob(self, repository, body):
        """Upload a blob in one go; return its digest."""
        digest = _digest(body)
        status, headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202, status
        location = headers["Location"].removeprefix(self.url)
        target = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        status, _, answer = self.request(
            "PUT", target, body=body, headers={"Content-Type": "application/octet-stream"}
        )
        assert status == 201, answer
        return digest

    def push_manifest(self, repository, tag, document, media_type):
        """Push a manifest under a tag, or under its digest where `tag` is None."""
        body = json.dumps(document).encode()
        digest = _digest(body)
        status, _, answer = self.request(
            "PUT",
            f"/v2/{repository}/manifests/{tag or digest}",
            body=body,
            headers={"Content-Type": media_type},
        )
        assert status == 201, answer
        self._sizes[digest] = len(body)
        return digest

    def delete_tag(self, repository, tag):
        """Remove a tag; version 2.8 can only delete manifests, so the link itself is removed."""
        shutil.rmtree(self._tag_folder(repository) / tag)

    def request(self, method, path, *, body=None, headers=None):
        """Send one request over a kept connection; return status, headers and body."""
        authorization = (
            {"Authorization": self.push_authorization} if self.push_authorization else {}
        )
        connection = self._connection
        connection.request(method, path, body=body, headers={**authorization, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def request_counts(self):
        """Count what was asked since the start, by (method, path without query), pushes included.

        An access line is written when the answer is sent, so the last one may be a moment late.
        """
        counts = Counter()
        for line in self.access_log.read_text().splitlines():
            _, quote, rest = line.partition('] "')
            if quote:
                method, target, *_ = rest.split(" ")
                counts[method, target.partition("?")[0]] += 1
        return counts

    def _command(self):
        program = find_program("docker-registry")
        assert program, "docker-registry is not installed"
        config = self.folder / "config.json"  # JSON is YAML
        config.write_text(json.dumps(self._config))
        return [program, "serve", str(config)]

    def _tag_folder(self, repository):
        root = self.folder / "data/docker/registry/v2/repositories"
        return root / repository / "_manifests/tags"

    def _configuration(self, auth, tls, settings):
        config = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": f"127.0.0.1:{self.port}", "secret": "not a secret"},
            **settings,
        }
        if tls:
            certificate, key = tls
            config["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
        if auth:
            config["auth"] = auth
        return config

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.folder / "error.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)  # nothing tells when another process listens
        else:
            raise AssertionError("docker-registry did not start")
        self._connection = self._connect()
        self._sizes = {}

    def _connect(self):
        if not self._tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_S)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=READY_S, context=context)


def htpasswd_auth(folder):
    """Return the ``auth`` section that knows `USERNAME`; the file is written into `folder`."""
    file = Path(folder) / "htpasswd"
    file.write_text(f"{USERNAME}:{PASSWORD_BCRYPT}\n")
    return {"htpasswd": {"realm": "test", "path": str(file)}}


def basic_header(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _digest(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
