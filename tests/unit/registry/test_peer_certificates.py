"""Certificates as people read them, from bytes that nobody has checked."""

import ssl

import trustme

from argocd_image_updater.registry.peer_certificates import read_chain


def der(pem):
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


def chain_of(certificate):
    return [der(pem) for pem in certificate.cert_chain_pems]


def test_a_chain_ends_at_the_issuer_of_the_last_certificate_that_was_sent():
    root = trustme.CA(organization_unit_name="the root")
    middle = root.create_child_ca()
    leaf, *others = chain_of(middle.issue_cert("web.test", "10.0.0.1"))
    shown = read_chain([leaf, *others])
    assert "the root" in shown.authority
    assert shown.issuer != shown.authority
    assert shown.names == ("web.test", "10.0.0.1")
    assert shown.starts_at_s < shown.ends_at_s
    assert read_chain([leaf]).authority == shown.issuer


def test_a_root_that_was_sent_along_is_the_authority():
    root = trustme.CA(organization_unit_name="the root")
    leaf = chain_of(root.issue_cert("web.test"))
    assert "the root" in read_chain([*leaf, der(root.cert_pem)]).authority


def test_bytes_of_a_stranger_tell_nothing():
    assert read_chain([b"\x30\x03no"]) is None
