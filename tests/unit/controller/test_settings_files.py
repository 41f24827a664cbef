"""Settings that live in files: what starts the program, what is noticed, what stays in use."""

import logging

import pytest
import trustme

from argocd_image_updater.controller.settings_files import SettingsFiles
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.errors import ConfigError
from stages.volume import Volume


def entry(limit=5, **more):
    lines = [f"  {key}: {value}\n" for key, value in {"limit": limit, **more}.items()]
    return (
        "registries:\n- name: Acme\n  api_url: https://reg.acme.test\n  prefix: reg.acme.test\n"
        + "".join(lines)
    )


def certificate():
    return trustme.CA().cert_pem.bytes().decode()


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "config")


@pytest.fixture
def files(volume, tmp_path):
    return SettingsFiles(
        str(volume.folder / "registries.conf"),
        str(volume.folder / "commit.template"),
        ca_directories=(tmp_path / "hosts",),
    )


def limit(loaded):
    return loaded.table.endpoints["reg.acme.test"].limit_per_s


def test_without_files_the_built_in_settings_are_used_and_that_is_told(files, caplog):
    with caplog.at_level(logging.INFO):
        loaded = files.load()
    assert set(loaded.table.endpoints) == {"docker.io"}
    assert (loaded.template, loaded.warnings, loaded.changed) == ("", (), True)
    assert len(caplog.records) == 2
    assert not files.load().changed
    assert len(caplog.records) == 2


def test_empty_paths_mean_the_built_in_settings(caplog):
    loaded = SettingsFiles("", "", ca_directories=()).load()
    assert (set(loaded.table.endpoints), loaded.template) == ({"docker.io"}, "")
    assert not caplog.records


def test_a_swapped_volume_is_noticed(files, volume):
    volume.swap(registries__conf=entry(5), commit__template="one")
    first = files.load()
    assert (limit(first), first.template, first.changed) == (5, "one", True)
    unchanged = files.load()
    assert unchanged.table is first.table
    assert not unchanged.changed
    volume.swap(registries__conf=entry(7), commit__template="two")
    second = files.load()
    assert (limit(second), second.template, second.changed) == (7, "two", True)


def test_a_swap_that_changes_nothing_is_no_change(files, volume):
    volume.swap(registries__conf=entry(), commit__template="one")
    files.load()
    volume.swap(registries__conf=entry(), commit__template="one")
    assert not files.load().changed


def test_files_that_appear_later_are_read(files, volume):
    files.load()
    volume.swap(registries__conf=entry(3), commit__template="late")
    loaded = files.load()
    assert (limit(loaded), loaded.template, loaded.warnings) == (3, "late", ())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"registries__conf": entry(unknown="x")}, "unknown"),
        ({"commit__template": "{{ .Broken"}, "commit message template"),
        ({"registries__conf": entry(ca_file="/nowhere/ca.pem")}, "/nowhere/ca.pem"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(files, volume, content, words):
    volume.swap(**content)
    for _ in range(2):
        with pytest.raises(ConfigError, match=words):
            files.load()
    volume.swap()
    assert not files.load().warnings


def test_a_directory_is_no_registries_file_but_a_broken_template(tmp_path):
    loaded = SettingsFiles(str(tmp_path), "", ca_directories=()).load()
    assert set(loaded.table.endpoints) == {"docker.io"}
    with pytest.raises(ConfigError, match="cannot be read"):
        SettingsFiles("", str(tmp_path), ca_directories=()).load()


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("registries.conf", entry(unknown="x").encode()),
        ("registries.conf", b"\xff\xfe"),
        ("commit.template", b"{{ .Broken"),
        ("commit.template", b"x" * (1024 * 1024 + 1)),
        ("commit.template", b"\xff"),
    ],
)
def test_a_broken_file_leaves_the_last_good_settings_in_use(tmp_path, name, broken):
    good = {"registries.conf": entry(5).encode(), "commit.template": b"one"}
    for file, content in good.items():
        (tmp_path / file).write_bytes(content)
    observed = []
    files = SettingsFiles(
        str(tmp_path / "registries.conf"),
        str(tmp_path / "commit.template"),
        ca_directories=(),
        observe=observed.append,
    )
    files.load()
    (tmp_path / name).write_bytes(broken)
    for _ in range(2):
        loaded = files.load()
        assert (limit(loaded), loaded.template, loaded.changed) == (5, "one", False)
        (warning,) = loaded.warnings
        assert name in warning
        assert warning.endswith("what was read before stays in use")
    (tmp_path / name).write_bytes(good[name])
    assert files.load().warnings == ()
    files.load()
    assert [bool(failure) for failure in observed] == [False, True, True, False]


@pytest.mark.parametrize("name", ["registries.conf", "commit.template"])
def test_a_file_that_vanishes_leaves_what_it_said_in_use_and_an_empty_one_does_not(tmp_path, name):
    (tmp_path / "registries.conf").write_text(entry(5))
    (tmp_path / "commit.template").write_text("one")
    files = SettingsFiles(
        str(tmp_path / "registries.conf"), str(tmp_path / "commit.template"), ca_directories=()
    )
    files.load()
    (tmp_path / name).unlink()
    loaded = files.load()
    assert (limit(loaded), loaded.template) == (5, "one")
    (warning,) = loaded.warnings
    assert warning.startswith(f"{tmp_path / name} is gone; put it back")
    (tmp_path / name).write_text("")
    emptied = files.load()
    assert emptied.changed
    assert emptied.warnings == ()


