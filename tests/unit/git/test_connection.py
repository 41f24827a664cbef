"""What a command gets to reach a repository, and that it cannot leak it."""

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.tls import Trust, authority_file
from argocd_image_updater.git.urls import parse_url

HTTPS = parse_url("https://git.example.com:8443/acme/a.git")
SSH = parse_url("git@git.example.com:acme/a.git")
BASIC = GitCredential(CredentialKind.BASIC, username="bot", password="s3cret")


def connect(url=HTTPS, credential=BASIC, trust=None):
    return Connection(url, credential, trust or Trust())


def test_user_and_password_are_sent_at_once_but_never_beyond_the_host(tmp_path):
    with connect().surroundings(tmp_path) as around:
        assert around.configuration["http.extraHeader"] == "Authorization: Basic Ym90OnMzY3JldA=="
        assert around.configuration["http.followRedirects"] == "false"
        assert "s3cret" in around.secrets
        assert "Ym90OnMzY3JldA==" in around.secrets
    assert "s3cret" not in repr(around) + repr(connect())


def test_a_token_without_a_user_gets_the_name_that_forges_expect(tmp_path):
    token = GitCredential(CredentialKind.BASIC, password="tok")
    with connect(credential=token).surroundings(tmp_path, ask=True) as around:
        assert around.variables["AIU_USERNAME"] == "x-access-token"


def test_a_bearer_token_is_sent_as_one(tmp_path):
    bearer = GitCredential(CredentialKind.BEARER, bearer_token="tok")
    with connect(credential=bearer).surroundings(tmp_path) as around:
        assert around.configuration["http.extraHeader"] == "Authorization: Bearer tok"
    assert not connect(credential=bearer).can_ask


def test_a_bearer_token_cannot_add_headers(tmp_path):
    bearer = GitCredential(CredentialKind.BEARER, bearer_token="tok\nX-Evil: 1")
    with (
        pytest.raises(GitError, match="line break"),
        connect(credential=bearer).surroundings(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Username for 'https://git.example.com:8443': ", "bot"),
        ("Password for 'https://bot@git.example.com:8443': ", "s3cret"),
        ("Password for 'https://bot@evil.example.com': ", None),
        ("Password for 'https://git.example.com:8443@evil.example.com': ", None),
        ("Password for 'https://bot@git.example.com:8443.evil.example.com': ", None),
        ("Passphrase for key 'https://bot@git.example.com:8443': ", None),
    ],
)
def test_a_question_is_answered_for_the_host_alone(tmp_path, question, answer):
    with connect().surroundings(tmp_path, ask=True) as around:
        script = Path(around.variables["GIT_ASKPASS"])
        assert "s3cret" not in script.read_text()
        done = subprocess.run(
            [script, question], env=dict(around.variables), capture_output=True, check=False
        )
    assert (done.stdout.decode() if done.returncode == 0 else None) == answer
    assert not script.exists()


def test_a_key_is_a_private_file_for_the_time_of_the_command(tmp_path):
    key = GitCredential(CredentialKind.SSH, ssh_private_key="PRIVATE")
    trust = Trust(known_hosts=tmp_path / "known hosts")
    with connect(SSH, key, trust).surroundings(tmp_path) as around:
        command = around.variables["GIT_SSH_COMMAND"]
        (file,) = tmp_path.glob("private-*/id")
        assert file.read_text() == "PRIVATE\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert "StrictHostKeyChecking=yes" in command
        assert f"""'UserKnownHostsFile="{trust.known_hosts}"'""" in command
    assert not list(tmp_path.glob("private-*"))


@pytest.mark.lab("ssh")
def test_ssh_gets_the_configuration_that_is_there_and_every_file_of_known_hosts(tmp_path):
    key = GitCredential(CredentialKind.SSH, ssh_private_key="PRIVATE")
    mounted = tmp_path / 'odd "100%" name'
    trust = Trust(
        known_hosts=tmp_path / "own",
        mounted_known_hosts=(mounted,),
        ssh_config=tmp_path / "config",
    )

    def words():
        with connect(SSH, key, trust).surroundings(tmp_path) as around:
            return shlex.split(around.variables["GIT_SSH_COMMAND"])

    assert "-F" not in words()
    (tmp_path / "config").write_text("")
    found = words()
    assert found[:3] == ["ssh", "-F", str(tmp_path / "config")]
    option = next(word for word in found if word.startswith("UserKnownHostsFile"))
    told = subprocess.run(
        ["ssh", "-G", "-o", option, "host.invalid"], capture_output=True, check=True, text=True
    ).stdout
    assert f"userknownhostsfile {tmp_path}/own {tmp_path}/odd" in told


def test_host_keys_are_unchecked_only_when_the_secret_says_so(tmp_path):
    key = GitCredential(CredentialKind.SSH, ssh_private_key="PRIVATE", insecure=True)
    with connect(SSH, key).surroundings(tmp_path) as around:
        assert "StrictHostKeyChecking=no" in around.variables["GIT_SSH_COMMAND"]


def test_certificates_are_verified_unless_the_secret_says_otherwise(tmp_path):
    bundle = tmp_path / "all.pem"
    trust = Trust(bundle=bundle)
    with connect(trust=trust).surroundings(tmp_path) as around:
        assert around.variables["GIT_SSL_CAINFO"] == str(bundle)
        assert "GIT_SSL_NO_VERIFY" not in around.variables
    insecure = GitCredential(CredentialKind.BASIC, password="p", insecure=True)
    with connect(credential=insecure).surroundings(tmp_path) as around:
        assert around.variables["GIT_SSL_NO_VERIFY"] == "true"


def test_a_client_certificate_and_a_proxy_reach_git(tmp_path):
    credential = GitCredential(
        CredentialKind.CLIENT_CERTIFICATE,
        client_certificate="CERT",
        client_key="KEY",
        proxy="http://user:pw@proxy:3128",
        no_proxy="internal",
    )
    with connect(credential=credential).surroundings(tmp_path) as around:
        assert Path(around.variables["GIT_SSL_CERT"]).read_text() == "CERT"
        assert stat.S_IMODE(Path(around.variables["GIT_SSL_KEY"]).stat().st_mode) == 0o600
        assert around.configuration["http.proxy"] == "http://user:pw@proxy:3128"
        assert around.variables["no_proxy"] == "internal"


@pytest.mark.parametrize(
    ("url", "credential"),
    [
        (HTTPS, GitCredential(CredentialKind.SSH, ssh_private_key="K")),
        (SSH, BASIC),
        (SSH, GitCredential(CredentialKind.SSH, ssh_private_key="K", proxy="https://p:1")),
    ],
)
def test_a_credential_that_does_not_fit_the_url_is_told(tmp_path, url, credential):
    with pytest.raises(GitError), connect(url, credential).surroundings(tmp_path):
        pass


def test_only_the_transport_of_the_url_is_allowed(tmp_path):
    with connect().surroundings(tmp_path) as around:
        assert around.variables["GIT_ALLOW_PROTOCOL"] == "https"


def test_the_file_of_the_host_comes_before_the_bundle(tmp_path):
    trust = Trust(tls_folder=tmp_path, bundle=tmp_path / "bundle")
    (tmp_path / "git.example.com").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "empty.example.com").write_text("")
    assert authority_file(trust, "git.example.com") == tmp_path / "git.example.com"
    assert authority_file(trust, "empty.example.com") == tmp_path / "bundle"
    assert authority_file(trust, "..") == tmp_path / "bundle"
    assert authority_file(Trust(), "git.example.com") is None
