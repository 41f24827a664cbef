"""The certificate that a server makes for itself."""

import asyncio
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from argocd_image_updater.net import certificate_pair
from argocd_image_updater.web import certificates
from argocd_image_updater.web.certificates import _make_pair, self_signed_context


def read(pair):
    return x509.load_pem_x509_certificate(pair[pair.index(b"-----BEGIN CERT") :])


def test_it_names_this_machine_and_lives_a_year():
    certificate = read(_make_pair("pod-7"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "pod-7"]
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.days == 365
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)


@pytest.mark.parametrize("hostname", ["", "x" * 200, "rechner-ä", "localhost"])
def test_an_odd_host_name_is_left_out(hostname):
    names = read(_make_pair(hostname)).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_every_process_has_its_own():
    assert _make_pair("a") != _make_pair("a")


def test_old_versions_of_tls_are_refused():
    assert self_signed_context("pod-7").minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_the_key_leaves_no_file_behind(monkeypatch, tmp_path, has_memory_files):
    monkeypatch.setattr(certificate_pair.tempfile, "tempdir", str(tmp_path))
    if not has_memory_files:
        monkeypatch.delattr(certificate_pair.os, "memfd_create")
    self_signed_context("pod-7")
    assert list(tmp_path.iterdir()) == []


async def test_a_client_that_trusts_the_certificate_reaches_the_server(monkeypatch):
    pair = _make_pair("pod-7")
    monkeypatch.setattr(certificates, "_make_pair", lambda _hostname: pair)

    async def greet(_reader, writer):
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=self_signed_context("pod-7"))
    trust = ssl.create_default_context(cadata=pair[pair.index(b"-----BEGIN CERT") :].decode())
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trust, server_hostname="pod-7"
        )
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()
