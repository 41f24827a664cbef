"""Decide whether an image that is due is signed as its settings want.

Rules this module owns: 1. it is asked before anything is changed, and only for what is due;
2. anything but a proof is a no; an incomplete answer says so by its own reason; 3. the digest that
was proven is the digest that is deployed: a tag that moved meanwhile is a no.
Source: docs/verification.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.choice import Pending, failure_reason
from argocd_image_updater.core.facts import (
    Failure,
    SignaturePolicy,
    VerificationFact,
    VerificationQuestion,
)
from argocd_image_updater.core.reasons import Reason

if TYPE_CHECKING:
    from argocd_image_updater.core.choice import Facts
    from argocd_image_updater.core.facts import RepositoryKey
    from argocd_image_updater.core.settings import ImageSettings
    from argocd_image_updater.core.strategy import Candidate


@dataclass(frozen=True, slots=True)
class Unproven:
    """Why the image is not deployed."""

    reason: Reason
    message: str


def verify(
    settings: ImageSettings,
    repository: RepositoryKey,
    *,
    chosen: Candidate,
    namespace: str,
    facts: Facts,
) -> Unproven | Pending | None:
    """Return why the chosen image may not be deployed, None if it may.

    namespace: that of the Application, where the Secret with the keys is.
    """
    if not settings.verify_enabled:
        return None
    key = settings.verify_key
    if key is None and not settings.verify_identities:
        message = f"{chosen.name} must be verified, but nobody is configured who must have signed"
        return Unproven(Reason.VERIFICATION_FAILED, message)
    policy = SignaturePolicy(
        ObjectKey(namespace, key.secret_name) if key else None,
        key.key if key else "",
        every_key=settings.verify_every_key,
        annotations=settings.verify_annotations,
        identities=settings.verify_identities,
        every_identity=settings.verify_every_identity,
    )
    question = VerificationQuestion(repository, chosen.name, chosen.digest, policy)
    answer = facts.get(question)
    if answer is None:
        return Pending(frozenset((question,)))
    if isinstance(answer, Failure):
        message = f"{chosen.name} could not be verified: {answer.message}"
        return Unproven(answer.reason or failure_reason(answer), message)
    assert isinstance(answer, VerificationFact)
    if answer.verified:
        return None
    return Unproven(Reason.VERIFICATION_FAILED, f"{chosen.name} is not verified: {answer.message}")
