"""Plans, runs and repeated runs against a real registry and Git over HTTPS."""

import os
import signal
import time

import pytest

from servers.git_server import commit_files, tip
from stages.repeated import Repeated
from stages.standalone import application, git_write_back, images, live, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
LIMIT_S = 60


@pytest.fixture
def shop(stage):
    """Three Applications: two behind, one up to date."""
    stage.push("1.0.0", "1.1.0", "1.2.0", "2.0.0")
    files = stage.values("one", "two") | stage.values("three", tag="1.2.0")
    stage.repository(files=files)
    stage.helm("one", "two", "three")
    return stage


def test_a_plan_is_what_the_run_does(shop):
    plan = shop.run("plan")
    assert plan.code == 3
    assert plan.report["dryRun"]
    assert shop.log() == ["Begin"]
    done = shop.run()
    assert done.code == 0
    for part in ("repository", "branch", "message", "applications", "files", "diff"):
        planned, pushed = ([one[part] for one in run.report["commits"]] for run in (plan, done))
        assert planned == pushed
    assert [one["commit"] for one in reversed(done.report["commits"])] == shop.log(pattern="%H")[:2]
    assert shop.log() == [
        "build: automatic update of two", "build: automatic update of one", "Begin",
    ]  # fmt: skip
    assert done.reasons == {"one": "Updated", "three": "UpToDate", "two": "Updated"}
    assert shop.file("one/values.yaml").endswith("tag: 1.2.0 # of the stage\n")
    assert done.report["summary"] == {
        "applications": 3,
        "imagesConsidered": 3,
        "imagesSkipped": 0,
        "imagesUpdated": 2,
        "errors": 0,
    }


def test_a_second_run_changes_nothing_and_asks_only_for_tips_and_tags(shop):
    shop.run()
    before = shop.git.request_counts()
    again = shop.run()
    assert again.code == 0
    assert set(again.reasons.values()) == {"UpToDate"}
    asked = shop.git.request_counts() - before
    assert asked["push"] == asked["fetch"] == asked["info-refs-push"] == 0
    assert asked["ls-refs"] == 1
    assert again.report["requests"]["tag lists"] == 1
    assert len(shop.log()) == 3
    plan = shop.run("plan")
    assert (plan.code, plan.report["commits"]) == (0, [])


def test_a_dry_run_writes_nothing_and_says_so(shop):
    dry = shop.run("--dry-run")
    assert dry.code == 0
    assert dry.reason("one") == "WouldUpdate"
    assert [one["commit"] for one in dry.report["commits"]]
    assert shop.log() == ["Begin"]


def test_explain_tells_the_fate_of_every_tag(shop):
    page = shop.run("explain", "one", "web", "--all", "--output", "table")
    assert page.code == 0
    for line in (
        "1.2.0 chosen",
        "2.0.0 dropped by the constraint: outside '1.x'",
        "Reason WouldUpdate",
    ):
        assert line in {" ".join(shown.split()) for shown in page.out.splitlines()}
    assert shop.log() == ["Begin"]


def test_tables_tell_the_same(shop):
    assert "2 to update" in shop.run("plan", "--output", "table").out
    table = shop.run("--output", "table").out
    assert "1.0.0 → 1.2.0" in table
    assert "2 updated, 1 up to date" in table


@pytest.mark.parametrize(("per", "subjects"), [
    ("app", ["build: automatic update of b", "build: automatic update of a2",
             "build: automatic update of a1"]),
    ("resource", ["build: automatic update of b", "build: automatic update of 2 applications"]),
    ("one", ["build: automatic update of 3 applications"]),
])  # fmt: skip
def test_batching_decides_what_a_commit_holds_and_one_push_brings_all(stage, per, subjects):
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("a1", "a2", "b"))
    for name in ("a1", "a2", "b"):
        stage.add(application(name, source(stage.url(), name)))
    listed = images(web=f"{stage.image()}:1.x")
    stage.add(resource("ra", [reference("a*", listed)], **git_write_back()))
    stage.add(resource("rb", [reference("b", listed)], **git_write_back()))
    done = stage.run("--git-batch-commits", per)
    assert done.code == 0, done.err
    assert stage.log() == [*subjects, "Begin"]
    assert [one["commit"] for one in reversed(done.report["commits"])] == stage.log(pattern="%H")[
        :-1
    ]
    assert done.report["requests"]["git pushes"] == 1
    assert {stage.file(f"{name}/values.yaml")[-24:] for name in ("a1", "a2", "b")} == {
        " tag: 1.1.0 # of the stage\n"[-24:]
    }


@pytest.fixture
def repeat(shop):
    """Start runs with an interval; one that a failed test leaves behind is killed."""
    started = []

    def start(*words):
        started.append(Repeated(shop, *words))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def test_repeated_cycles_see_new_tags_new_commits_and_new_manifests(shop, repeat):
    running = repeat("--interval", "50ms")
    assert {one["reason"] for one in running.reports(1)[0]["images"]} == {"Updated", "UpToDate"}
    commit_files(shop.bare(), {"README": b"by somebody\n"}, message="Foreign")
    shop.push("1.3.0")
    listed = images(web=f"{shop.image()}:1.x")
    commit_files(shop.bare(), shop.values("four"), message="Four")
    shop.add(application("four", source(shop.url(), "four")))
    shop.add(resource("second", [reference("four", listed)], **git_write_back()))
    end = time.monotonic() + LIMIT_S
    while "1.3.0" not in shop.file("four/values.yaml"):
        assert time.monotonic() < end
        assert running.process.poll() is None
        time.sleep(0.02)
    running.process.send_signal(signal.SIGTERM)
    done = shop.finish(running.process)
    assert done.code == 0
    assert "stopping when the running cycle has ended" in done.err
    subjects = shop.log()
    assert len(subjects) == len(set(shop.log(pattern="%s %T")))
    assert {"Foreign", "Four", "Begin"} < set(subjects)
    for name in ("one", "two", "three", "four"):
        assert "tag: 1.3.0 # of the stage" in shop.file(f"{name}/values.yaml")


