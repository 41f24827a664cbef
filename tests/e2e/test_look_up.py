"""The commands ``test`` and ``template`` as processes, with registries of every kind of login."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from argocd_image_updater.cli.places import default_platform
from registries.distribution import (
    PASSWORD,
    USERNAME,
    DistributionRegistry,
    basic_header,
    htpasswd_auth,
)
from registries.token_service import TokenService

pytestmark = pytest.mark.lab("docker-registry")

ENTRY = "from argocd_image_updater.cli.main import entry; entry()"
LOGIN = f"{USERNAME}:{PASSWORD}"
DIGEST = r"sha256:[0-9a-f]{64}"


@pytest.fixture(scope="module")
def builds(registry):
    """A repository with builds of several platforms; return its name."""
    for tag, created in (("b-1", "2024-01-01"), ("a-2", "2025-06-01"), ("c-3", "2025-01-01")):
        registry.push_image(
            "acme/builds", tag, created=f"{created}T00:00:00Z", platform=default_platform()
        )
    registry.push_image(
        "acme/builds", "d-4", created="2026-01-01T00:00:00Z", platform="linux/s390x"
    )
    return f"{registry.host}/acme/builds"


@pytest.fixture
def call(tmp_path):
    """Return a function that runs the program without manifests, home or cluster."""

    def run(*words, **environ):
        return subprocess.run(
            [sys.executable, "-c", ENTRY, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **environ},
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def test(call, tmp_path):
    """Return a function that tests an image of a registry, with a registries.conf that names it."""

    def run(registry, repository, *words, credentials="", image="", **environ):
        conf = tmp_path / "registries.conf"
        entry = {"name": "local", "prefix": registry.host, "api_url": registry.url}
        if credentials:
            entry["credentials"] = credentials
        conf.write_text(json.dumps({"registries": [entry]}))  # JSON is YAML
        name = image or f"{registry.host}/{repository}"
        return call("test", name, f"--registries-conf-path={conf}", *words, **environ)

    return run


def messages(done):
    return re.findall(r' msg=(?:"([^"]*)"|(\S+))', done.stderr)


def last(done):
    quoted, plain = messages(done)[-1]
    return quoted or plain


def test_the_result_stands_alone_on_standard_output_and_last_in_the_log(test, registry):
    done = test(registry, "acme/web", "--semver-constraint", "^1.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{registry.host}/acme/web:1.1.0\n"
    assert last(done) == f"latest image according to constraint is {registry.host}/acme/web:1.1.0"
    texts = [quoted or plain for quoted, plain in messages(done)]
    assert "retrieving information about image" in texts
    assert "found 4 tags in registry" in texts
    for line in done.stderr.splitlines():
        assert f'command=test image_name="{registry.host}/acme/web"' in line
        assert f'image_registry="{registry.host}"' in line
        assert "image_tag" not in line


def test_the_tag_of_the_image_is_told_and_is_no_constraint(test, registry):
    done = test(registry, "acme/web:1.0.0", "--loglevel=info")
    assert done.stdout == f"{registry.host}/acme/web:2.0.0\n"
    assert "is no constraint: see --semver-constraint" in done.stderr
    assert " image_tag=1.0.0\n" in done.stderr


def test_nothing_that_fits_is_an_answer_with_its_reason(test, registry):
    done = test(registry, "acme/web", "--semver-constraint", "^3", "--loglevel=info")
    assert (done.returncode, done.stdout) == (0, "")
    assert last(done) == "no newer version of image found"
    assert "reason=ConstraintUnmatched" in done.stderr.splitlines()[-2]


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (["--update-strategy=semver"], "2.0.0"),
        (["--update-strategy=alphabetical"], "latest"),
        (["--update-strategy=name", "--ignore-tags=latest", "--ignore-tags=2.*"], "1.1.0"),
        (["--allow-tags=regexp:^1[.]0"], "1.0.0"),
        (["--update-strategy=nonsense"], "2.0.0"),
    ],
)
def test_strategies_and_filters_choose_as_in_a_cycle(test, registry, words, tag):
    assert test(registry, "acme/web", *words).stdout == f"{registry.host}/acme/web:{tag}\n"


@pytest.mark.usefixtures("builds")
def test_the_newest_build_is_that_of_the_platform(test, registry):
    words = ["--update-strategy=newest-build"]
    assert test(registry, "acme/builds", *words).stdout.endswith("/acme/builds:a-2\n")
    words += ["--platforms=linux/s390x,windows/amd64"]
    assert test(registry, "acme/builds", *words).stdout.endswith("/acme/builds:d-4\n")
    done = test(registry, "acme/builds", *words[:1], "--platforms=linux/riscv64", "--all")
    assert (done.returncode, done.stdout) == (0, "")
    assert "reason=PlatformUnmatched" in done.stderr
    assert re.search(r"^  d-4  no wanted platform", done.stderr, re.MULTILINE)


def test_a_followed_tag_comes_with_its_digest(test, registry):
    words = ["--update-strategy=digest", "--semver-constraint=latest"]
    done = test(registry, "acme/web", *words)
    assert re.fullmatch(rf"{registry.host}/acme/web:latest@{DIGEST}\n", done.stdout)
    done = test(registry, "acme/web", words[0], "--semver-constraint=none")
    assert (done.returncode, done.stdout) == (0, "")
    done = test(registry, "acme/web", words[0])
    assert done.returncode == 1
    assert "needs the tag to follow" in done.stderr


def test_all_tags_are_listed_with_what_became_of_them(test, registry):
    done = test(registry, "acme/web", "--semver-constraint=^1", "--all", "--loglevel=error")
    assert done.stdout == f"{registry.host}/acme/web:1.1.0\n"
    assert [re.sub(" +", " ", line) for line in done.stderr.splitlines()] == [
        f"Image {registry.host}/acme/web",
        f"Registry {registry.url}",
        "Strategy semver",
        "Constraint ^1",
        "",
        "Tags (4 listed, 2 allowed)",
        " 2.0.0 dropped by the constraint: outside '^1'",
        " 1.1.0 chosen",
        " 1.0.0 allowed, but not the best",
        " latest not a version",
    ]


def test_a_terminal_shows_the_tags_unasked(test, registry, tmp_path):
    test(registry, "acme/web")  # writes the registries file
    master, slave = pty.openpty()
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            ENTRY,
            "test",
            f"{registry.host}/acme/web",
            f"--registries-conf-path={tmp_path / 'registries.conf'}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        },
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while data := os.read(master, 65536):
                shown += data
        except OSError:  # the other end was closed
            pass
        out, _ = process.communicate(timeout=30)
        os.close(master)
    assert process.returncode == 0
    assert out.decode() == f"{registry.host}/acme/web:2.0.0\n"
    assert "2.0.0" in shown.decode()
    assert "not a version" in shown.decode()


def test_a_document_holds_the_result_and_every_tag(test, registry):
    done = test(registry, "acme/web", "--semver-constraint=^1", "--output=json", "--loglevel=warn")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert document["kind"] == "ImageTest"
    assert document["reference"] == f"{registry.host}/acme/web:1.1.0"
    assert {item["tag"]: item["rule"] for item in document["tags"]} == {
        "2.0.0": "constraint",
        "1.1.0": "chosen",
        "1.0.0": "kept",
        "latest": "notAVersion",
    }


def test_a_repository_that_is_not_there_ends_with_one(test, registry):
    done = test(registry, "acme/nothing", "--output=json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["reason"] == "RepositoryUnknown"
    assert "level=error" in done.stderr.splitlines()[-1]


def test_an_invalid_constraint_ends_with_one_and_names_the_flag(test, registry):
    done = test(registry, "acme/web", "--semver-constraint=latest")
    assert (done.returncode, done.stdout) == (1, "")
    assert "reason=ConstraintInvalid" in done.stderr
    assert "correct --semver-constraint" in done.stderr


def test_a_registry_that_is_down_ends_with_one(test):
    with socket.socket() as held:  # nobody else gets the port, and nobody listens on it
        held.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{held.getsockname()[1]}"
        stopped = SimpleNamespace(host=host, url=f"http://{host}")
        done = test(stopped, "acme/web", "--loglevel=info")
    assert (done.returncode, done.stdout) == (1, "")
    assert "reason=RegistryError" in done.stderr
    assert "next cycle" not in done.stderr


def test_a_rate_limit_of_zero_is_none(test, registry):
    done = test(registry, "acme/web", "--rate-limit=0")
    assert (done.returncode, done.stdout) == (0, f"{registry.host}/acme/web:2.0.0\n")


def test_without_a_registries_file_the_host_of_the_image_is_asked(call, registry):
    done = call("test", f"{registry.host}/acme/web", "--loglevel=info")
    assert done.returncode == 1  # over https, which this registry does not speak
    assert "/app/config/registries.conf is not there" in done.stderr
    assert f"https://{registry.host}" in done.stderr


def test_a_broken_registries_file_ends_with_one(call, tmp_path):
    conf = tmp_path / "broken.conf"
    conf.write_text("registries: [{name: x}]")
    done = call("test", "nginx", f"--registries-conf-path={conf}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "broken.conf" in done.stderr


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A registry behind a password."""
    auth = htpasswd_auth(tmp_path_factory.mktemp("auth"))
    header = basic_header(USERNAME, PASSWORD)
    with DistributionRegistry(auth=auth, push_authorization=header) as running:
        running.push_tags("acme/web", ["1.0.0", "1.1.0"])
        yield running