@pytest.fixture
def ssh_file(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def ssh_files(ssh_file):
    return SettingsFiles("", "", ssh_config_path=str(ssh_file), ca_directories=())


GOOD, BAD = "Host git\n  HostName 10.0.0.1\n", "Host git\n  HostNome 10.0.0.1\n"


def test_an_ssh_configuration_is_read_when_it_appears_and_changes(ssh_files, ssh_file):
    assert (ssh_files.load().ssh_config, ssh_files.load().warnings) == ("", ())
    ssh_file.write_text(GOOD)
    loaded = ssh_files.load()
    assert (loaded.ssh_config, loaded.changed, loaded.warnings) == (GOOD, True, ())
    assert not ssh_files.load().changed
    ssh_file.write_text("")
    assert ssh_files.load().ssh_config == ""


@pytest.mark.lab("ssh")
def test_a_broken_ssh_configuration_leaves_the_last_one_in_use(ssh_files, ssh_file):
    ssh_file.write_text(GOOD)
    ssh_files.load()
    ssh_file.write_text(BAD)
    loaded = ssh_files.load()
    assert (loaded.ssh_config, loaded.changed) == (GOOD, False)
    (warning,) = loaded.warnings
    assert "line 2: Bad configuration option: hostnome" in warning
    ssh_file.unlink()
    assert "is gone" in ssh_files.load().warnings[0]
    assert ssh_files.load().ssh_config == GOOD


@pytest.mark.lab("ssh")
def test_an_ssh_configuration_that_is_broken_at_the_start_stops_nothing(ssh_files, ssh_file):
    ssh_file.write_text(BAD)
    loaded = ssh_files.load()
    assert loaded.ssh_config == BAD
    assert "hostnome" in loaded.warnings[0]
    ssh_file.write_bytes(b"\xff")
    assert ssh_files.load().ssh_config == ""
    ssh_file.write_text(GOOD)
    mended = ssh_files.load()
    assert (mended.ssh_config, mended.warnings) == (GOOD, ())


def test_root_certificates_of_an_entry_are_read_again(tmp_path):
    ca_file = tmp_path / "ca.pem"
    (tmp_path / "registries.conf").write_text(entry(ca_file=ca_file))
    one, two = certificate(), certificate()
    ca_file.write_text(one)
    files = SettingsFiles(str(tmp_path / "registries.conf"), "", ca_directories=())
    first = files.load().table.endpoints["reg.acme.test"].ca_pem
    ca_file.write_text(two)
    loaded = files.load()
    assert loaded.changed
    second = loaded.table.endpoints["reg.acme.test"].ca_pem
    assert first != second
    ca_file.write_text("no certificate")
    broken = files.load()
    assert broken.table.endpoints["reg.acme.test"].ca_pem == second
    assert str(ca_file) in broken.warnings[0]
    ca_file.write_text(one)
    assert files.load().table.endpoints["reg.acme.test"].ca_pem == first


def test_certificates_by_host_come_go_and_change(tmp_path):
    hosts = Volume(tmp_path / "hosts")
    files = SettingsFiles("", "", ca_directories=(hosts.folder, tmp_path / "absent"))

    def pem():
        return files.load().table.lookup(parse_image("other.test/x")).ca_pem

    assert pem() == ""
    hosts.swap(other__test=certificate())
    first = pem()
    assert first
    hosts.swap(other__test=certificate())
    assert pem() not in {"", first}
    hosts.swap()
    assert pem() == ""


EXTRA = "registries: [{{prefix: reg.acme.test, maxConcurrency: {}}}]\n"


def concurrency(loaded):
    return loaded.table.endpoints["reg.acme.test"].extras.max_concurrency


def test_further_settings_beside_the_registries_are_read_with_them(files, volume):
    volume.swap(registries__conf=entry(), registries__extra__conf=EXTRA.format(3))
    assert concurrency(files.load()) == 3
    volume.swap(registries__conf=entry(), registries__extra__conf=EXTRA.format(4))
    assert concurrency(files.load()) == 4
    volume.swap(registries__conf=entry(), registries__extra__conf="registries: [{x: y}]")
    loaded = files.load()
    assert concurrency(loaded) == 4
    (warning,) = loaded.warnings
    assert "registries.extra.conf:1: entry 1: unknown key 'x'" in warning
    volume.swap(registries__conf=entry())
    (warning,) = files.load().warnings
    assert "registries.extra.conf is gone" in warning
    volume.swap(registries__conf=entry(), registries__extra__conf="")
    loaded = files.load()
    assert (concurrency(loaded), loaded.warnings) == (0, ())


def test_further_settings_may_stand_alone_and_broken_ones_stop_the_start(files, volume):
    volume.swap(registries__extra__conf="defaults: {timeout: 5s}")
    assert files.load().table.default.extras.timeout_s == 5.0
    volume.swap(registries__extra__conf="defaults: {timeout: never}")
    broken = SettingsFiles(str(volume.folder / "registries.conf"), "", ca_directories=())
    with pytest.raises(ConfigError, match="key 'timeout' must be a duration"):
        broken.load()


def test_a_client_certificate_that_is_renewed_is_noticed(files, volume, tmp_path):
    paths = tmp_path / "tls.crt", tmp_path / "tls.key"

    def renew():
        leaf = trustme.CA().issue_cert("me.test")
        leaf.cert_chain_pems[0].write_to_path(paths[0])
        leaf.private_key_pem.write_to_path(paths[1])

    renew()
    extra = (
        f"registries: [{{prefix: reg.acme.test, clientCertFile: {paths[0]}, "
        f"clientKeyFile: {paths[1]}}}]"
    )
    volume.swap(registries__conf=entry(), registries__extra__conf=extra)
    first = files.load()
    assert not files.load().changed
    renew()
    second = files.load()
    assert second.changed
    assert second.table != first.table