def test_a_signal_lets_the_running_cycle_push_what_it_began(shop):
    reached, go = shop.folder / "reached", shop.folder / "go"
    os.mkfifo(go)
    hook = shop.bare() / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n: > {reached}\ncat {go} > /dev/null\n")
    hook.chmod(0o755)
    process = shop.start("run", "--once", "--output", "json")
    wait_for(reached)
    process.send_signal(signal.SIGTERM)
    go.write_text("go\n")
    done = shop.finish(process)
    assert done.code == 0
    assert done.reason("one") == "Updated"
    assert len(shop.log()) == 3


@pytest.mark.parametrize("per", ["app", "resource", "one"])
def test_a_plan_of_every_target_and_batching_is_what_the_run_does(stage, per):
    stage.push("1.0.0", "1.1.0")
    kustomization = f"resources: [d.yaml]\nimages:\n- name: {stage.image()}\n  newTag: 1.0.0\n"
    stage.repository(
        files=stage.values("values", "other")
        | {"kustomize/kustomization.yaml": kustomization.encode(), "override/Chart.yaml": b"a: b\n"}
    )
    targets = {"values": "helmvalues", "kustomize": "kustomization", "override": ""}
    listed = images(web=f"{stage.image()}:1.x")
    behind = live("Helm", f"{stage.image()}:1.0.0")
    for name in (*targets, "other"):
        status = behind if name == "override" else None
        stage.add(application(name, source(stage.url(), name), status=status))
    references = [reference(name, listed, **git_write_back(kind)) for name, kind in targets.items()]
    stage.add(resource("first", references))
    aside = git_write_back(branch="main:side")
    stage.add(resource("second", [reference("other", listed, **aside)]))
    place = source("https://git.example.com/never-asked.git", "x")
    place["helm"] = {"parameters": [{"name": "image.tag", "value": "1.0.0"}]}
    stage.add(application("place", place, status=behind))
    stage.add(resource("third", [reference("place", listed)]))
    plan = stage.run("plan", "--git-batch-commits", per)
    again = stage.run("plan", "--git-batch-commits", per)
    done = stage.run("--git-batch-commits", per)
    assert (plan.code, done.code) == (3, 0), done.out
    assert set(done.reasons.values()) == {"Updated"}
    pushed = {branch: stage.log(branch=branch, pattern="%H") for branch in ("main", "side")}
    for commit in done.report["commits"]:
        assert commit["commit"] in pushed[commit["branch"]]
    for one in (plan, again, done):
        for commit in one.report["commits"]:
            commit.pop("commit")
        for patch in one.report["patches"]:
            patch.pop("written")
    for part in ("commits", "patches"):
        assert plan.report[part] == again.report[part] == done.report[part]
    assert len(done.report["commits"]) == {"app": 4, "resource": 2, "one": 2}[per]


def test_a_folder_that_vanishes_between_cycles_is_told_and_waited_for(shop, repeat):
    running = repeat("--interval", "50ms")
    running.reports(1)
    away = shop.manifests.with_name("away")
    shop.manifests.rename(away)
    err = shop.folder / "err"
    end = time.monotonic() + LIMIT_S
    while "the cycle failed" not in err.read_text():
        assert time.monotonic() < end
        assert running.process.poll() is None
        time.sleep(0.02)
    lines = [one for one in err.read_text().splitlines() if "the cycle failed" in one]
    assert all(str(shop.manifests) in line for line in lines)
    seen = len(running.reports(1))
    shop.push("1.3.0")
    away.rename(shop.manifests)
    running.reports(seen + 1)
    running.process.send_signal(signal.SIGTERM)
    assert shop.finish(running.process).code == 0
    assert "tag: 1.3.0" in shop.file("one/values.yaml")


def test_a_manifest_that_changed_between_cycles_is_followed(shop, repeat):
    running = repeat("--interval", "50ms")
    running.reports(1)
    shop.helm("one", "two", "three", image=f"{shop.image()}:2.x")
    end = time.monotonic() + LIMIT_S
    while any("tag: 2.0.0" not in shop.file(f"{one}/values.yaml") for one in ("one", "three")):
        assert time.monotonic() < end
        assert running.process.poll() is None
        time.sleep(0.02)
    running.process.send_signal(signal.SIGTERM)
    assert shop.finish(running.process).code == 0


def test_manifests_that_break_between_cycles_do_not_end_the_program(shop, repeat):
    running = repeat("--interval", "50ms")
    running.reports(1)
    path = shop.manifests / "registries.conf"
    good = path.read_text()
    path.write_text("registries: [")
    err = shop.folder / "err"
    end = time.monotonic() + LIMIT_S
    while "the cycle failed" not in err.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    seen = len(running.reports(1))
    path.write_text(good)
    running.reports(seen + 1)
    running.process.send_signal(signal.SIGINT)
    assert shop.finish(running.process).code == 0
    assert tip(shop.bare()) == shop.log(pattern="%H")[0]


def wait_for(path):
    end = time.monotonic() + LIMIT_S
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)
