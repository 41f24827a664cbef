"""Where Git finds certificates, known hosts and the SSH configuration."""

import stat

import pytest

from argocd_image_updater.controller.trust import (
    lay_ssh_config,
    lay_trust,
    trust_below,
    trust_in_pod,
)
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.tls import authority_file

PEM = "-----BEGIN CERTIFICATE-----\n"


def test_the_config_maps_of_argo_cd_come_before_what_is_mounted(tmp_path):
    mounts = {name: str(tmp_path / name) for name in ("tls", "ssh")}
    trust = trust_in_pod(
        tmp_path / "trust",
        {"ARGOCD_TLS_DATA_PATH": mounts["tls"], "ARGOCD_SSH_DATA_PATH": mounts["ssh"]},
    )
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "git.test").write_text(PEM)
    lay_trust({}, tmp_path / "trust", namespace="argocd")
    assert authority_file(trust, "git.test") == tmp_path / "tls" / "git.test"
    key = ObjectKey("argocd", "argocd-tls-certs-cm")
    lay_trust({key: {"git.test": PEM}}, tmp_path / "trust", namespace="argocd")
    assert authority_file(trust, "git.test") == tmp_path / "trust" / "tls" / "git.test"
    assert authority_file(trust, "other.test") is None
    assert trust.known_hosts_files == (
        tmp_path / "trust" / "ssh_known_hosts",
        tmp_path / "ssh" / "ssh_known_hosts",
    )


def test_the_usual_mounts_are_looked_at_without_being_named(tmp_path):
    trust = trust_in_pod(tmp_path, {})
    assert [str(path) for path in trust.mounted_tls_folders] == [
        "/app/config/tls", "/app/config/registry-tls",
    ]  # fmt: skip
    assert str(trust.mounted_known_hosts[0]) == "/app/config/ssh/ssh_known_hosts"
    assert trust_below(tmp_path).ssh_config is None


def test_an_ssh_configuration_is_laid_privately_and_taken_away_again(tmp_path):
    folder = tmp_path / "trust"
    trust = trust_in_pod(folder, {})
    lay_ssh_config("", folder)
    assert not trust.ssh_config.exists()
    lay_ssh_config("Host ü\n", folder)
    assert trust.ssh_config.read_text() == "Host ü\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    lay_ssh_config("", folder)
    assert not trust.ssh_config.exists()


def test_what_cannot_be_laid_is_told_with_the_place_and_leaves_the_last_ssh_configuration(tmp_path):
    folder = tmp_path / "trust"
    lay_ssh_config("Host old\n", folder)
    (folder / "ssh_config.new").mkdir()
    with pytest.raises(ConfigError, match=f"{folder} cannot be written to: Is a directory"):
        lay_ssh_config("Host new\n", folder)
    assert trust_in_pod(folder, {}).ssh_config.read_text() == "Host old\n"
    (folder / "ssh_known_hosts").mkdir()
    with pytest.raises(ConfigError, match="name another --state-dir"):
        lay_trust({}, folder, namespace="argocd")
