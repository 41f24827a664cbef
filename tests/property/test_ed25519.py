"""Our check of Ed25519 agrees with that of OpenSSL, whatever is signed and whatever is changed."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_image_updater.verify.ed25519ph import check

SEEDS = st.binary(min_size=32, max_size=32)


def agrees_with_openssl(key, message, signature):
    """Return what both say: the domain of plain Ed25519 is empty."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        expected = False
    else:
        expected = True
    assert check(key, message, signature, domain=b"") is expected
    return expected


@settings(max_examples=50)
@given(seed=SEEDS, message=st.binary(max_size=300))
def test_every_signature_counts(seed, message):
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    key = private.public_key().public_bytes_raw()
    assert agrees_with_openssl(key, message, private.sign(message))


@settings(max_examples=100)
@given(seed=SEEDS, message=st.binary(max_size=50), place=st.integers(0, 511))
def test_a_signature_with_one_bit_changed_does_not(seed, message, place):
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    key = private.public_key().public_bytes_raw()
    changed = bytearray(private.sign(message))
    changed[place // 8] ^= 1 << place % 8
    assert not agrees_with_openssl(key, message, bytes(changed))


@settings(max_examples=100)
@given(key=SEEDS, signature=st.binary(min_size=64, max_size=64))
def test_arbitrary_bytes_are_judged_alike(key, signature):
    agrees_with_openssl(key, b"text", signature)
