"""Public keys: read from text, and asked whether they made a signature.

Kinds: ECDSA on P-256, P-384 and P-521, RSA from 2,048 bits on, Ed25519. ECDSA signatures are DER
over SHA-256, which Cosign uses for every curve, or over the hash of the curve's own size; those of
RSA are PKCS #1 v1.5 or PSS over SHA-256; those of Ed25519 are over the text, or over its SHA-512
(Ed25519ph), which is how Cosign uses such keys. A key is never written into a message.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from argocd_image_updater.core.public_keys import PemBlock, PublicKeyError, split_keys
from argocd_image_updater.verify import ed25519ph
from argocd_image_updater.verify.statements import StatementError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.verify.statements import Statement

MIN_RSA_BITS = 2_048  # smaller ones can be broken
MAX_RSA_BITS = 8_192  # larger ones only cost time

_HASHES: dict[str, tuple[hashes.HashAlgorithm, ...]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA256(), hashes.SHA384()),
    "secp521r1": (hashes.SHA256(), hashes.SHA512()),
}
_RSA_PADDINGS: tuple[padding.AsymmetricPadding, ...] = (
    padding.PKCS1v15(),
    padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO),
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key. fingerprint: SHA-256 of its DER form, which names it without showing it.

    attempts: the ways in which it may have signed; each raises InvalidSignature if not.
    """

    fingerprint: str
    attempts: tuple[Callable[[bytes, bytes], None], ...]

    def has_signed(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over exactly these bytes."""
        for attempt in self.attempts:
            try:
                attempt(signature, signed)
            except InvalidSignature:
                continue
            return True
        return False


class KeySigners:
    """The keys, one of which must have signed, or every one; named by their fingerprints."""

    plural = "keys"

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.fingerprint: key for key in keys}
        self.names = frozenset(self._keys)

    def made(self, _layer: SignatureLayer, statement: Statement) -> list[str]:
        """Return the fingerprints of the keys that have signed a statement.

        Raises:
            StatementError: none of them has.
        """
        found = [
            fingerprint
            for fingerprint, key in self._keys.items()
            if any(key.has_signed(statement.signed, item) for item in statement.signatures)
        ]
        if not found:
            raise StatementError("made by another key, or changed afterwards")
        return found


def read_keys(text: bytes) -> tuple[PublicKey, ...]:
    """Return the public keys of a text, each once and at least one.

    Raises:
        PublicKeyError: a part of it cannot be used; one bad key spoils the text, because whoever
            put it there expects it to count.
    """
    found = {key.fingerprint: key for key in map(_read_key, split_keys(text))}
    return tuple(found.values())


def _read_key(block: PemBlock) -> PublicKey:
    try:
        key = load_der_public_key(block.content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PublicKeyError("holds something that is no public key in PKIX form") from error
    fingerprint = hashlib.sha256(block.content).hexdigest()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return PublicKey(fingerprint, _ecdsa(key))
    if isinstance(key, rsa.RSAPublicKey):
        return PublicKey(fingerprint, _rsa(key))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey(fingerprint, _ed25519(key))
    raise PublicKeyError("holds a key of a kind that is not ECDSA, RSA or Ed25519")


def _ecdsa(key: ec.EllipticCurvePublicKey) -> tuple[Callable[[bytes, bytes], None], ...]:
    algorithms = _HASHES.get(key.curve.name)
    if algorithms is None:
        raise PublicKeyError("holds an ECDSA key on a curve that is not P-256, P-384 or P-521")

    def attempt(algorithm: hashes.HashAlgorithm) -> Callable[[bytes, bytes], None]:
        return lambda signature, signed: key.verify(signature, signed, ec.ECDSA(algorithm))

    return tuple(map(attempt, algorithms))


def _rsa(key: rsa.RSAPublicKey) -> tuple[Callable[[bytes, bytes], None], ...]:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise PublicKeyError(
            f"holds an RSA key that has not between {MIN_RSA_BITS} and {MAX_RSA_BITS} bits"
        )

    def attempt(how: padding.AsymmetricPadding) -> Callable[[bytes, bytes], None]:
        return lambda signature, signed: key.verify(signature, signed, how, hashes.SHA256())

    return tuple(map(attempt, _RSA_PADDINGS))


def _ed25519(key: ed25519.Ed25519PublicKey) -> tuple[Callable[[bytes, bytes], None], ...]:
    encoded = key.public_bytes_raw()

    def prehashed(signature: bytes, signed: bytes) -> None:
        if not ed25519ph.has_signed(encoded, signed, signature):
            raise InvalidSignature

    return key.verify, prehashed
