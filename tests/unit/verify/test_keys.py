"""Public keys: every kind proves what it signed and nothing else; what is none is refused."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec

from argocd_image_updater.core.public_keys import MAX_KEYS, PublicKeyError
from argocd_image_updater.verify.keys import read_keys
from registries.signing import Signer

SIGNERS = {
    "P-256": Signer.ecdsa(),
    "P-384": Signer.ecdsa(ec.SECP384R1()),
    "P-384 over SHA-384": Signer.ecdsa(ec.SECP384R1(), hashes.SHA384()),
    "P-521": Signer.ecdsa(ec.SECP521R1()),
    "P-521 over SHA-512": Signer.ecdsa(ec.SECP521R1(), hashes.SHA512()),
    "RSA": Signer.rsa(),
    "RSA PSS": Signer.rsa(pss=True),
    "Ed25519": Signer.ed25519(),
}


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_key_proves_what_it_signed_and_nothing_else(kind):
    signer = SIGNERS[kind]
    (key,) = read_keys(signer.public_pem)
    signature = signer.sign(b"text")
    assert key.has_signed(b"text", signature)
    assert not key.has_signed(b"other text", signature)
    assert not key.has_signed(b"text", signature[:-1])
    assert not key.has_signed(b"text", b"")
    (other,) = read_keys(Signer.ecdsa().public_pem)
    assert not other.has_signed(b"text", signature)


def test_all_keys_of_a_text_are_read_and_each_counts_once():
    one, two = Signer.ecdsa(), Signer.ed25519()
    text = b"# the old one\n" + one.public_pem + b"\n# the new one\n" + two.public_pem
    assert len(read_keys(text + one.public_pem)) == 2


def test_line_ends_of_windows_do_no_harm():
    assert read_keys(Signer.ecdsa().public_pem.replace(b"\n", b"\r\n"))


def pem_of(private):
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


PEM = Signer.ecdsa().public_pem
UNUSABLE = {
    "empty": (b" \n", "is empty"),
    "no PEM": (b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "no key in PEM form"),
    "indented": (b"".join(b"  " + line for line in PEM.splitlines(keepends=True)), "PEM form"),
    "one line": (PEM.replace(b"\n", b" "), "PEM form"),
    "private": (Signer.ecdsa().private_pem, "private key"),
    "private beside a public one": (PEM + Signer.ecdsa().private_pem, "private key"),
    "damaged": (PEM.replace(b"MFkw", b"*Fkw"), "base64"),
    "other bytes": (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PKIX"),
    "certificate": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certif"),
    "short RSA": (Signer.rsa(bits=1024).public_pem, "2048"),
    "another curve": (pem_of(ec.generate_private_key(ec.SECP256K1())), "P-256"),
    "another kind": (pem_of(dsa.generate_private_key(2048)), "ECDSA, RSA or Ed25519"),
    "too many": (PEM * (MAX_KEYS + 1), f"more than {MAX_KEYS}"),
    "too large": (PEM + b"#" * 70_000, "larger"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_is_no_public_key_is_refused_with_what_to_do(what):
    text, words = UNUSABLE[what]
    with pytest.raises(PublicKeyError, match=words) as caught:
        read_keys(text)
    assert not any(
        line in str(caught.value) for line in text.decode().splitlines() if len(line) > 30
    )
