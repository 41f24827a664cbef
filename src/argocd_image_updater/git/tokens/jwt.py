"""A JSON Web Token, signed with an RSA key (RS256): what GitHub and Google take as proof of a key.

Sources: RFC 7515 (signature), RFC 7519 (claims), RFC 7518 section 3.3 (RS256).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_LIMIT = 32_768  # characters; a key of 8192 bits has 6,400
LARGEST_KEY_BITS = 8_192  # signing takes 30 ms; a larger one only costs time


class UnusableKeyError(ValueError):
    """A text is no RSA key that can sign; says why, and nothing of the key."""


def signed_token(claims: Mapping[str, str | int], private_key: str) -> str:
    """Return the claims as a compact token; takes milliseconds. private_key: in PEM form.

    Raises:
        UnusableKeyError: the key cannot be used.
    """
    header = {"alg": "RS256", "typ": "JWT"}
    signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
    return f"{signed}.{_part(_signature(signed.encode(), private_key))}"


def _signature(text: bytes, private_key: str) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - paid by who signs
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415 - the same

    if len(private_key) > KEY_LIMIT:
        raise UnusableKeyError("is too long for a key")
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # their texts can quote the key
        raise UnusableKeyError("is no private key in PEM form without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnusableKeyError("is no RSA key")
    if key.key_size > LARGEST_KEY_BITS:
        raise UnusableKeyError(f"has more than {LARGEST_KEY_BITS} bits")
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
