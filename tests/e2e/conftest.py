"""A real registry, a Git repository, a folder of manifests, and the program as a process."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registries.distribution import DistributionRegistry

ENTRY = "from argocd_image_updater.cli.main import entry; entry()"
GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example",
}


@dataclass
class Scene:
    """One folder with manifests, a bare repository and a home; `run` calls the program in it."""

    folder: Path
    registry: DistributionRegistry
    environment: dict = field(default_factory=dict)

    @property
    def manifests(self):
        return self.folder / "manifests"

    @property
    def repository(self):
        return self.folder / "shop.git"

    def command(self, *words):
        return [sys.executable, "-c", ENTRY, *words]

    def environ(self, **more):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            **self.environment,
            **more,
        }

    def run(self, *words, **environ):
        """Run a command to its end; the manifests folder is given as flag."""
        return subprocess.run(
            self.command(*words, "--manifests", str(self.manifests)),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self.environ(**environ),
            stdin=subprocess.DEVNULL,
        )

    def git(self, *words):
        """Run git in the bare repository and return what it prints."""
        done = subprocess.run(
            ["git", "-C", self.repository, *words],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | GIT_ENVIRONMENT,
        )
        return done.stdout

    def file(self, path):
        return self.git("show", f"main:{path}")


@pytest.fixture(scope="session")
def registry():
    with DistributionRegistry() as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0", "2.0.0", "latest"])
        running.push_tags("acme/db", ["5.0.0"])
        yield running


@pytest.fixture
def scene(tmp_path, registry):
    """Two images of one Application: one is out of date, the other current."""
    scene = Scene(tmp_path, registry)
    for name in ("manifests", "home"):
        (tmp_path / name).mkdir()
    _make_repository(scene)
    host = registry.host
    (scene.manifests / "all.yaml").write_text(
        MANIFESTS.format(host=host, repository=scene.repository.as_uri())
    )
    (scene.manifests / "registries.conf").write_text(
        f"registries:\n- name: local\n  prefix: {host}\n  api_url: {registry.url}\n"
    )
    return scene


def _make_repository(scene):
    work = scene.folder / "work"
    values = work / "apps" / "shop" / "values.yaml"
    values.parent.mkdir(parents=True)
    values.write_text(VALUES.format(host=scene.registry.host))
    (work / "apps" / "shop" / "Chart.yaml").write_text(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
    )
    environment = os.environ | GIT_ENVIRONMENT
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["commit", "--quiet", "--message=start"],
        ["clone", "--quiet", "--bare", ".", str(scene.repository)],
    ):
        subprocess.run(["git", *words], cwd=work, check=True, env=environment)


VALUES = """\
# what runs in the shop
web:
  image: {host}/acme/web
  tag: 1.0.0  # kept by the updater
db:
  image: {host}/acme/db
  tag: 5.0.0
"""

MANIFESTS = """\
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: updater, namespace: argocd}}
spec:
  writeBackConfig:
    method: git
    gitConfig: {{branch: main, writeBackTarget: "helmvalues:values.yaml"}}
  applicationRefs:
  - namePattern: shop
    images:
    - alias: web
      imageName: {host}/acme/web:^1.0
      manifestTargets: {{helm: {{name: web.image, tag: web.tag}}}}
    - alias: db
      imageName: {host}/acme/db:^5.0
      manifestTargets: {{helm: {{name: db.image, tag: db.tag}}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd}}
spec:
  project: default
  source:
    repoURL: {repository}
    path: apps/shop
    targetRevision: main
    helm: {{valueFiles: [values.yaml]}}
"""
