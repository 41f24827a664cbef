"""The demonstration as its users meet it: a process, a temporary folder, nothing left behind.

Covered: the story and its checks, a terminal, being stopped at any moment, keeping the folder and
going on with the printed commands. Left to others: the registry in detail.
"""

import contextlib
import errno
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from importlib import resources

import pytest

pytestmark = pytest.mark.lab("git")
LIMIT_S = 60.0
PROMISE_S = 20.0
ENTRY = "from argocd_image_updater.cli.main import entry; entry()"


@pytest.fixture
def place(tmp_path):
    """A working directory, a folder for temporary files, the program; it is not on PATH."""
    return lay_out(tmp_path)


def lay_out(folder):
    for name in ("tmp", "cwd", "bin"):
        (folder / name).mkdir()
    program(folder).write_text(f"#!{sys.executable}\n{ENTRY}\n")
    program(folder).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The steps of one whole demonstration, after its promises have been checked."""
    place = lay_out(tmp_path_factory.mktemp("story"))
    start_s = time.monotonic()
    done = run(place, "demo")
    assert time.monotonic() - start_s < PROMISE_S
    assert (done.returncode, done.stderr) == (0, "")
    assert left_behind(place) == []
    assert list((place / "cwd").iterdir()) == []
    return steps(done.stdout)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A place with the folder of one demonstration; its output is in ``shown``."""
    place = lay_out(tmp_path_factory.mktemp("kept"))
    done = run(place, "demo", "--keep")
    assert (done.returncode, done.stderr) == (0, "")
    (place / "shown").write_text(done.stdout)
    return place


def program(place):
    return place / "bin" / "argocd-image-updater"


def environment(place, **more):
    """No home, no git configuration, a proxy that answers nobody."""
    return {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(place / "tmp"),
        "LC_ALL": "C.UTF-8",
        "HTTP_PROXY": "http://127.0.0.1:9",
        **more,
    }


def run(place, *words, **more):
    return subprocess.run(
        [program(place), *words],
        cwd=place / "cwd",
        env=environment(place, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@contextlib.contextmanager
def started(place, *words):
    """Start the program with a pipe for its output; it is ended at the end."""
    with subprocess.Popen(
        [program(place), *words],
        cwd=place / "cwd",
        env=environment(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process, words):
    """Read lines up to and with the first that holds `words`."""
    text = ""
    while words not in text:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        text += line
    return text


def steps(text):
    """Return the text of each numbered step."""
    return re.split(r"^\d\. ", text, flags=re.MULTILINE)[1:]


def left_behind(place):
    return sorted((place / "tmp").iterdir())


def test_the_story_is_told_to_its_end(story):
    world, first, second, third, log = story
    assert "6 repositories, 16 tags" in world
    assert first.count(" Updated ") == 5
    assert "FilteredByAllowTags" in first
    assert second.count(" Updated ") == 2
    assert third.count("UpToDate") == 5
    assert "Updated" not in third
    assert len(log.split("\n\n")[0].splitlines()) == 1 + 6
    assert "\x1b" not in "".join(story)


def changed_lines(text):
    return [line for line in text.splitlines() if re.match(r"[-+](?![-+])", line)]


def edited(path, old, new):
    """Return the removed and the added line that a change of one value in a file makes."""
    content = (resources.files("argocd_image_updater.demo") / "content" / path).read_text()
    [line] = [line for line in content.splitlines() if old in line]
    return [f"-{line}", f"+{line.replace(old, new)}"]


def test_every_target_is_edited_and_only_its_value(story):
    _, first, second, *_ = story
    digest, newer = re.findall(
        r"^\+ .*:stable@(sha256:[0-9a-f]{64}) ", first + second, re.MULTILINE
    )
    cache = edited("manifests/cache.yaml", ":stable", f":stable@{digest}")
    assert changed_lines(first) == [
        *edited("deploy/api/kustomization.yaml", "main-3f9d2c1", "main-a07be44"),
        *edited("deploy/store/values.yaml", "2.1.0", "2.1.3"),
        *edited("deploy/web/values.yaml", "1.4.0", "1.4.1"),
        *("+kustomize:", "+  images:", "+  - shop.example/worker:2026-01-12"),
        *cache,
    ]
    removed, added = edited("deploy/web/values.yaml", "1.4.0", "1.5.0")
    assert changed_lines(second) == [
        *(removed.replace("1.4.0", "1.4.1"), added),
        *(f"-{cache[1][1:]}", cache[1].replace(digest, newer)),
    ]


def test_the_third_run_asks_git_once_and_writes_nothing(story):
    third = story[3]
    assert "git questions 1" in third
    assert "git fetches" not in third
    assert "git pushes" not in third
    assert "\ncommit " not in third


def test_it_works_where_the_current_folder_is_gone(place):
    gone = place / "cwd" / "gone"
    script = 'mkdir "$0" && cd "$0" && rmdir "$0" && shift 0 && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, str(gone), program(place), "demo"],
        env=environment(place),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    assert left_behind(place) == []


def test_it_ends_well_where_the_current_folder_goes_meanwhile(place):
    with started(place, "demo") as process:
        read_until(process, "1. ")
        (place / "cwd").rmdir()
        _, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, errors) == (0, "")
    assert left_behind(place) == []


def test_a_folder_with_an_odd_name_and_a_terminal_of_ascii_are_no_obstacle(place):
    odd = place / "tmp" / 'it\'s 100%41 #1: "é"'
    odd.mkdir()
    more = {"TMPDIR": str(odd), "LC_ALL": "C", "PYTHONIOENCODING": "ascii:backslashreplace"}
    done = run(place, "demo", **more)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1.4.0 -> 1.4.1" in done.stdout
    assert list(odd.iterdir()) == []


def test_without_git_it_says_so_and_leaves_nothing(place):
    done = run(place, "demo", PATH=str(place / "cwd"))
    assert done.returncode == 1
    assert "git cannot be started" in done.stderr
    assert "install git" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(place) == []


def test_a_reader_that_goes_away_leaves_nothing_behind(place):
    with started(place, "demo") as process:
        read_until(process, "1. ")
        process.stdout.close()
        assert process.wait(LIMIT_S) == 1
    assert left_behind(place) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("http://", signal.SIGINT),
        ("2. ", signal.SIGTERM),
        ("commit ", signal.SIGHUP),
        ("4. ", signal.SIGTERM),
    ],
)
def test_a_signal_at_any_moment_leaves_nothing_behind(place, number, moment):
    with started(place, "demo") as process:
        told = read_until(process, "http://")
        told += read_until(process, moment) if moment not in told else ""
        process.send_signal(number)
        process.send_signal(number)  # impatience changes nothing
        _, errors = process.communicate(timeout=LIMIT_S)
    assert left_behind(place) == []
    assert process.returncode in {0, 1}, errors  # 0: it had come to its end already
    assert "Traceback" not in errors
    assert process.returncode == 0 or "Error: stopped by a signal" in errors
    with socket.socket() as other:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", told)[1])
        assert other.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_signals_while_it_starts_leave_nothing_behind(place):
    for delay_s in (0.1, 0.25, 0.35):
        with started(place, "demo") as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(delay_s)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=LIMIT_S)
        assert left_behind(place) == [], (delay_s, errors)


