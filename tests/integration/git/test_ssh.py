"""The engine against a real SSH server: keys, host keys, and that nothing of them stays behind."""

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.git.engine import Tip
from argocd_image_updater.git.tls import Trust
from integration.git.scenes import batch, errors, key_secret, own_key, planned, statuses
from servers.git_server import file_at
from servers.ssh_server import SshGitServer

pytestmark = pytest.mark.lab("git", "ssh", "sshd")


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    with SshGitServer(tmp_path_factory.mktemp("ssh-server")) as running:
        running.repository("a", {"values.yaml": b"tag: 1.0\n"})
        yield running


async def test_a_change_reaches_the_branch_over_ssh(ssh, make_engine, tmp_path):
    engine = make_engine(
        state=tmp_path / "state",
        secrets=[key_secret(ssh.key_file.read_text().rstrip("\n"))],
        trust=Trust(known_hosts=ssh.known_hosts),
    )
    key = own_key(ssh.url("a"))
    result = await engine.push(batch(key, planned("values.yaml", b"1.0", b"1.1")))
    assert statuses(result) == ["pushed"], errors(result)
    assert file_at(ssh.root / "a.git", "values.yaml") == b"tag: 1.1\n"
    assert not list((tmp_path / "state").glob("git/*/private-*"))


async def test_an_unknown_host_key_is_refused(ssh, make_engine, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text())],
        trust=Trust(known_hosts=tmp_path / "known_hosts"),
    )
    answer = await engine.tip(own_key(ssh.url("a")))
    assert answer.kind is FailureKind.CONFIG
    assert "host key" in answer.message


async def test_known_hosts_that_change_count_from_the_next_cycle_on(ssh, make_engine, tmp_path):
    """The file is swapped as a mounted ConfigMap is: by one symbolic link."""
    for name, text in {"old": "", "new": ssh.known_hosts.read_text()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "ssh_known_hosts").write_text(text)
    data = tmp_path / "..data"
    data.symlink_to("old")
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text())],
        trust=Trust(
            known_hosts=tmp_path / "absent", mounted_known_hosts=(data / "ssh_known_hosts",)
        ),
    )
    key = own_key(ssh.url("a"))
    assert "host key" in (await engine.tip(key)).message
    (tmp_path / "..data_tmp").symlink_to("new")
    (tmp_path / "..data_tmp").replace(data)
    engine.begin_cycle()
    assert isinstance(await engine.tip(key), Tip)


async def test_an_ssh_configuration_counts_as_soon_as_it_is_there(ssh, make_engine, tmp_path):
    config = tmp_path / "config"
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text())],
        trust=Trust(known_hosts=ssh.known_hosts, ssh_config=config),
    )
    url = ssh.url("a").replace("127.0.0.1", "git.invalid")
    answer = await engine.tip(own_key(url))
    assert answer.kind is FailureKind.TRANSIENT
    config.write_text(
        f"Host git.invalid\n  HostName 127.0.0.1\n  HostKeyAlias [127.0.0.1]:{ssh.port}\n"
    )
    engine.begin_cycle()
    assert isinstance(await engine.tip(own_key(url)), Tip)


async def test_an_ssh_configuration_cannot_switch_the_verification_off(ssh, make_engine, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    config = tmp_path / "config"
    config.write_text("StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n")
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text())],
        trust=Trust(known_hosts=tmp_path / "known_hosts", ssh_config=config),
    )
    answer = await engine.tip(own_key(ssh.url("a")))
    assert "host key" in answer.message


async def test_host_keys_go_unchecked_only_when_the_secret_says_so(ssh, make_engine, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text(), insecure="true")],
        trust=Trust(known_hosts=tmp_path / "known_hosts"),
    )
    assert isinstance(await engine.tip(own_key(ssh.url("a"))), Tip)


async def test_a_foreign_key_is_denied(ssh, make_engine):
    engine = make_engine(
        secrets=[key_secret(ssh.make_key("foreign"))], trust=Trust(known_hosts=ssh.known_hosts)
    )
    answer = await engine.tip(own_key(ssh.url("a")))
    assert answer.kind is FailureKind.DENIED
    assert "PRIVATE KEY" not in answer.message


async def test_a_repository_that_is_not_there_is_not_found(ssh, make_engine):
    engine = make_engine(
        secrets=[key_secret(ssh.key_file.read_text())], trust=Trust(known_hosts=ssh.known_hosts)
    )
    answer = await engine.tip(own_key(ssh.url("missing")))
    assert answer.kind is FailureKind.NOT_FOUND
