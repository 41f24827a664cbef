"""The program as its users meet it: a process, a folder of manifests, a registry, a repository.

Covered: run, plan, explain with their outputs and exit codes, a terminal, signals. Left to others:
what is decided and written in detail.
"""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import pytest

pytestmark = pytest.mark.lab("docker-registry", "git")
LIMIT_S = 30.0


def test_run_once_writes_the_new_tag_and_tells_so(scene):
    done = scene.run("run", "--once")
    assert done.returncode == 0, done.stderr
    assert "tag: 1.1.0  # kept by the updater" in scene.file("apps/shop/values.yaml")
    heading, web, db = done.stdout.splitlines()[:3]
    assert heading.startswith("APPLICATION")
    assert re.search(r"argocd/shop +\S+/acme/web +1\.0\.0 → 1\.1\.0 +Updated", web)
    assert web.endswith(" apps/shop/values.yaml on main")
    assert re.search(r"argocd/shop +\S+/acme/db +5\.0\.0 +UpToDate", db)
    assert "1 application, 2 images: 1 updated, 1 up to date; " in done.stdout
    assert 'level=info msg=starting app="argocd-image-updater: v' in done.stderr
    assert (
        'msg="Processing results: applications=1 images_considered=2 images_skipped=0 '
        'images_updated=1 errors=0"'
    ) in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_second_run_finds_nothing_to_do(scene):
    scene.run("run", "--once")
    commit = scene.git("rev-parse", "main")
    done = scene.run("run", "--once", "--output", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert {image["reason"] for image in report["images"]} == {"UpToDate"}
    assert scene.git("rev-parse", "main") == commit


def test_plan_shows_the_commit_writes_nothing_and_ends_with_three(scene):
    commit = scene.git("rev-parse", "main")
    done = scene.run("plan")
    assert done.returncode == 3, done.stderr
    assert f"repository {scene.repository.as_uri()}, branch main\n" in done.stdout
    assert "commit 1 of 1: argocd/shop\n" in done.stdout
    assert "-  tag: 1.0.0  # kept by the updater\n" in done.stdout
    assert "+  tag: 1.1.0  # kept by the updater\n" in done.stdout
    assert done.stdout.endswith("dry run, nothing was written\n")
    assert scene.git("rev-parse", "main") == commit
    report = json.loads(scene.run("plan", "--output", "json").stdout)
    assert report["dryRun"] is True
    assert report["commits"][0]["files"] == ["apps/shop/values.yaml"]


def test_plan_after_the_run_ends_with_zero(scene):
    scene.run("run", "--once")
    done = scene.run("plan")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Nothing to write.")


def test_a_dry_run_writes_nothing(scene):
    commit = scene.git("rev-parse", "main")
    done = scene.run("run", "--once", "--dry-run")
    assert done.returncode == 0
    assert "WouldUpdate" in done.stdout
    assert scene.git("rev-parse", "main") == commit


def test_explain_tells_settings_tags_choice_and_reason(scene):
    done = scene.run("explain", "shop", "web", "--all")
    assert done.returncode == 0, done.stderr
    page = done.stdout
    assert re.search(r"Current +1\.0\.0 \(read from .+\)", page)
    assert re.search(r"constraint +\^1\.0 +image \(images\[0\]\)", page)
    assert re.search(r"updateStrategy +semver +default", page)
    assert re.search(r"^  1\.1\.0 +chosen", page, re.MULTILINE)
    assert re.search(r"^  2\.0\.0 +dropped by the constraint: outside '\^1\.0'", page, re.MULTILINE)
    assert re.search(r"^  latest +not a version", page, re.MULTILINE)
    assert re.search(r"Reason +WouldUpdate", page)
    document = json.loads(scene.run("explain", "shop", "--output", "json").stdout)
    assert [image["alias"] for image in document["images"]] == ["web", "db"]


def test_explain_of_an_unknown_application_names_the_nearest(scene):
    done = scene.run("explain", "shopp")
    assert done.returncode == 1
    assert "hint: did you mean argocd/shop?" in done.stderr


def test_a_failed_image_ends_with_two_and_the_others_are_written(scene):
    path = scene.manifests / "all.yaml"
    path.write_text(path.read_text().replace("acme/db:^5.0", "acme/db:five"))
    done = scene.run("run", "--once")
    assert done.returncode == 2
    assert "tag: 1.1.0" in scene.file("apps/shop/values.yaml")
    assert "ConstraintInvalid" in done.stdout
    assert "  hint: correct the tag part of imageName" in done.stdout
    assert "level=error" in done.stderr


def test_a_missing_folder_is_a_configuration_error(scene):
    scene.manifests.rename(scene.folder / "elsewhere")
    done = scene.run("run", "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: " in done.stderr
    assert str(scene.manifests) in done.stderr


def test_json_logs_are_json_to_the_last_line(scene):
    done = scene.run("run", "--once", "--logformat=json", "--output=json", WEBHOOK_PORT="no")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"level", "msg", "time"} <= set.intersection(*(set(line) for line in lines))
    assert any("WEBHOOK_PORT is ignored" in line["msg"] for line in lines)


def test_a_closed_pipe_ends_the_program_quietly(scene):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        scene.command("plan", "--manifests", str(scene.manifests)),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        env=scene.environ(),
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


class OnTerminal:
    """The program with a terminal as its three streams."""

    def __init__(self, scene, *words, **environ):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            scene.command(*words, "--manifests", str(scene.manifests)),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=scene.environ(TERM="xterm", COLUMNS="120", **environ),
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def read(self, until=None):
        """Collect output until a text appears, or to the end."""
        end_s = time.monotonic() + LIMIT_S
        while until is None or until not in self.shown:
            assert time.monotonic() < end_s, self.shown
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other end was closed
                data = b""
            if not data:
                break
            self.shown += data.decode()
        return self.shown

    def end(self):
        shown = self.read()
        os.close(self.master)
        return self.process.wait(LIMIT_S), shown


def test_a_terminal_shows_progress_then_a_coloured_table(scene):
    code, shown = OnTerminal(scene, "run", "--once").end()
    assert code == 0
    assert "\r\x1b[2K" in shown
    assert "asking registries" in shown
    assert "\x1b[36mINFO\x1b[0m[0000] starting" in shown
    table = shown[shown.index("APPLICATION") :]
    assert "1.0.0 → 1.1.0" in table
    assert "\x1b[" in table


def test_no_color_on_a_terminal_leaves_the_progress_line_only(scene):
    code, shown = OnTerminal(scene, "run", "--once", NO_COLOR="1").end()
    assert code == 0
    assert re.findall(r"\x1b\[(?!2K)", shown) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_cycles_ends_the_program_with_zero(scene, number):
    terminal = OnTerminal(scene, "run", "--interval=1h")
    terminal.read(until="1 application, 2 images")
    terminal.process.send_signal(number)
    code, shown = terminal.end()
    assert code == 0
    assert "stopping" in shown


@pytest.fixture
def silent_registry(scene):
    """A registry that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        conf = scene.manifests / "registries.conf"
        conf.write_text(conf.read_text().replace(scene.registry.url, url))
        yield


@pytest.mark.usefixtures("silent_registry")
def test_a_second_signal_ends_a_running_cycle_at_once_with_one(scene):
    terminal = OnTerminal(scene, "run", "--once")
    terminal.read(until="asking registries")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.read(until="stopping")
    terminal.process.send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    assert terminal.end()[0] == 1
    assert time.monotonic() - started_s < 5


@pytest.mark.usefixtures("silent_registry")
def test_a_plan_is_interrupted_at_once(scene):
    terminal = OnTerminal(scene, "plan")
    terminal.read(until="asking registries")
    terminal.process.send_signal(signal.SIGINT)
    code, shown = terminal.end()
    assert code == 1
    assert "Error: interrupted" in shown
