"""Answer whether images are signed: the registry finds, `verify/` proves, and here they meet.

Rules: 1. equal work is done once a cycle, also where equal keys come from different Secrets; 2. a
proof is of a digest by signers, whatever the repository, so it is kept for the life of the process;
that something is not proven is never kept; 3. where a tag is deployed, it must have the proven
digest when the proof is complete; 4. "not signed" is said only when all there is could be read.
docs/verification.md.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.controller.signers import read_wanted
from argocd_image_updater.controller.trust_root import TrustRoot
from argocd_image_updater.core.facts import (
    Failure,
    FailureKind,
    VerificationFact,
    VerificationQuestion,
)
from argocd_image_updater.errors import internal_fault
from argocd_image_updater.registry.signatures import search_signatures
from argocd_image_updater.verify.proof import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.controller.signers import ReadSecret, Wanted
    from argocd_image_updater.core.facts import (
        Answer,
        RegistryQuestion,
        RepositoryKey,
    )
    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.registry.client import RepositoryReader

MAX_PROOFS = 10_000  # a proof has some 200 bytes
# The artifact is not there, or is none: that will stay so, and is no lack of knowledge.
_PERMANENT = frozenset({FailureKind.NOT_FOUND, FailureKind.UNUSABLE})


class AsksOneRegistry(Protocol):
    """The part of the registry engine that is used here."""

    def client(self, repository: RepositoryKey) -> RepositoryReader: ...

    async def ask(
        self,
        questions: Collection[RegistryQuestion],
        *,
        on_answer: Callable[[], None] | None = None,
    ) -> Mapping[RegistryQuestion, Answer]: ...


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

    read_secret: from the namespace of the Application. proofs: of this process. trust_root: of
    keyless signatures.
    """

    def __init__(
        self,
        registries: AsksOneRegistry,
        *,
        read_secret: ReadSecret,
        proofs: Proofs,
        trust_root: TrustRoot | None = None,
    ) -> None:
        self._registries = registries
        self._read_secret = read_secret
        self._proofs = proofs
        self._trust_root = trust_root or TrustRoot()
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
            wanted = await read_wanted(
                question.policy, read_secret=self._read_secret, trust_root=self._trust_root
            )
            if isinstance(wanted, Failure):
                return wanted
            about = (question.repository, question.tag, question.digest, wanted.fingerprint)
            if about not in self._under_way:
                self._under_way[about] = asyncio.create_task(self._verify(question, wanted))
            return await asyncio.shield(self._under_way[about])
        except Exception as error:  # noqa: BLE001 - other images have their answers
            return Failure(FailureKind.INTERNAL, internal_fault(error))

    async def _verify(
        self, question: VerificationQuestion, wanted: Wanted
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


async def prove(
    client: RepositoryReader, digest: str, wanted: Wanted
) -> VerificationFact | Failure:
    """Return whether the registry holds signatures that prove a digest to every group."""
    annotations = dict(wanted.policy.annotations)
    proofs = {
        group.who: Proof(digest, group.signers, every=group.every, annotations=annotations)
        for group in wanted.groups
    }
    unread: list[Failure] = []

    async def consider(found: SignatureLayer | Failure) -> bool:
        open_proofs = [proof for proof in proofs.values() if not proof.is_complete]
        for proof in open_proofs:
            if not isinstance(found, Failure):
                await asyncio.to_thread(proof.consider, found)
            elif found.kind in _PERMANENT:
                proof.note(found.message)
        if isinstance(found, Failure) and found.kind not in _PERMANENT:
            unread.append(found)
        return all(proof.is_complete for proof in open_proofs)

    await search_signatures(client, digest, consider)
    lacking = {who: proof for who, proof in proofs.items() if not proof.is_complete}
    if not lacking:
        return VerificationFact(digest, verified=True)
    if unread:
        return unread[0]
    told = "; ".join(
        f"{proof.explain()}; {digest} must be signed {who}" for who, proof in lacking.items()
    )
    return VerificationFact(digest, verified=False, message=told)


async def _still(
    client: RepositoryReader, tag: str, proven: VerificationFact
) -> VerificationFact | Failure:
    """Return the proof if the tag still has the digest that was proven."""
    digest = await client.head(tag)
    if isinstance(digest, Failure):
        return digest
    if digest == proven.digest:
        return proven
    message = f"the tag moved from {proven.digest} to {digest or 'nothing'} while it was verified"
    return VerificationFact(proven.digest, verified=False, message=message)
