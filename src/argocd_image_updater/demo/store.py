"""What the embedded registry holds: content by digest in files, names in one index file.

Everything is written through at once, so a folder that is kept can be served again later. Content
is shared between repositories, but a repository gives out only what was pushed or mounted to it.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_INDEX = "repositories.json"
_INDEX_LIMIT_BYTES = 64 << 20  # names and digests of some hundred thousand images
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(slots=True)
class StoredRepository:
    """Names of one repository. manifests: media type by digest; tags: digest by tag."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)


class Upload:
    """A blob on its way; its bytes go to a file and into the digest as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def is_closed(self) -> bool:
        return self._file.closed

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def finish(self, path: Path) -> None:
        """Make the content final under `path`."""
        self._file.close()
        self._path.replace(path)

    def drop(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class ImageStore:
    """The content of a registry below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs"
        self._uploads = folder / "uploads"
        self._repositories: dict[str, StoredRepository] = {}

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make an empty store in a folder that does not exist yet."""
        store = cls(folder)
        for path in (folder, store._blobs, store._uploads):
            path.mkdir(mode=0o700)
        store._save()
        return store

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a store that was made before.

        Raises:
            ConfigError: there is none, or it is damaged.
        """
        store = cls(folder)
        try:
            store._repositories = _read_index(folder / _INDEX)
            store._uploads.mkdir(exist_ok=True)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{folder} is not the content of a demonstration's registry: {error}",
                hint="name a folder that `demo --keep` left",
            ) from error
        return store

    @property
    def tag_count(self) -> int:
        return sum(len(repository.tags) for repository in self._repositories.values())

    @property
    def repository_count(self) -> int:
        return len(self._repositories)

    def repository(self, name: str) -> StoredRepository | None:
        return self._repositories.get(name)

    def has_blob(self, name: str, digest: str) -> bool:
        repository = self._repositories.get(name)
        return repository is not None and digest in repository.blobs

    def has_manifest(self, name: str, digest: str) -> bool:
        repository = self._repositories.get(name)
        return repository is not None and digest in repository.manifests

    def path_of(self, digest: str) -> Path:
        """Return the file of content that is here; `digest` has been looked up before."""
        return self._blobs / digest.removeprefix("sha256:")

    def new_upload(self) -> tuple[str, Upload]:
        """Begin an upload; return its name and itself."""
        name = secrets.token_hex(16)
        return name, Upload(self._uploads / name)

    def add_blob(self, name: str, upload: Upload) -> None:
        upload.finish(self.path_of(upload.digest))
        self._named(name).blobs.add(upload.digest)
        self._save()

    def mount_blob(self, name: str, digest: str, *, source: str) -> bool:
        """Give a repository a blob of another one; False where that one does not have it."""
        if not self.has_blob(source, digest):
            return False
        self._named(name).blobs.add(digest)
        self._save()
        return True

    def add_manifest(self, name: str, body: bytes, *, media_type: str, tag: str = "") -> str:
        """Store a manifest, under a tag too if one is given; return its digest."""
        digest = digest_of(body)
        _write_whole(self.path_of(digest), body)
        repository = self._named(name)
        repository.manifests[digest] = media_type
        if tag:
            repository.tags[tag] = digest
        self._save()
        return digest

    def _named(self, name: str) -> StoredRepository:
        return self._repositories.setdefault(name, StoredRepository())

    def _save(self) -> None:
        document = {
            name: {
                "tags": repository.tags,
                "manifests": repository.manifests,
                "blobs": sorted(repository.blobs),
            }
            for name, repository in sorted(self._repositories.items())
        }
        _write_whole(self._folder / _INDEX, json.dumps(document, indent=1).encode())


def digest_of(body: bytes) -> str:
    """Return the digest of content, as ``sha256:…``."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def is_digest(text: object) -> bool:
    """Tell whether `text` is a digest of the one algorithm that this registry keeps."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def _read_index(path: Path) -> dict[str, StoredRepository]:
    with path.open("rb") as file:
        content = file.read(_INDEX_LIMIT_BYTES + 1)
    if len(content) > _INDEX_LIMIT_BYTES:
        raise ValueError(f"{path.name} is larger than {_INDEX_LIMIT_BYTES >> 20} MiB")
    document = json.loads(content)
    if not isinstance(document, dict):
        raise TypeError(f"{path.name} holds no names")
    return {name: _read_repository(entry) for name, entry in document.items()}


def _read_repository(entry: Any) -> StoredRepository:
    if not isinstance(entry, dict):
        raise TypeError("a repository is not an object")
    repository = StoredRepository(
        tags=dict(entry.get("tags", {})),
        manifests=dict(entry.get("manifests", {})),
        blobs=set(entry.get("blobs", ())),
    )
    digests = (*repository.tags.values(), *repository.manifests, *repository.blobs)
    # A digest becomes a file name: nothing else may come from the index.
    if not all(map(is_digest, digests)):
        raise ValueError("a digest in the index is none")
    return repository


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_bytes(content)
    temporary.replace(path)
