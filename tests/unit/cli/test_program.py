"""The program as a whole: commands, help, mistakes and their exit codes."""

import pytest

from argocd_image_updater.cli.flags import flags_of
from argocd_image_updater.cli.main import main


@pytest.fixture
def call(capsys):
    """Run the program in this process; return exit code, standard output and standard error."""

    def run(*words, **environ):
        code = main(words, environ={"HOME": "/nowhere"} | environ)
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_without_a_command_the_overview_is_printed(call, words):
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    assert "Usage:\n  argocd-image-updater COMMAND" in out


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "plan",
        "explain",
        "test",
        "doctor",
        "validate",
        "template",
        "version",
        "completion",
        "help",
    ],
)
def test_the_help_of_a_command_names_every_flag_and_exit_code(call, command):
    page = call(command, "--help")
    assert page == call("help", command) == call("-h", command)
    code, out, err = page
    assert (code, err) == (0, "")
    assert f"argocd-image-updater {command}" in out
    for flag in flags_of(command):
        assert f"  {flag.option}" in out
        assert not flag.env or flag.env in out.replace("\n      ", " ")
    assert "Exit codes:\n  0  all well" in out
    assert max(map(len, out.splitlines())) <= 100


def test_an_unknown_command_gets_the_nearest_name_and_no_usage(call):
    code, out, err = call("rum")
    assert (code, out) == (1, "")
    assert err == (
        'Error: unknown command "rum" for "argocd-image-updater"\n\n'
        "Did you mean run? Run 'argocd-image-updater --help' for the list of commands.\n"
    )
    assert call("help", "rum") == (1, "", err)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("run --intervall 5m", "unknown flag: --intervall; did you mean --interval?"),
        ("run --zzzz", "unknown flag: --zzzz"),
        ("run -x", "unknown flag: -x"),
        ("run --interval", "the flag --interval needs a value"),
        ("run --interval 5d", 'invalid argument "5d" for "--interval": unknown unit "d"'),
        ("run --once=maybe", 'invalid argument "maybe" for "--once": write true or false'),
        ("run --webhook-port=x", 'invalid argument "x" for "--webhook-port": write a whole'),
        ("run --max-concurrent-apps 0", '"0" for "--max-concurrent-apps": must be 1 or more'),
        ("run --webhook-port 70000", '"70000" for "--webhook-port": must be at most 65535'),
        ("run --shards 65", '"65" for "--shards": must be at most 64'),
        ("run --max-concurrent-reconciles=-1", '"--max-concurrent-reconciles": must be 1 or more'),
        ("test nginx --rate-limit=-1", '"-1" for "--rate-limit": must be 0 or more'),
        ("test nginx --loglevel=loud", '"loud" for "--loglevel": must be one of trace'),
        ("test nginx --logformat=json", "unknown flag: --logformat"),
        ("run --output yaml", '"yaml" for "--output": must be one of table, json'),
        ("run --logformat JSON", '"JSON" for "--logformat": must be one of text, json'),
        ("explain", "the argument APPLICATION is missing"),
        ("explain a b c", 'explain does not take the argument "c"'),
        ("plan extra", 'plan does not take the argument "extra"'),
        ("plan --once", "unknown flag: --once"),
    ],
)
def test_a_mistake_is_told_before_the_usage_with_exit_code_one(call, words, error):
    code, out, err = call(*words.split())
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert error in err.splitlines()[0]
    assert f"Usage:\n  argocd-image-updater {words.split()[0]}" in err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--once", "run"], "--once before the command needs its value"),
        (["--version"], 'did you mean the command "version"?'),
        (["--dry-run=true"], "--dry-run belongs to a command: run"),
        (["--kubeconfig=x"], "--kubeconfig belongs to a command: run, test"),
        (["--intervall=5m"], "did you mean --interval?"),
    ],
)
def test_a_mistake_before_the_command_is_explained(call, words, error):
    code, _, err = call(*words)
    assert code == 1
    assert error in err


def test_run_without_manifests_and_without_a_cluster_says_what_is_missing(call):
    for words in (["run"], ["--metrics-bind-address=:0", "run"], ["run", "ignored", "--once"]):
        code, out, err = call(*words)
        assert (code, out) == (1, "")
        assert "no access to a Kubernetes cluster" in err
        assert "Usage:" not in err


@pytest.mark.parametrize("command", ["plan", "explain"])
def test_what_only_looks_needs_manifests(call, command):
    code, out, err = call(command, *(["web"] if command == "explain" else []))
    assert (code, out) == (1, "")
    assert f"{command} needs --manifests" in err


def test_every_flag_and_variable_of_a_deployment_is_accepted(call):
    words = [
        f"--{flag.name}={'1.3' if flag.name.startswith('tls') else flag.default_text('run')}"
        for flag in flags_of("run")
        if flag.name not in {"manifests", "platform", "state-dir", "image-credential-sources"}
    ]
    code, _, err = call("run", *words)
    assert code == 1
    assert "no access to a Kubernetes cluster" in err


@pytest.mark.parametrize("words", [["test"], ["test", "a", "b"], ["--loglevel=info", "test"]])
def test_no_or_several_images_to_test_give_the_help_and_one(call, words):
    code, out, err = call(*words)
    assert code == 1
    assert out == call("test", "--help")[1]
    assert err == f"Error: test takes one IMAGE, not {len([w for w in words if len(w) == 1])}\n"


def test_a_command_of_a_later_release_is_named_as_such(call):
    code, out, err = call("webhook", "--webhook-port=8080")
    assert (code, out) == (1, "")
    assert err.startswith("Error: there is no command webhook yet: ")


def test_version_prints_six_lines_and_short_prints_one(call):
    code, out, err = call("version", "ignored", WEBHOOK_PORT="no")
    assert (code, err) == (0, "")
    assert [line.strip().partition(":")[0] for line in out.splitlines()] == [
        "argocd-image-updater",
        "BuildDate",
        "GitCommit",
        "PythonVersion",
        "PythonImplementation",
        "Platform",
    ]
    name = out.splitlines()[0].partition(": ")[2]
    assert call("version", "--short") == (0, name + "\n", "")
    assert name.startswith("v")
    assert "+" in name


def test_completion_for_an_unknown_shell_prints_the_help(call):
    page = call("completion", "--help")
    assert call("completion") == call("completion", "tcsh") == page
    assert page[0] == 0


def test_a_crash_is_told_with_its_stack_and_exit_code_two(call):
    # No command line can hold a null character: what it leads to is a crash, not a mistake.
    code, out, err = call("run", "--once", "--manifests", "m", "--git-commit-message-path", "a\0b")
    assert (code, out) == (2, "")
    assert "Traceback" in err
    assert err.endswith("Error: internal error, please report it with the lines above\n")
