"""Signed commits by the whole program: others verify them, and no key is left anywhere."""

import subprocess

import pytest

from servers.git_server import commit_files, write_hook
from stages.signing import PASSPHRASE, SIGNER, GnuPG, SshKey, agents_of
from stages.standalone import PROGRAM

pytestmark = pytest.mark.lab(
    "docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap", "gpg", "ssh"
)
APPLICATIONS = ("web", "api", "worker")


@pytest.fixture
def gnupg():
    home = GnuPG()
    yield home
    home.close()


def secret_lines(text):
    """Return the lines of a private key that nothing may show."""
    return {line for line in text.splitlines() if len(line) > 40 and "-----" not in line}


@pytest.fixture(params=["openpgp id", "openpgp file", "ssh"])
def signing(request, stage, gnupg):
    """What verifies with a key, and the variables that name it to the program."""
    if request.param == "ssh":
        key = SshKey(stage.folder)
        key.private.chmod(0o640)
        stage.secrets |= secret_lines(key.private.read_text())
        named = {"GIT_COMMIT_SIGNING_KEY": key.private, "GIT_COMMIT_SIGNING_METHOD": "ssh"}
        return key, {name: str(value) for name, value in named.items()}
    text = gnupg.make()
    stage.secrets |= secret_lines(text)
    if request.param == "openpgp id":
        return gnupg, {"GIT_COMMIT_SIGNING_KEY": SIGNER, "ARGOCD_GNUPGHOME": str(gnupg.home)}
    file = stage.folder / "signing.asc"
    file.write_text(text)
    return gnupg, {"GIT_COMMIT_SIGNING_KEY": str(file)}


def prepared(stage):
    stage.push("1.0.0", "1.1.0")
    stage.helm(*APPLICATIONS)
    return stage.repository(files=stage.values(*APPLICATIONS))


def test_all_commits_of_a_push_are_verified_by_git(stage, signing):
    key, variables = signing
    bare = prepared(stage)
    outcome = stage.run("--git-commit-sign-off", **variables)
    assert set(outcome.reasons.values()) == {"Updated"}
    commits = stage.log(pattern="%H")[:3]
    assert {one["commit"] for one in outcome.report["commits"]} == set(commits)
    for commit in commits:
        assert SIGNER in key.verify(bare, commit)
    assert "Signed-off-by" in stage.log(pattern="%(trailers)")[0]
    assert agents_of(stage.folder) == []
    assert list(stage.state.glob("git/signing*")) == []
    assert set(stage.run(**variables).reasons.values()) == {"UpToDate"}


def test_commits_that_a_rival_pushed_out_of_the_way_are_signed_again(stage, signing):
    key, variables = signing
    bare = prepared(stage)
    rival = commit_files(bare, {"other": b"theirs"}, branch="rival")
    write_hook(
        bare,
        "pre-receive",
        "[ -e rival ] && exit 0; : > rival; unset GIT_QUARANTINE_PATH; "
        f"git update-ref refs/heads/main {rival}",
    )
    outcome = stage.run(**variables)
    assert set(outcome.reasons.values()) == {"Updated"}
    assert (bare / "rival").exists()
    commits = stage.log(pattern="%H")
    assert commits[3] == rival
    for commit in commits[:3]:
        assert SIGNER in key.verify(bare, commit)


def test_a_dry_run_needs_no_key(stage):
    prepared(stage)
    outcome = stage.run("--dry-run", GIT_COMMIT_SIGNING_KEY="/nowhere")
    assert set(outcome.reasons.values()) == {"WouldUpdate"}


@pytest.mark.parametrize(
    ("key", "method", "told"),
    [
        ("nobody@example.com", "openpgp", "No secret key"),
        ("/nowhere/key", "openpgp", "/nowhere/key cannot be read"),
        ("/nowhere/key", "ssh", "/nowhere/key cannot be read"),
        ("protected", "ssh", "ssh-keygen says: "),
        ("key", "x509", "GIT_COMMIT_SIGNING_METHOD"),
        ("-o", "openpgp", "the signing key begins with"),
    ],
)
def test_a_key_that_cannot_sign_ends_the_start(stage, gnupg, key, method, told):
    prepared(stage)
    if key == "protected":
        key = str(SshKey(stage.folder, passphrase=PASSPHRASE).private)
    outcome = stage.run(
        GIT_COMMIT_SIGNING_KEY=key, GIT_COMMIT_SIGNING_METHOD=method, GNUPGHOME=str(gnupg.home)
    )
    assert outcome.code == 1
    assert told in outcome.err
    assert len(stage.log()) == 1


def test_a_replica_that_could_not_sign_does_not_start_in_a_cluster_either(stage):
    words = [str(PROGRAM), "run", "--state-dir", str(stage.state)]
    environ = stage.environ(GIT_COMMIT_SIGNING_KEY="/nowhere/key", GIT_COMMIT_SIGNING_METHOD="ssh")
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "/nowhere/key cannot be read" in done.stderr
