"""This machine is at fault: a file, a folder or the disk cannot be read or written.

It is said what and where, the others go on, nothing is left half written, and the next run finds
everything as if nothing had happened.
"""

import os
import shutil

import pytest

from faults.http_proxy import Gate
from faults.small_disk import SmallDisk
from servers.git_server import commit_files
from stages.standalone import application, git_write_back, images, live, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
LIMIT_S = 60


@pytest.fixture
def shop(stage):
    """A sound Application that is behind, and one that is written in its own manifest."""
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("sound"))
    stage.add(application("sound", source(stage.url(), "sound")))
    in_place = source("https://git.example.com/never-asked.git", "x")
    in_place["helm"] = {"parameters": [{"name": "image.tag", "value": "1.0.0"}]}
    status = live("Helm", f"{stage.image()}:1.0.0")
    stage.add(application("in-place", in_place, status=status))
    listed = images(web=f"{stage.image()}:1.x")
    stage.add(
        resource(
            "updater",
            [reference("sound", listed, **git_write_back()), reference("in-place", listed)],
        )
    )
    return stage


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def without_power(stage):
    """Let permissions stop the program, even where the tests run as root."""
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv") or "setpriv"
        prefix(stage, setpriv, "--bounding-set=-all", "--inh-caps=-all")


def prefix(stage, *words):
    before = type(stage).command
    stage.command = lambda *given: [*words, *before(stage, *given)]


def test_a_file_that_may_not_be_read_is_named(shop):
    shop.write("closed.yaml", "a: b\n").chmod(0)
    without_power(shop)
    done = shop.run()
    assert done.code == 2
    assert done.reasons == {"sound": "Updated", "in-place": "Updated"}
    (problem,) = done.report["problems"]
    assert (
        f"{shop.manifests / 'closed.yaml'} cannot be read: Permission denied"
        in (problem["message"])
    )


def test_a_read_only_folder_keeps_its_manifests_whole(shop):
    without_power(shop)
    before = contents(shop.manifests)
    shop.manifests.chmod(0o555)
    try:
        done = shop.run()
    finally:
        shop.manifests.chmod(0o755)
    assert done.code == 2
    assert done.reasons == {"sound": "Updated", "in-place": "WriteFailed"}
    message = done.image("in-place")["message"]
    assert "application-in-place.yaml was not written (Permission denied): make room" in message
    assert contents(shop.manifests) == before
    assert shop.run().reasons == {"sound": "UpToDate", "in-place": "Updated"}


def test_a_state_folder_in_use_is_refused_with_the_process_that_uses_it(shop, proxy):
    gate = proxy.on("tags/list", Gate(), times=1)
    first = shop.start("run", "--once", "--output", "json")
    gate.wait()
    for name in ("out", "err"):
        (shop.folder / name).rename(shop.folder / f"first-{name}")
    second = shop.run()
    assert second.code == 1
    assert f"is in use by process {first.pid}" in second.err
    gate.go.set()
    assert first.wait(LIMIT_S) == 0, (shop.folder / "first-err").read_text()
    assert '"Updated"' in (shop.folder / "first-out").read_text()


def test_a_damaged_state_is_begun_anew(shop):
    shop.run("plan")
    (shop.state / "facts.db").write_bytes(b"not a database" * 100)
    for path in shop.state.glob("git/*/repo/objects/pack/*"):
        path.chmod(0o600)
        path.write_bytes(b"")
    done = shop.run()
    assert done.code == 0, done.err
    assert done.reason("sound") == "Updated"


def fill(stage, disk):
    disk.fill()
    if disk.words:
        prefix(stage, *disk.words)


def free(stage, disk):
    disk.free()
    vars(stage).pop("command", None)


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(tmp_path / "small")
    yield small
    small.close()


def check_full(stage, done):
    """It ended with what is wrong with the disk, of one repository or of all the state."""
    if done.code == 2:
        image = done.image("sound")
        assert image["reason"] == "WriteFailed", image
        assert "the state directory cannot be used" in image["message"]
        assert stage.url() in image["message"]
    else:
        assert done.code == 1
        assert f"{stage.state}" in done.err
        assert "--state-dir" in done.err


@pytest.mark.parametrize("used", ["never used before", "used before"])
def test_a_full_disk_below_the_state_writes_nothing_half_and_says_so(shop, disk, used):
    shop.state = disk.folder / "state"
    if used == "used before":
        shop.run("plan")
    fill(shop, disk)
    check_full(shop, shop.run())
    assert shop.log() == ["Begin"]
    free(shop, disk)
    after = shop.run()
    assert after.code == 0, after.out
    assert after.reason("sound") == "Updated"
    assert len(shop.log()) == 2


def test_a_disk_that_becomes_full_inside_a_fetch_is_told_and_holds_the_smaller_rest(shop, disk):
    """The files of the repository do not fit; what had come of them takes no room any more."""
    parts = {f"noise/{number}": os.urandom(50_000) for number in range(60)}
    commit_files(shop.bare(), parts, message="Noise")
    shop.state = disk.folder / "state"
    prefix(shop, *disk.words)
    done = shop.run()
    check_full(shop, done)
    assert shop.log() == ["Noise", "Begin"]
    vars(shop).pop("command")
    commit_files(shop.bare(), dict.fromkeys(parts), message="Quiet")
    after = shop.run()
    assert after.code == 0, after.out
    assert after.reason("sound") == "Updated"


def test_a_full_disk_below_the_manifests_keeps_them_whole_and_says_so(shop, disk):
    path = shop.manifests / "application-in-place.yaml"
    path.write_text(path.read_text() + "# a line of ballast\n" * 400)
    whole = contents(shop.manifests)
    shutil.copytree(shop.manifests, disk.folder / "manifests")
    shop.manifests = disk.folder / "manifests"
    if not disk.mounted:
        shop.state.mkdir()
    fill(shop, disk)
    done = shop.run()
    assert done.code == 2
    image = done.image("in-place")
    assert image["reason"] == "WriteFailed", image
    assert f"{shop.manifests / path.name} was not written (" in image["message"]
    assert contents(shop.manifests) == whole
    free(shop, disk)
    assert shop.run().reasons["in-place"] == "Updated"
