"""What commits say: message and trailers by template, who, when, and that no hook has a say."""

import time

import pytest

from servers.git_server import write_hook

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
TEMPLATE = """\
deploy({{ .AppName }}): {{ range .AppChanges }}{{ .NewTag }}{{ end }} [skip ci]

# not a comment
Changed by a machine.{{ " " }}


Ticket: OPS-1
Change-Id: I{{ .AppName }}
"""
SIGN_OFF = "Signed-off-by: Robot <robot@example.com>"
WHO = ("--git-commit-user=Robot", "--git-commit-email=robot@example.com")


@pytest.fixture
def prepared(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm("web")
    stage.repository(files=stage.values("web"))
    return stage


def written(stage, text):
    path = stage.folder / "commit.template"
    path.write_text(text)
    return f"--git-commit-message-path={path}"


def message(stage):
    return "\n".join(stage.log(pattern="%B")).partition("Begin")[0].rstrip("\n")


def test_a_template_gives_skip_ci_and_trailers_and_the_sign_off_comes_last(prepared):
    outcome = prepared.run(written(prepared, TEMPLATE), "--git-commit-sign-off", *WHO)
    assert outcome.reason("web") == "Updated"
    assert message(prepared) == (
        "deploy(web): 1.1.0 [skip ci]\n"
        "\n"
        "# not a comment\n"
        "Changed by a machine.\n"
        "\n"
        "Ticket: OPS-1\n"
        "Change-Id: Iweb\n"
        f"{SIGN_OFF}"
    )
    trailers = prepared.log(pattern="%(trailers:only,unfold)")
    assert trailers[:3] == ["Ticket: OPS-1", "Change-Id: Iweb", SIGN_OFF]


def test_the_sign_off_stands_apart_from_the_built_in_message(prepared):
    prepared.run("--git-commit-sign-off", *WHO)
    lines = message(prepared).split("\n")
    assert lines[0] == "build: automatic update of web"
    assert lines[-2:] == ["", SIGN_OFF]


@pytest.mark.parametrize("text", ["", "{{ if false }}x{{ end }}", " \n\t\n"])
def test_a_message_of_blanks_becomes_the_built_in_one(prepared, text):
    outcome = prepared.run(written(prepared, text))
    assert outcome.reason("web") == "Updated"
    assert message(prepared).startswith("build: automatic update of web\n\nupdates image ")


def test_commits_are_dated_now_in_utc_whatever_the_environment_says(prepared):
    before = int(time.time())
    prepared.run(
        *WHO,
        TZ="Asia/Tokyo",
        SOURCE_DATE_EPOCH="1",
        GIT_AUTHOR_DATE="1 +0900",
        GIT_COMMITTER_DATE="1 +0900",
        GIT_AUTHOR_NAME="Somebody",
        EMAIL="else@example.com",
    )
    shown = prepared.log(pattern="%an <%ae> %ad %cn <%ce> %cd")[0]
    assert shown.count("Robot <robot@example.com>") == 2
    assert shown.count("+0000") == 2
    author, committer = map(int, prepared.log(pattern="%at %ct")[0].split())
    assert before <= author == committer <= int(time.time())


def test_no_hook_of_anybody_runs_here(prepared):
    """Neither those of a template of git nor those that a configuration of the user names."""
    ran = prepared.folder / "ran"
    templates = prepared.folder / "templates"
    for name in ("pre-commit", "commit-msg", "pre-push", "post-commit", "reference-transaction"):
        templates.mkdir(exist_ok=True)
        write_hook(templates, name, f"echo {name} >> {ran}; exit 1")
        write_hook(prepared.folder / "home", name, f"echo {name} >> {ran}; exit 1")
    hooks = prepared.folder / "home" / "hooks"
    (prepared.folder / "home" / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    outcome = prepared.run(
        GIT_TEMPLATE_DIR=str(templates), GIT_CONFIG_GLOBAL=str(hooks.parent / ".gitconfig")
    )
    assert outcome.reason("web") == "Updated"
    assert not ran.exists()
