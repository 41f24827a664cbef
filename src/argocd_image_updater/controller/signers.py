"""From a policy to those who must have signed: keys of a Secret, and identities.

Rules: 1. each group that a policy names must be satisfied, so that adding one never makes it easier
to pass; 2. what decides about a proof is in the fingerprint, so that a proof is worth nothing once
a key, an identity or the root of trust has changed. docs/verification.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.public_keys import PublicKeyError
from argocd_image_updater.errors import ConfigError, UpdaterError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.controller.trust_root import TrustRoot
    from argocd_image_updater.core.facts import SignaturePolicy
    from argocd_image_updater.verify.keys import PublicKey
    from argocd_image_updater.verify.proof import Signers
    from argocd_image_updater.verify.trust import Trust

ReadSecret = Callable[[ObjectKey], Awaitable[Mapping[str, bytes] | None]]


@dataclass(frozen=True, slots=True)
class SignerGroup:
    """Signers of one kind, of whom one must have signed, or every one.

    who: they, for people. fingerprint: of everything that decides whether they have.
    """

    signers: Signers
    every: bool
    who: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy with those who must have signed: each group must be satisfied."""

    groups: tuple[SignerGroup, ...]
    policy: SignaturePolicy

    @property
    def fingerprint(self) -> str:
        """Of everything that decides whether an image is proven."""
        parts = [group.fingerprint for group in self.groups]
        return _hash_all([*parts, repr(self.policy.annotations)])


async def read_wanted(
    policy: SignaturePolicy, *, read_secret: ReadSecret, trust_root: TrustRoot
) -> Wanted | Failure:
    """Return who must have signed; without anybody nothing could ever be proven."""
    groups: list[SignerGroup] = []
    if policy.secret is not None:
        keys = await _read_key_group(policy.secret, policy, read_secret=read_secret)
        if isinstance(keys, Failure):
            return keys
        groups.append(keys)
    if policy.identities:
        try:
            trust = await trust_root.load()
        except ConfigError as error:
            return Failure(FailureKind.CONFIG, str(error))
        groups.append(_identity_group(policy, trust))
    if not groups:
        return Failure(FailureKind.CONFIG, "nobody is configured who must have signed")
    return Wanted(tuple(groups), policy)


async def _read_key_group(
    secret: ObjectKey, policy: SignaturePolicy, *, read_secret: ReadSecret
) -> SignerGroup | Failure:
    place = f"{policy.key!r} of Secret {secret}"
    try:
        data = await read_secret(secret)
    except UpdaterError as error:
        message = f"Secret {secret} with the public key cannot be read: {error}"
        return Failure(FailureKind.CREDENTIALS, message)
    if data is None or policy.key not in data:
        return Failure(FailureKind.CONFIG, f"there is no {place} with the public key")
    try:
        keys = await asyncio.to_thread(_read_keys, data[policy.key])
    except PublicKeyError as error:
        return Failure(FailureKind.CONFIG, f"{place} {error}")
    return _key_group(keys, policy)


def _read_keys(text: bytes) -> tuple[PublicKey, ...]:
    from argocd_image_updater.verify.keys import (  # noqa: PLC0415 - paid only by who verifies
        read_keys,
    )

    return read_keys(text)


def _key_group(keys: tuple[PublicKey, ...], policy: SignaturePolicy) -> SignerGroup:
    from argocd_image_updater.verify.keys import KeySigners  # noqa: PLC0415 - the same

    which = "the key" if len(keys) == 1 else f"the {len(keys)} keys"
    return SignerGroup(
        KeySigners(keys),
        every=policy.every_key,
        who=f"with {which} in Secret {policy.secret} ({policy.key})",
        fingerprint=_hash_all(["keys", str(policy.every_key), *(one.fingerprint for one in keys)]),
    )


def _identity_group(policy: SignaturePolicy, trust: Trust) -> SignerGroup:
    from argocd_image_updater.verify.keyless import IdentitySigners  # noqa: PLC0415 - the same

    identities, every = policy.identities, policy.every_identity
    more = "" if len(identities) == 1 else f" {'and' if every else 'or'} {len(identities) - 1} more"
    return SignerGroup(
        IdentitySigners(identities, trust),
        every=every,
        who=f"by {identities[0].text}{more}",
        fingerprint=_hash_all(["keyless", str(every), trust.fingerprint, *map(repr, identities)]),
    )


def _hash_all(parts: Iterable[str]) -> str:
    """Return a hash that tells apart where one part ends and the next begins."""
    return hashlib.sha256(repr(list(parts)).encode()).hexdigest()
