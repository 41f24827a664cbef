"""Ed25519ph: the example of the standard, and what must not count."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from argocd_image_updater.verify.ed25519ph import check, has_signed

# RFC 8032, section 7.3
KEY = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
    "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)
ORDER = 2**252 + 27742317777372353535851937790883648493


def test_the_example_of_the_standard_counts():
    assert has_signed(KEY, b"abc", SIGNATURE)


def with_s(change):
    """Return the signature with another S."""
    s = int.from_bytes(SIGNATURE[32:], "little")
    return SIGNATURE[:32] + change(s).to_bytes(32, "little")


@pytest.mark.parametrize(
    ("key", "text", "signature"),
    [
        pytest.param(KEY, b"abd", SIGNATURE, id="another text"),
        pytest.param(KEY, b"abc", SIGNATURE[:-1], id="too short"),
        pytest.param(KEY, b"abc", SIGNATURE + b"\0", id="too long"),
        pytest.param(KEY[:-1], b"abc", SIGNATURE, id="no key"),
        pytest.param(KEY, b"abc", with_s(lambda s: s + ORDER), id="the same S once more"),
        pytest.param(KEY, b"abc", with_s(lambda s: s + 1), id="another S"),
        pytest.param(b"\x01" + KEY[1:], b"abc", SIGNATURE, id="another key"),
        pytest.param(b"\xff" * 32, b"abc", SIGNATURE, id="a key that is not below the prime"),
        pytest.param(KEY, b"abc", b"\xff" * 32 + SIGNATURE[32:], id="an R that is no point"),
        pytest.param(
            KEY, b"abc", b"\x01" + b"\0" * 30 + b"\x80" + SIGNATURE[32:], id="a negative zero"
        ),
    ],
)
def test_anything_else_does_not(key, text, signature):
    assert not has_signed(key, text, signature)


def test_a_signature_of_the_plain_kind_is_not_one_of_this_kind():
    private = ed25519.Ed25519PrivateKey.generate()
    public, signature = private.public_key().public_bytes_raw(), private.sign(b"abc")
    assert not has_signed(public, b"abc", signature)
    assert check(public, b"abc", signature, domain=b"")
