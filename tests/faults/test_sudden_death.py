"""Killed at every moment of a cycle and started again: nothing twice, nothing lost, nothing half.

The moments are real ones: a request to the registry is open, a git command is about to begin or
has just ended, bytes of a fetch are under way, the server has not yet accepted a push, or has and
did not say so, a transaction or a file is half written.
"""

import os
import random
import signal
import time

import pytest
import yaml

from faults.http_proxy import Gate
from faults.sudden_end import dying
from faults.tcp_gate import TcpGate
from servers.git_server import commit_files, write_hook
from stages.standalone import application, git_write_back, images, live, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
LIMIT_S = 60
ON_MAIN = ("one", "two", "newest")
APPLICATIONS = (*ON_MAIN, "side", "manifest")


def set_up(stage, *, ballast=b""):
    """Five Applications that are all behind: on one branch, on another, in their own manifest."""
    stage.push("1.0.0", created="2024-01-01T00:00:00Z")
    stage.push("1.1.0", created="2024-02-01T00:00:00Z")
    files = stage.values(*ON_MAIN, "side")
    files["one/values.yaml"] += ballast
    stage.repository(files=files)
    for name in (*ON_MAIN, "side"):
        stage.add(application(name, source(stage.url(), name)))
    in_place = source("https://git.example.com/never-asked.git", "x")
    in_place["helm"] = {"parameters": [{"name": "image.tag", "value": "1.0.0"}]}
    status = live("Helm", f"{stage.image()}:1.0.0")
    stage.add(application("manifest", in_place, status=status))
    listed = images(web=f"{stage.image()}:1.x")
    by_date = images(
        web=(stage.image(), {"commonUpdateSettings": {"updateStrategy": "newest-build"}})
    )
    stage.add(
        resource(
            "updater",
            [
                reference("one", listed, **git_write_back()),
                reference("two", listed, **git_write_back()),
                reference("newest", by_date, **git_write_back()),
                reference("side", listed, **git_write_back(branch="main:side")),
                reference("manifest", listed),
            ],
        )
    )


def check_end(stage):
    """Run again, beside a commit of somebody else: everything is written exactly once."""
    commit_files(stage.bare(), {"foreign": b"kept\n"}, message="Foreign")
    done = stage.run()
    assert done.code == 0, done.out + done.err
    assert set(done.reasons) == set(APPLICATIONS)
    assert set(done.reasons.values()) <= {"Updated", "UpToDate", "AlreadySet"}
    assert sorted(stage.log()) == sorted(
        ["Begin", "Foreign", *(f"build: automatic update of {name}" for name in ON_MAIN)]
    )
    assert stage.log(branch="side").count("build: automatic update of side") == 1
    for name in ON_MAIN:
        assert "tag: 1.1.0 # of the stage\n" in stage.file(f"{name}/values.yaml")
    assert "tag: 1.1.0" in stage.file("side/values.yaml", branch="side")
    assert stage.file("foreign") == "kept\n"
    manifest = yaml.safe_load((stage.manifests / "application-manifest.yaml").read_text())
    parameters = manifest["spec"]["source"]["helm"]["parameters"]
    assert {one["name"]: one["value"] for one in parameters}["image.tag"] == "1.1.0"
    assert not [path.name for path in stage.manifests.iterdir() if path.name.startswith(".")]


def killed(process):
    assert process.wait(LIMIT_S) == -signal.SIGKILL


def kill(process):
    process.send_signal(signal.SIGKILL)
    killed(process)


@pytest.mark.parametrize("request_line", ["tags/list", "manifests/1.1.0", "blobs/"])
def test_killed_while_the_registry_is_asked(stage, proxy, request_line):
    set_up(stage)
    gate = proxy.on(request_line, Gate(), times=1)
    process = stage.start("run", "--once")
    gate.wait()
    kill(process)
    gate.go.set()
    check_end(stage)


@pytest.mark.parametrize(
    ("command", "moment", "number"),
    [
        ("ls-remote", "before", 1),
        ("ls-remote", "after", 1),
        ("cat-file", "before", 1),
        ("cat-file", "before", 3),
        ("fetch", "before", 1),
        ("fetch", "after", 1),
        ("index-pack", "before", 1),
        ("index-pack", "after", 1),
        ("push", "before", 1),
        ("push", "after", 1),
        ("push", "before", 2),
    ],
)
def test_killed_around_a_git_command(stage, command, moment, number):
    set_up(stage)
    stage.die_at(command, moment, number=number)
    killed(stage.start("run", "--once"))
    check_end(stage)


def test_killed_in_the_middle_of_a_fetch(make_stage, git_server):
    ballast = "".join(f"# {random.Random(n).random()}\n" for n in range(20_000)).encode()
    with TcpGate(git_server.port, hold_after=100_000) as gate:
        stage = make_stage(git_port=gate.port)
        set_up(stage, ballast=ballast)
        process = stage.start("run", "--once")
        gate.wait()
        kill(process)
        gate.go.set()
        check_end(stage)


@pytest.mark.parametrize(("hook", "end"), [("pre-receive", "exit 1"), ("post-receive", "exit 0")])
def test_killed_while_the_server_takes_a_push(stage, hook, end):
    set_up(stage)
    reached, go = stage.folder / "reached", stage.folder / "go"
    os.mkfifo(go)
    write_hook(
        stage.bare(),
        hook,
        f"[ -e {reached} ] && exit 0\n: > {reached}\ncat {go} > /dev/null\n{end}",
    )
    process = stage.start("run", "--once")
    limit = time.monotonic() + LIMIT_S
    while not reached.exists():
        assert time.monotonic() < limit
        time.sleep(0.01)
    kill(process)
    go.write_text("go\n")
    check_end(stage)
    assert stage.run("plan").report["commits"] == []


@pytest.mark.parametrize(
    "moment",
    [
        "sql INSERT OR REPLACE INTO images",
        "sql COMMIT",
        r"os.rename \.tmp .*application-manifest\.yaml",
        r"os.chmod application-manifest\.yaml",
    ],
)
def test_killed_while_something_is_written_to_the_disk(stage, moment):
    set_up(stage)
    killed(stage.start("run", "--once", **dying(stage.folder, moment)))
    check_end(stage)
