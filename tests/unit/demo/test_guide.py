"""The guide tells five steps and three reports, shows all it claims, and checks its last claim."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from argocd_image_updater.core.reasons import Outcome, Reason
from argocd_image_updater.demo.guide import give_demonstration
from argocd_image_updater.demo.scene import APPLICATIONS, Workspace
from argocd_image_updater.errors import BugError, ConfigError

pytestmark = pytest.mark.lab("git")
HOSTILE = {"GIT_DIR": "/nowhere", "HTTP_PROXY": "http://127.0.0.1:9", "GIT_CONFIG_GLOBAL": "/x"}


class Watcher:
    """Keeps what it is told; `on_step` is called with each title."""

    def __init__(self, on_step=str):
        self.on_step = on_step
        self.titles = []
        self.reports = []

    def step(self, title, *_lines):
        self.titles.append(title)
        self.on_step(title)

    def report(self, report):
        self.reports.append(report)

    def progress(self):
        return contextlib.nullcontext()


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path.resolve())


async def give(workspace, watcher):
    environment = {"PATH": os.environ["PATH"], **HOSTILE}
    return await give_demonstration(workspace, watcher, environment=environment)


async def test_every_strategy_and_target_is_shown_and_nothing_fails(workspace):
    watcher = Watcher()
    reports = await give(workspace, watcher)
    assert watcher.reports == list(reports)
    assert len(watcher.titles) == 5
    first = {(d.application.name, d.image): d for d in reports[0].decisions}
    assert {name for name, _ in first} == {name for name, *_ in APPLICATIONS}
    updated = {name: d.written_to for (name, _), d in first.items() if d.change}
    assert updated == {
        "api": "api/kustomization.yaml on main",
        "cache": "manifests/cache.yaml:1"
        if Path.cwd() == workspace.folder
        else f"{workspace.manifests}/cache.yaml:1",
        "store": "store/values.yaml on main",
        "web": "web/values.yaml on main",
        "worker": "worker/.argocd-source-worker.yaml on main",
    }
    settings = (workspace.manifests / "updater.yaml").read_text()
    for strategy in ("semver", "newest-build", "alphabetical", "digest"):
        assert f"updateStrategy: {strategy}" in settings
    assert first["store", "shop.example/proxy"].reason is Reason.FILTERED_BY_ALLOW_TAGS
    outcomes = {decision.outcome for report in reports for decision in report.decisions}
    assert outcomes == {Outcome.UPDATED, Outcome.CURRENT, Outcome.SKIPPED}
    assert not any(report.problems or report.warnings for report in reports)
    assert [len(report.commits) for report in reports] == [4, 1, 0]
    assert [len(report.patches) for report in reports] == [1, 1, 0]


async def test_a_branch_that_moves_in_the_third_run_is_an_error(workspace):
    def move(title):
        if title.startswith("Third"):
            words = ["git", "update-ref", "refs/heads/main", "main~1"]
            subprocess.run(words, cwd=workspace.repository, check=True)

    with pytest.raises(BugError, match="the third run wrote something although nothing was new"):
        await give(workspace, Watcher(move))


async def test_a_manifest_that_changes_in_the_third_run_is_an_error(workspace):
    def touch(title):
        if title.startswith("Third"):
            path = workspace.manifests / "web.yaml"
            path.write_bytes(path.read_bytes() + b"# more\n")

    with pytest.raises(BugError, match="the third run changed a manifest"):
        await give(workspace, Watcher(touch))


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"port": "80"}', '{"port": 0}', '{"port": true}']
)
def test_a_folder_that_names_no_port_is_not_one_of_a_demonstration(workspace, content):
    if content is not None:
        (workspace.folder / "demo.json").write_text(content)
    with pytest.raises(ConfigError, match="is not the folder of a demonstration") as caught:
        workspace.remembered_port()
    assert "--keep" in caught.value.hint


def test_the_port_is_remembered(workspace):
    workspace.remember_port(4711)
    assert workspace.remembered_port() == 4711