def on_a_terminal(place, *, columns, **more):
    """Run it on a terminal and return what it shows."""
    master, slave = pty.openpty()
    os.set_inheritable(slave, True)  # noqa: FBT003 - the call has no keyword
    with subprocess.Popen(
        [program(place), "demo"],
        env=environment(place, TERM="xterm", COLUMNS=str(columns), **more),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(master, 65536):
                shown += chunk
        os.close(master)
        assert process.wait(LIMIT_S) == 0
    return shown.decode()


def test_on_a_terminal_there_are_progress_and_colours(place):
    shown = on_a_terminal(place, columns=100)
    assert "asking registries" in shown
    assert "\x1b[32m" in shown
    assert "\x1b[1m1. A registry" in shown


def test_without_colours_a_terminal_of_80_columns_is_not_overrun(place):
    shown = on_a_terminal(place, columns=80, NO_COLOR="1")
    assert "\x1b[" not in shown.replace("\x1b[2K", "")
    lines = [re.split(r"\r(?=\x1b)|\x1b\[2K", line)[-1] for line in shown.split("\r\n")]
    too_long = [line for line in lines if len(line) > 80]
    names = ("   folder ", "repository file://", "The folder is removed; ")  # a path is never cut
    assert [x for x in too_long if "@sha256:" not in x and not x.startswith(names)] == []
    assert "argocd/api     shop.example/api       Updated" in lines


def printed_commands(text):
    """Return the commands by the comments above them."""
    return dict(re.findall(r"^   # (.+)\n   (.+)$", text, re.MULTILINE))


def shell(place, command):
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=place / "cwd",
        env=environment(place, NO_PROXY="127.0.0.1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout


@pytest.mark.lab("curl")
def test_a_kept_demonstration_goes_on_with_the_printed_commands(place):
    done = run(place, "demo", "--keep")
    assert (done.returncode, done.stderr) == (0, "")
    [folder] = left_behind(place)
    commands = printed_commands(done.stdout)
    assert f"   {program(place)} demo --serve {folder}\n" in done.stdout
    with started(place, "demo", "--serve", str(folder)) as server:
        told = read_until(server, "remove everything") + server.stdout.readline()
        assert printed_commands(told) == commands
        assert shell(place, commands["what a run would write"])[0] == 0
        assert shell(place, commands["give the web shop a newer tag"])[0] == 0
        code, plan = shell(place, commands["what a run would write"])
        assert code == 3
        assert "+    tag:        '1.6.0' " in plan
        code, told = shell(place, commands["why, tag by tag"])
        assert "1.6.0" in told
        assert "2.0.0" in told
        assert shell(place, commands["write it"])[0] == 0
        assert "'1.6.0'" in shell(place, commands["see it"])[1]
        server.send_signal(signal.SIGINT)
        assert server.wait(LIMIT_S) == 0
    assert shell(place, commands["remove everything"])[0] == 0
    assert left_behind(place) == []


def test_what_is_shown_is_what_git_has(kept):
    shown = (kept / "shown").read_text()
    [folder] = left_behind(kept)
    words = ["git", f"--git-dir={folder / 'deploy.git'}", "log", "-p", "--reverse", "main"]
    log = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    commits = re.findall(r"^commit ([0-9a-f]{12}) \d of \d", shown, re.MULTILINE)
    assert re.findall(r"^commit ([0-9a-f]{12})", log, re.MULTILINE)[1:] == commits
    for commit in re.split(r"^commit [0-9a-f]{40}\n", log, flags=re.MULTILINE)[2:]:
        message, _, diff = commit.partition("\ndiff --git ")
        assert message.split("\n\n", 1)[1].replace("    \n", "\n") in shown
        assert "\n".join(diff.split("\n")[-6:]).rstrip("\n") in shown


def test_a_kept_folder_is_served_on_its_port_only(kept):
    [folder] = left_behind(kept)
    port = int(
        re.search(r"127\.0\.0\.1:(\d+)", (folder / "manifests/registries.conf").read_text())[1]
    )
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        done = run(kept, "demo", "--serve", str(folder))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: the port is in use" in done.stderr
    assert "hint: " in done.stderr
