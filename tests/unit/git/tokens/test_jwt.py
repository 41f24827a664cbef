"""Tokens that a key signs, and keys that cannot."""

import json
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from argocd_image_updater.git.tokens.jwt import UnusableKeyError, signed_token
from forges.github_app import new_key


def decoded(part):
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def pem(key, **encryption):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption.get("with_", serialization.NoEncryption()),
    ).decode()


def test_the_signature_proves_the_claims():
    text = new_key()
    header, claims, signature = signed_token({"iss": "12", "exp": 1}, text).split(".")
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(decoded(claims)) == {"iss": "12", "exp": 1}
    public = serialization.load_pem_private_key(text.encode(), None).public_key()
    signed = f"{header}.{claims}".encode()
    public.verify(decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())


def test_both_forms_of_pem_are_read():
    text = new_key()
    other = pem(serialization.load_pem_private_key(text.encode(), None))
    assert signed_token({}, text) == signed_token({}, other)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no private key"),
        ("nonsense", "no private key"),
        (new_key().replace("A", "B"), "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        ("x" * 40_000, "too long"),
        (
            pem(
                serialization.load_pem_private_key(new_key().encode(), None),
                with_=serialization.BestAvailableEncryption(b"p"),
            ),
            "without a password",
        ),
    ],
)
def test_a_key_that_cannot_sign_is_told_and_not_shown(text, told):
    with pytest.raises(UnusableKeyError, match=told) as caught:
        signed_token({}, text)
    assert not text or text not in str(caught.value)
