"""Answer whether images are signed: the registry finds, `verify/` proves, and here they meet.

Rules: 1. equal work is done once a cycle, also where equal keys come from different Secrets; 2. a
proof is of a digest by keys, whatever the repository, so it is kept for the life of the process;
that something is not proven is never kept; 3. where a tag is deployed, it must have the proven
digest when the proof is complete; 4. "not signed" is said only when all there is could be read.
docs/verification.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    VerificationFact,
    VerificationQuestion,
)
from argocd_image_updater.core.public_keys import PublicKeyError
from argocd_image_updater.errors import UpdaterError, internal_fault
from argocd_image_updater.registry.signatures import search_signatures
from argocd_image_updater.verify.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.facts import (
        Answer,
        RegistryQuestion,
        RepositoryKey,
        SignaturePolicy,
    )
    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.registry.client import RegistryClient
    from argocd_image_updater.verify.keys import PublicKey

MAX_PROOFS = 10_000  # a proof has some 200 bytes
# The artifact is not there, or is none: that will stay so, and is no lack of knowledge.
_PERMANENT = frozenset({FailureKind.NOT_FOUND, FailureKind.UNUSABLE})


class AsksOneRegistry(Protocol):
    """The part of the registry engine that is used here."""

    def client(self, repository: RepositoryKey) -> RegistryClient: ...

    async def ask(
        self,
        questions: Collection[RegistryQuestion],
        *,
        on_answer: Callable[[], None] | None = None,
    ) -> Mapping[RegistryQuestion, Answer]: ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A policy with its keys. fingerprint: of everything that decides."""

    keys: tuple[PublicKey, ...]
    policy: SignaturePolicy
    fingerprint: str

    @property
    def place(self) -> str:
        return f"Secret {self.policy.secret} ({self.policy.key})"


class Proofs:
    """Digests that are proven, by what was wanted of them; the oldest go first."""

    def __init__(self) -> None:
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def has(self, digest: str, fingerprint: str) -> bool:
        """Tell whether a digest is proven already."""
        return (digest, fingerprint) in self._proven

    def add(self, digest: str, fingerprint: str) -> None:
        """Remember a proof."""
        self._proven[digest, fingerprint] = None
        while len(self._proven) > MAX_PROOFS:
            self._proven.popitem(last=False)


