"""Many images on the disk, each with a manifest and a config of its own, and two who serve them.

A pile is written as CNCF Distribution stores it, which takes seconds where pushing takes minutes,
or as plain files for `FileRegistry`: nginx, which answers with the same bytes and headers for a
tenth of the CPU time, so that what bounds a run is the program and not its registry.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab import find_program
from registries.distribution import OCI_CONFIG, OCI_MANIFEST, READY_S
from servers.git_server import free_port

_LAYER = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    "digest": "sha256:" + "a" * 64,
    "size": 31_337,
}
_LAYERS = 6
_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log combined;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  map_hash_max_size 262144;
  map_hash_bucket_size 256;
  map $uri $content_digest {{ include {folder}/digests; }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    types {{ }}
    add_header Docker-Distribution-Api-Version registry/2.0;
    location = /v2/ {{ default_type application/json; return 200 '{{}}'; }}
    location ~ /tags/list$ {{ default_type application/json; }}
    location ~ /manifests/ {{
      default_type application/vnd.oci.image.manifest.v1+json;
      add_header Docker-Content-Digest $content_digest;
      add_header Docker-Distribution-Api-Version registry/2.0;
    }}
    location ~ /blobs/ {{ default_type application/octet-stream; }}
  }}
}}
"""


@dataclass(frozen=True)
class Pile:
    """So many tags in each of so many repositories; every image differs from every other."""

    repositories: int
    tags: int

    def names(self):
        return [f"team/app-{number}" for number in range(self.repositories)]

    def tag(self, number):
        return f"build-{number:04}"

    def images(self, repository):
        """Yield tag, manifest and config of each image as bytes."""
        for number in range(self.tags):
            config = _config(repository, number)
            yield self.tag(number), _manifest(config), config


def lay_distribution(pile, registry):
    """Write a pile into the storage of a registry that runs."""
    root = registry.folder / "data/docker/registry/v2"
    for repository in pile.names():
        home = root / "repositories" / repository
        for tag, manifest, config in pile.images(repository):
            for content in (manifest, config):
                _write(root / "blobs" / _path(content, shard=True) / "data", content)
            digest = _digest(manifest).encode()
            _write(home / "_layers" / _path(config) / "link", _digest(config).encode())
            _write(home / "_manifests/revisions" / _path(manifest) / "link", digest)
            _write(home / "_manifests/tags" / tag / "current/link", digest)
            _write(home / "_manifests/tags" / tag / "index" / _path(manifest) / "link", digest)


class FileRegistry:
    """nginx that serves a pile from files. Use as a context manager."""

    def __init__(self, pile):
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="registry-", dir=in_memory))
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._lay(pile)

    def __enter__(self):
        config = self.folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=self.folder, port=self.port))
        program = find_program("nginx")
        assert program, "nginx is not installed"
        self._process = subprocess.Popen(
            [program, "-p", self.folder, "-c", config, "-e", self.folder / "error.log"],
            start_new_session=True,
        )
        self.pid = self._process.pid
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.folder / "error.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)  # nothing tells when another process listens
        raise AssertionError("nginx did not start")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(READY_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def request_counts(self):
        """Count what was asked since the start, by (method, path without query)."""
        counts = Counter()
        for line in (self.folder / "access.log").read_text().splitlines():
            method, target, *_ = line.partition('] "')[2].split(" ")
            counts[method, target.partition("?")[0]] += 1
        return counts

    def _lay(self, pile):
        lines = []
        for repository in pile.names():
            home = self.folder / "files/v2" / repository
            tags = []
            for tag, manifest, config in pile.images(repository):
                tags.append(tag)
                _write(home / "manifests" / tag, manifest)
                _write(home / "blobs" / _digest(config), config)
                lines.append(f"/v2/{repository}/manifests/{tag} {_digest(manifest)};\n")
            listed = json.dumps({"name": repository, "tags": tags}).encode()
            _write(home / "tags/list", listed)
        (self.folder / "digests").write_text("".join(lines))


def _config(repository, number):
    created = f"2024-{1 + number // 672:02}-{1 + number // 24 % 28:02}T{number % 24:02}:00:00Z"
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["/usr/bin/app", "--serve"],
            "Labels": {
                "org.opencontainers.image.source": f"https://git.example.com/{repository}",
                "org.opencontainers.image.revision": f"{number:040x}",
            },
        },
        "history": [
            {"created": created, "created_by": f"RUN /build/step-{step}", "comment": "buildkit"}
            for step in range(_LAYERS)
        ],
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{step:064x}" for step in range(_LAYERS)],
        },
    }
    return json.dumps(document).encode()


def _manifest(config):
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": _digest(config), "size": len(config)},
        "layers": [_LAYER] * _LAYERS,
    }
    return json.dumps(document).encode()


def _digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _path(content, *, shard=False):
    encoded = hashlib.sha256(content).hexdigest()
    return f"sha256/{encoded[:2]}/{encoded}" if shard else f"sha256/{encoded}"


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
