"""The steps of the image make a program that works, in a root folder without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from argocd_image_updater import __version__

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "deploy" / "image"
STEPS = IMAGE / "steps"
CONTAINERFILE = (IMAGE / "Containerfile").read_text()
UV = Path(sys.executable).parent / "uv"
COMMIT, DATE = "0123456789abcdef0123456789abcdef01234567", "2026-01-02T03:04:05Z"
USED = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "tools/setup.sh", "src")


def run(*words, environment=None, **options):
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A root folder as the steps leave it."""
    folder = tmp_path_factory.mktemp("image")
    source, root = folder / "source", folder / "root"
    (source / "tools").mkdir(parents=True)
    for name in USED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, source / name)
    variables = {
        "SOURCE": source,
        "WORK": folder / "work",
        "VENV": root / "opt" / "argocd-image-updater",
        "ROOT": root,
        "PYTHON": sys.executable,
        "APP_UID": os.geteuid(),
        "APP_GID": os.getegid(),
        "COMMIT": COMMIT,
        "DATE": DATE,
        # What is here already is not fetched again.
        "UV": UV,
        "UV_CACHE_DIR": run(UV, "cache", "dir").strip(),
    }
    environment = {name: str(value) for name, value in variables.items()}
    for step in ("build", "layout"):
        run("sh", STEPS / f"{step}.sh", environment=environment)
    environment["PATH"] = f"{root / 'usr/local/bin'}:{os.environ['PATH']}"
    return root, environment


def test_the_program_tells_what_it_was_built_from(image):
    root, environment = image
    command = root / "usr/local/bin/argocd-image-updater"
    output = run(command, "version", environment=environment, cwd="/")
    assert output.startswith(f"argocd-image-updater: v{__version__}+{COMMIT[:7]}\n")
    assert DATE in output


def test_it_has_what_the_lock_names_and_no_tools(image):
    root, environment = image
    python = root / "opt/argocd-image-updater/bin/python"
    installed = run(UV, "pip", "freeze", "--python", python, environment=environment)
    names = {line.partition("==")[0].partition(" @")[0] for line in installed.splitlines()}
    assert {"aiohttp", "click", "argocd-image-updater"} <= names
    assert {"botocore", "google-auth", "azure-identity"} <= names
    assert not names & {"pytest", "mypy", "hatchling", "pip"}
    locked = set(re.findall(r'name = "(.+)"\nversion = "(.+)"', (ROOT / "uv.lock").read_text()))
    versions = {tuple(line.split("==")) for line in installed.splitlines() if "==" in line}
    assert versions - {("argocd-image-updater", __version__)} <= locked


def test_everything_is_compiled_because_nothing_can_be_written_there(image):
    root, _ = image
    (package,) = root.glob("opt/*/lib/python*/site-packages/argocd_image_updater")
    sources = list(package.rglob("*.py"))
    compiled = {file.name.partition(".")[0] for file in package.rglob("__pycache__/*.pyc")}
    assert {file.stem for file in sources} <= compiled


def test_the_user_and_the_folders_are_those_of_deployments(image):
    root, environment = image
    uid, gid = environment["APP_UID"], environment["APP_GID"]
    assert f"argocd:x:{uid}:{gid}:" in (root / "etc/passwd").read_text()
    folders = {path.relative_to(root).as_posix() for path in (root / "app").rglob("*")}
    assert folders == {
        "app/config",
        "app/config/ssh",
        "app/config/tls",
        "app/.ssh",
        "app/ssh-keys",
        "app/gpg-keys",
        "app/state",
    }
    state = (root / "app/state").stat()
    assert (state.st_mode & 0o777, state.st_uid) == (0o700, os.geteuid())


def test_a_second_run_of_the_layout_changes_nothing(image):
    root, environment = image
    before = (root / "etc/passwd").read_text()
    run("sh", STEPS / "layout.sh", environment=environment)
    assert (root / "etc/passwd").read_text() == before


@pytest.mark.lab("git", "ssh", "gpg", "tini")
def test_the_finished_image_is_checked_by_its_last_step(image):
    _, environment = image
    output = run("sh", STEPS / "check.sh", environment=environment, cwd="/")
    assert f"v{__version__}+{COMMIT[:7]}" in output


@pytest.mark.parametrize("step", sorted(STEPS.iterdir()), ids=lambda file: file.name)
def test_a_step_is_a_script_that_the_image_runs(step):
    run("sh", "-n", step)
    assert f"steps/{step.name}" in CONTAINERFILE


def test_the_image_takes_the_arguments_of_the_deployment():
    assert 'ENTRYPOINT ["/usr/bin/tini", "--", "argocd-image-updater"]' in CONTAINERFILE
    assert CONTAINERFILE.rindex("USER 1000:1000") > CONTAINERFILE.rindex("FROM ")


def test_what_the_image_copies_is_sent_to_the_builder_and_nothing_else():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    names = {name.rstrip("/") for line in copied for name in line.split()}
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".containerignore").read_text(), re.MULTILINE))
    assert names == {*USED, "deploy/image/steps"}
    for name in names:
        assert any(f"{name}/".startswith(f"{path}/") for path in kept), name
    for path in kept:
        assert any(f"{name}/".startswith(f"{path}/") for name in names), path
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()