def script(folder, text):
    path = folder / "login.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_a_password_comes_from_a_variable_or_a_program(test, closed, tmp_path):
    expected = f"{closed.host}/acme/web:1.1.0\n"
    done = test(closed, "acme/web", "--credentials=env:LOGIN", LOGIN=LOGIN)
    assert (done.returncode, done.stdout) == (0, expected)
    program = script(tmp_path, "printf '%s' \"$LOGIN\"")
    done = test(closed, "acme/web", f"--credentials=ext:{program}", LOGIN=LOGIN)
    assert (done.returncode, done.stdout) == (0, expected)
    done = test(closed, "acme/web", credentials="env:LOGIN", LOGIN=LOGIN)
    assert (done.returncode, done.stdout) == (0, expected)
    assert LOGIN not in done.stderr


def test_given_credentials_beat_those_of_the_registry(test, closed):
    done = test(closed, "acme/web", "--credentials=env:LOGIN", credentials="env:OTHER", LOGIN=LOGIN)
    assert done.returncode == 0, done.stderr


def test_a_wrong_password_a_missing_one_and_none_end_with_one(test, closed):
    done = test(closed, "acme/web", "--credentials=env:LOGIN", LOGIN=f"{USERNAME}:s3cr3t")
    assert done.returncode == 1
    assert "reason=AuthFailed" in done.stderr
    assert "s3cr3t" not in done.stderr
    done = test(closed, "acme/web", "--credentials=env:LOGIN")
    assert done.returncode == 1
    assert "reason=CredentialsUnavailable" in done.stderr
    done = test(closed, "acme/web")
    assert done.returncode == 1
    assert "reason=AuthFailed" in done.stderr


