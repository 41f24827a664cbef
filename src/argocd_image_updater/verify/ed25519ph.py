"""Check signatures of the kind Ed25519ph: Ed25519 over the SHA-512 of a text.

Cosign signs so with every Ed25519 key, and the library that checks all other kinds does not know
it. Everything here is public, so nothing must be hidden from who measures the time. Rules, as in
Go's crypto/ed25519, which Cosign uses: 1. the key and R are points in their one canonical form;
2. S is smaller than the order of the base point, so that nobody makes a second signature of one;
3. S·B = R + k·A exactly, without the cofactor.
Source: RFC 8032, sections 5.1 and 7.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_BASE_BYTES = b"\x58" + b"\x66" * 31  # y = 4/5

_P = 2**255 - 19  # the field
_L = 2**252 + 27742317777372353535851937790883648493  # the order of the base point
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_SIGN_BIT = 1 << 255
_DOMAIN = b"SigEd25519 no Ed25519 collisions\x01\x00"  # prehashed, without a context


@dataclass(frozen=True, slots=True)
class _Point:
    """A point of the curve in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z."""

    x: int
    y: int
    z: int
    t: int

    @classmethod
    def decode(cls, encoded: bytes) -> Self | None:
        """Return the point of 32 bytes, None where they are the canonical form of none."""
        number = int.from_bytes(encoded, "little")
        sign, y = number >> 255, number & (_SIGN_BIT - 1)
        x = _root((y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P) if y < _P else None
        if x is None or (sign and not x):
            return None
        if x & 1 != sign:
            x = _P - x
        return cls(x, y, 1, x * y % _P)

    def add(self, other: _Point) -> _Point:
        a = (self.y - self.x) * (other.y - other.x)
        b = (self.y + self.x) * (other.y + other.x)
        c = 2 * _D * self.t * other.t
        d = 2 * self.z * other.z
        return _combine((b - a) % _P, (d - c) % _P, (d + c) % _P, (b + a) % _P)

    def double(self) -> _Point:
        a, b = self.x * self.x, self.y * self.y
        h = (a + b) % _P
        e = (h - (self.x + self.y) ** 2) % _P
        g = (a - b) % _P
        return _combine(e, (2 * self.z * self.z + g) % _P, g, h)

    def negative(self) -> _Point:
        return _Point(-self.x % _P, self.y, self.z, -self.t % _P)

    def equals(self, other: _Point) -> bool:
        return not (
            (self.x * other.z - other.x * self.z) % _P or (self.y * other.z - other.y * self.z) % _P
        )


_NEUTRAL = _Point(0, 1, 1, 0)


def _combine(e: int, f: int, g: int, h: int) -> _Point:
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _root(square: int) -> int | None:
    root = pow(square, (_P + 3) // 8, _P)
    for candidate in (root, root * _ROOT_OF_MINUS_ONE % _P):
        if candidate * candidate % _P == square:
            return candidate
    return None


def _base() -> _Point:
    point = _Point.decode(_BASE_BYTES)
    assert point is not None
    return point


_BASE = _base()


def has_signed(key: bytes, text: bytes, signature: bytes) -> bool:
    """Tell whether the signature is over exactly this text, by the key in its 32 bytes."""
    return check(key, hashlib.sha512(text).digest(), signature, domain=_DOMAIN)


def check(key: bytes, message: bytes, signature: bytes, *, domain: bytes) -> bool:
    """Tell the same for a message of the kind that the domain stands for; empty = Ed25519 itself.

    Cost: some ten milliseconds.
    """
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    encoded_r, s = signature[:KEY_BYTES], int.from_bytes(signature[KEY_BYTES:], "little")
    public, r = _Point.decode(key), _Point.decode(encoded_r)
    if public is None or r is None or s >= _L:
        return False
    hashed = hashlib.sha512(domain + encoded_r + key + message).digest()
    k = int.from_bytes(hashed, "little") % _L
    return _sum_of_multiples(s, _BASE, k, public.negative()).equals(r)


def _sum_of_multiples(one: int, first: _Point, other: int, second: _Point) -> _Point:
    """Return one·first + other·second, doubling for both at once."""
    both = first.add(second)
    found = _NEUTRAL
    for bit in range(max(one.bit_length(), other.bit_length()) - 1, -1, -1):
        found = found.double()
        match (one >> bit & 1, other >> bit & 1):
            case (1, 1):
                found = found.add(both)
            case (1, 0):
                found = found.add(first)
            case (0, 1):
                found = found.add(second)
    return found