class VerifiedRegistries:
    """Answers what one cycle asks of registries, with signatures; one for each cycle.

    read_secret: from the namespace of the Application. proofs: of this process.
    """

    def __init__(
        self,
        registries: AsksOneRegistry,
        *,
        read_secret: Callable[[ObjectKey], Awaitable[Mapping[str, bytes] | None]],
        proofs: Proofs,
    ) -> None:
        self._registries = registries
        self._read_secret = read_secret
        self._proofs = proofs
        self._under_way: dict[
            tuple[RepositoryKey, str, str, str], asyncio.Task[VerificationFact | Failure]
        ] = {}

    async def ask(
        self,
        questions: Collection[RegistryQuestion | VerificationQuestion],
        *,
        on_answer: Callable[[], None] | None = None,
    ) -> Mapping[RegistryQuestion | VerificationQuestion, Answer]:
        """Answer every question."""
        plain = [item for item in questions if not isinstance(item, VerificationQuestion)]
        signed = [item for item in questions if isinstance(item, VerificationQuestion)]

        async def answer(question: VerificationQuestion) -> VerificationFact | Failure:
            found = await self._answer(question)
            if on_answer is not None:
                on_answer()
            return found

        answers: dict[RegistryQuestion | VerificationQuestion, Answer] = {}
        answers.update((await self._registries.ask(plain, on_answer=on_answer)).items())
        answers.update(zip(signed, await asyncio.gather(*map(answer, signed)), strict=True))
        return answers

    async def _answer(self, question: VerificationQuestion) -> VerificationFact | Failure:
        try:
            wanted = await self._wanted(question.policy)
            if isinstance(wanted, Failure):
                return wanted
            about = (question.repository, question.tag, question.digest, wanted.fingerprint)
            if about not in self._under_way:
                self._under_way[about] = asyncio.create_task(self._verify(question, wanted))
            return await asyncio.shield(self._under_way[about])
        except Exception as error:  # noqa: BLE001 - other images have their answers
            return Failure(FailureKind.INTERNAL, internal_fault(error))

    async def _wanted(self, policy: SignaturePolicy) -> _Wanted | Failure:
        """Read the keys of a policy."""
        place = f"{policy.key!r} of Secret {policy.secret}"
        try:
            data = await self._read_secret(policy.secret)
        except UpdaterError as error:
            message = f"Secret {policy.secret} with the public key cannot be read: {error}"
            return Failure(FailureKind.CREDENTIALS, message)
        if data is None or policy.key not in data:
            return Failure(FailureKind.CONFIG, f"there is no {place} with the public key")
        try:
            keys = await asyncio.to_thread(_read_keys, data[policy.key])
        except PublicKeyError as error:
            return Failure(FailureKind.CONFIG, f"{place} {error}")
        return _Wanted(keys, policy, _fingerprint(keys, policy))

    async def _verify(
        self, question: VerificationQuestion, wanted: _Wanted
    ) -> VerificationFact | Failure:
        client = self._registries.client(question.repository)
        digest = question.digest or await client.head(question.tag)
        if isinstance(digest, Failure):
            return digest
        if digest is None:
            return VerificationFact("", verified=False, message="the tag is listed but not there")
        if self._proofs.has(digest, wanted.fingerprint):
            return VerificationFact(digest, verified=True)
        verdict = await prove(client, digest, wanted)
        if isinstance(verdict, Failure) or not verdict.verified:
            return verdict
        self._proofs.add(digest, wanted.fingerprint)
        return verdict if question.digest else await _still(client, question.tag, verdict)


async def prove(client: RegistryClient, digest: str, wanted: _Wanted) -> VerificationFact | Failure:
    """Return whether the registry holds signatures that prove a digest."""
    policy = wanted.policy
    proof = Proof(
        digest, wanted.keys, every_key=policy.every_key, annotations=dict(policy.annotations)
    )
    unread: list[Failure] = []

    async def consider(found: SignatureLayer | Failure) -> bool:
        if not isinstance(found, Failure):
            await asyncio.to_thread(proof.consider, found)
        elif found.kind in _PERMANENT:
            proof.note(found.message)
        else:
            unread.append(found)
        return proof.is_complete

    await search_signatures(client, digest, consider)
    if proof.is_complete:
        return VerificationFact(digest, verified=True)
    if unread:
        return unread[0]
    keys = "the key" if len(wanted.keys) == 1 else f"the {len(wanted.keys)} keys"
    message = f"{proof.explain()}; {digest} must be signed with {keys} in {wanted.place}"
    return VerificationFact(digest, verified=False, message=message)


async def _still(
    client: RegistryClient, tag: str, proven: VerificationFact
) -> VerificationFact | Failure:
    """Return the proof if the tag still has the digest that was proven."""
    digest = await client.head(tag)
    if isinstance(digest, Failure):
        return digest
    if digest == proven.digest:
        return proven
    message = f"the tag moved from {proven.digest} to {digest or 'nothing'} while it was verified"
    return VerificationFact(proven.digest, verified=False, message=message)


def _read_keys(text: bytes) -> tuple[PublicKey, ...]:
    from argocd_image_updater.verify.keys import (  # noqa: PLC0415 - paid only by who verifies
        read_keys,
    )

    return read_keys(text)


def _fingerprint(keys: tuple[PublicKey, ...], policy: SignaturePolicy) -> str:
    parts = [key.fingerprint for key in keys]
    parts += [str(policy.every_key), repr(policy.annotations)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