def test_a_secret_without_a_cluster_ends_with_one_and_says_what_is_missing(test, closed):
    done = test(closed, "acme/web", "--credentials=secret:team/login#password")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no access to a Kubernetes cluster" in done.stderr


def test_a_token_is_fetched_with_the_password(test, tmp_path):
    with TokenService(tmp_path) as service:
        token = service.token(["repository:acme/web:pull,push"])
        with DistributionRegistry(
            auth=service.auth(), push_authorization=f"Bearer {token}"
        ) as registry:
            registry.push_tags("acme/web", ["1.0.0", "1.1.0"])
            done = test(registry, "acme/web", "--credentials=env:LOGIN", LOGIN=LOGIN)
    assert (done.returncode, done.stdout) == (0, f"{registry.host}/acme/web:1.1.0\n")
    assert service.requests[-1][1] == basic_header(USERNAME, PASSWORD)


def test_a_template_of_a_file_is_shown_for_the_example(call, tmp_path):
    path = tmp_path / "commit.template"
    path.write_text("chore: {{.AppName}}\n{{range .AppChanges}}\n{{.Image}} to {{.NewTag}}{{end}}")
    done = call("template", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("chore: example-app\n\nexample/example to 1.0.1\nexample/updater")
    path.write_text("{{range}}")
    done = call("template", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(path) in done.stderr
