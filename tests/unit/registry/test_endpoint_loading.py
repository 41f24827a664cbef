"""Root certificates and doubts of a registries.conf."""

import pytest
import trustme

from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.registries_conf import RegistriesConfError

ENTRY = (
    "registries:\n- name: Acme\n  api_url: https://reg.acme.test:5000\n  prefix: reg.acme.test\n"
)


@pytest.fixture(scope="module")
def root() -> str:
    return trustme.CA().cert_pem.bytes().decode()


def certificate_count(pem: str) -> int:
    return pem.count("BEGIN CERTIFICATE")


def test_a_file_named_by_host_and_port_serves_that_registry(tmp_path, root):
    (tmp_path / "reg.acme.test_5000").write_text(f"about this root\n{root}")
    (tmp_path / "other.test").write_text(root)
    table = load_table(ENTRY, ca_directories=[tmp_path])
    assert certificate_count(table.endpoints["reg.acme.test"].ca_pem) == 1
    assert table.default.ca_pem == ""
    assert certificate_count(table.lookup(parse_image("other.test/x")).ca_pem) == 1
    assert table.lookup(parse_image("unknown.test/x")).ca_pem == ""


def test_the_built_in_endpoint_finds_its_file_too(tmp_path, root):
    (tmp_path / "registry-1.docker.io").write_text(root)
    assert load_table(None, ca_directories=[tmp_path]).default.ca_pem


def test_a_broken_file_of_a_configured_registry_stops_loading(tmp_path):
    (tmp_path / "reg.acme.test").write_text("no certificate")
    with pytest.raises(RegistriesConfError, match="holds no valid certificate"):
        load_table(ENTRY, ca_directories=[tmp_path])


def test_a_broken_file_of_another_host_is_a_warning_and_the_webhook_certificate_is_none(tmp_path):
    (tmp_path / "else.test").write_text("no certificate")
    (tmp_path / "tls.crt").write_text("no certificate")
    (warning,) = load_table(ENTRY, ca_directories=[tmp_path, tmp_path / "absent"]).warnings
    assert "else.test" in warning


def test_text_and_file_of_an_entry_are_both_trusted(tmp_path, root):
    path = tmp_path / "ca.pem"
    path.write_text(root)
    indented = root.replace("\n", "\n    ")
    text = f"{ENTRY}  ca_file: {path}\n  ca_data: |\n    {indented}\n"
    pem = load_table(text, ca_directories=()).endpoints["reg.acme.test"].ca_pem
    assert certificate_count(pem) == 2


def test_a_certificate_that_is_none_is_left_out_beside_a_good_one(root):
    broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    indented = (broken + root).replace("\n", "\n    ")
    table = load_table(f"{ENTRY}  ca_data: |\n    {indented}\n", ca_directories=())
    assert certificate_count(table.endpoints["reg.acme.test"].ca_pem) == 1


def test_doubts_are_warnings_with_line_and_name():
    text = (
        "registries:\n"
        "- {name: A, api_url: reg.test, prefix: 'https://reg.test', credsexpire: 60}\n"
        "- {name: B, api_url: 'https://b.test', prefix: b.test/x, credentials: 'user:s3cret'}\n"
        "- {name: C, api_url: 'https://b.test', prefix: B.test/x/, tagsortmode: latest-first}\n"
    )
    warnings = load_table(text, ca_directories=()).warnings
    for part in (
        "registries.conf:2: A: prefix 'https://reg.test' can never match",
        "registries.conf:2: A: credsexpire has no unit",
        "registries.conf:2: A: api_url 'reg.test' is not an http or https URL",
        "registries.conf:3: B: credentials: the reference has an unknown kind",
        "registries.conf:4: C: prefix 'B.test/x/' replaces that of line 3",
        "registries.conf:4: C: tagsortmode",
    ):
        assert any(warning.startswith(part) for warning in warnings), part
    assert not any("s3cret" in warning for warning in warnings)


def test_a_good_file_raises_no_doubt():
    assert load_table(ENTRY, ca_directories=()).warnings == ()
