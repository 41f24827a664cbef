"""A certificate and its key on their way into OpenSSL."""

import ssl

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from argocd_image_updater.net import certificate_pair
from argocd_image_updater.net.certificate_pair import load_pair


@pytest.fixture(scope="module")
def issued():
    authority = trustme.CA()
    return authority.issue_cert("a.test"), authority.issue_cert("b.test")


def pem_of(certificate, key):
    return certificate.cert_chain_pems[0].bytes() + b"\n" + key


def context():
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_a_pair_is_taken_and_leaves_no_file_behind(issued, monkeypatch, tmp_path, has_memory_files):
    monkeypatch.setattr(certificate_pair.tempfile, "tempdir", str(tmp_path))
    if not has_memory_files:
        monkeypatch.delattr(certificate_pair.os, "memfd_create")
    load_pair(context(), pem_of(issued[0], issued[0].private_key_pem.bytes()))
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_another_certificate_is_refused(issued):
    with pytest.raises(ValueError, match="do not fit"):
        load_pair(context(), pem_of(issued[0], issued[1].private_key_pem.bytes()))


def test_a_key_with_a_password_is_refused_without_asking_for_it(issued):
    key = load_pem_private_key(issued[0].private_key_pem.bytes(), password=None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    with pytest.raises(ValueError, match="unencrypted"):
        load_pair(context(), pem_of(issued[0], locked))


@pytest.mark.parametrize("text", [b"", b"nonsense"])
def test_a_text_that_is_no_pem_is_refused(text):
    with pytest.raises(ValueError, match="PEM"):
        load_pair(context(), text)
