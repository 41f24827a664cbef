"""What the demonstration shows: the images, and the files laid out below one folder.

The files are real ones, in ``content/``: the Git repository's first commit and the manifests. Two
marks in the manifests are replaced: ``@REPOSITORY@`` and ``@PORT@``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.demo.images import DemoImage
from argocd_image_updater.demo.store import ImageStore
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.resources.abc import Traversable

REGISTRY_NAME = "shop.example"
# What content/manifests/ asks for: Application, strategy, target.
APPLICATIONS = (
    ("web", "semver 1.x", "Helm values file"),
    ("api", "newest-build", "kustomization"),
    ("worker", "alphabetical", "override file, created by the first run"),
    ("cache", "digest", "the Application itself: method argocd"),
    ("store", "semver, two sources", "Helm values file of the second source"),
)
_SETTINGS = "demo.json"
_SETTINGS_LIMIT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one demonstration and where things lie in it."""

    folder: Path

    @property
    def registry(self) -> Path:
        return self.folder / "registry"

    @property
    def repository(self) -> Path:
        return self.folder / "deploy.git"

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def shown_manifests(self) -> Path:
        """Return the shortest way to write `manifests` from the current folder."""
        here = Path.cwd()
        below = self.manifests.is_relative_to(here)
        return self.manifests.relative_to(here) if below else self.manifests

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def remember_port(self, port: int) -> None:
        """Note the port that the manifests name, for when the folder is served again."""
        (self.folder / _SETTINGS).write_text(json.dumps({"port": port}) + "\n")

    def remembered_port(self) -> int:
        """Return the port that the manifests name.

        Raises:
            ConfigError: the folder was not left by a demonstration.
        """
        try:
            with (self.folder / _SETTINGS).open("rb") as file:
                port = json.loads(file.read(_SETTINGS_LIMIT_BYTES))["port"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise self._not_kept(str(error)) from error
        if type(port) is not int or not 0 < port < 1 << 16:
            raise self._not_kept(f"{_SETTINGS} names no port")
        return port

    def open_store(self) -> ImageStore:
        return ImageStore.load(self.registry)

    def _not_kept(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self.folder} is not the folder of a demonstration: {why}",
            hint="`demo --keep` leaves one and prints its name",
        )


def repository_files() -> Mapping[str, bytes]:
    """Return the files of the repository's first commit by path."""
    return dict(_files_below(_content("deploy")))


def write_manifests(workspace: Workspace, *, repository_url: str, port: int) -> None:
    """Lay out Applications, ImageUpdater and registries.conf."""
    workspace.manifests.mkdir()
    marks = {b"@REPOSITORY@": repository_url.encode(), b"@PORT@": str(port).encode()}
    for name, content in _files_below(_content("manifests")):
        for mark, value in marks.items():
            content = content.replace(mark, value)  # noqa: PLW2901 - the text takes its final form
        (workspace.manifests / name).write_bytes(content)


def first_images() -> Sequence[DemoImage]:
    """Return what the registry holds when the story begins."""
    return (
        DemoImage("web", "1.4.0", "2026-01-05T09:00:00Z"),
        DemoImage("web", "1.4.1", "2026-01-09T09:00:00Z"),
        DemoImage("web", "1.5.0-rc.1", "2026-01-11T09:00:00Z"),
        DemoImage("api", "main-3f9d2c1", "2026-01-05T09:10:00Z"),
        DemoImage("api", "main-a07be44", "2026-01-12T16:20:00Z"),
        DemoImage("api", "main-0c55d19", "2026-01-08T11:30:00Z"),
        DemoImage("api", "test-77aa001", "2026-01-13T10:00:00Z"),
        DemoImage("worker", "2026-01-05", "2026-01-05T20:00:00Z", platforms=("linux/amd64",)),
        DemoImage("worker", "2026-01-12", "2026-01-12T20:00:00Z", platforms=("linux/amd64",)),
        DemoImage("worker", "latest", "2026-01-12T20:00:00Z", platforms=("linux/amd64",)),
        DemoImage("cache", "stable", "2026-01-05T12:00:00Z", content="cache, first build"),
        DemoImage("frontend", "2.1.0", "2026-01-05T10:00:00Z"),
        DemoImage("frontend", "2.1.3", "2026-01-10T10:00:00Z"),
        DemoImage("frontend", "2.2.0", "2026-01-12T10:00:00Z"),
        DemoImage("proxy", "1.27.0", "2026-01-05T08:00:00Z"),
        DemoImage("proxy", "1.28.0", "2026-01-12T08:00:00Z"),
    )


def newer_images() -> Sequence[DemoImage]:
    """Return what is pushed between the first and the second run."""
    return (
        DemoImage("web", "1.5.0", "2026-01-14T09:00:00Z"),
        DemoImage("web", "2.0.0", "2026-01-14T09:30:00Z"),
        DemoImage("cache", "stable", "2026-01-14T12:00:00Z", content="cache, second build"),
    )


def _content(name: str) -> Traversable:
    return resources.files(__package__) / "content" / name


def _files_below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _files_below(entry, f"{path}/")
        else:
            yield path, entry.read_bytes()
