"""The mirrors of a registry, each asked for one image that the registry has.

A mirror that fails is no obstacle, because the registry is asked in its place: at most a warning.
Source of the rules: docs/doctor.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.controller.doctor_checks import Check, CheckName, passed, warned
from argocd_image_updater.core.facts import Failure, RepositoryKey
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.client import RegistryClient
from argocd_image_updater.registry.engine import CycleCredentials
from argocd_image_updater.registry.mirrors import mirrors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.registry.authorization import Authorizer
    from argocd_image_updater.registry.credentials.resolver import CredentialResolver
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.manifests import Manifest
    from argocd_image_updater.registry.mirrors import MirrorPlace
    from argocd_image_updater.registry.traffic import Traffic

MIRROR_S = 20.0  # of each mirror; they are asked at the same time


@dataclass(frozen=True, slots=True)
class Asker:
    """With what mirrors are asked."""

    traffic: Traffic
    authorizer: Authorizer
    resolver: CredentialResolver

    async def read(self, place: MirrorPlace, digest: str) -> Manifest | Failure | None:
        """Return the manifest that a mirror has under a digest; None where there is no end."""
        endpoint = place.endpoint.for_repository(place.repository)
        key = RepositoryKey(place.endpoint.prefix, place.repository)
        client = RegistryClient(
            place.endpoint,
            place.repository,
            traffic=self.traffic,
            authorizer=self.authorizer,
            credentials=CycleCredentials(self.resolver, endpoint, key),
        )
        try:
            async with asyncio.timeout(MIRROR_S):
                return await client.manifest(digest)
        except TimeoutError:
            return None


async def examine_mirrors(
    table: EndpointTable,
    endpoint: Endpoint,
    repository: str,
    *,
    own: RegistryClient,
    tags: Sequence[str],
    asker: Asker,
) -> Check:
    """Return the check of all mirrors. own: asks the registry. tags: some that it lists."""
    places = mirrors_of(table, endpoint, repository)
    if not places:
        return passed(CheckName.MIRRORS, "none")
    digest = await own.head(tags[0]) if tags else None
    if not isinstance(digest, str):
        return warned(CheckName.MIRRORS, "not asked: no image is known to ask for")
    answers = await asyncio.gather(*(asker.read(place, digest) for place in places))
    lines = [_line(place, tags[0], answer) for place, answer in zip(places, answers, strict=True)]
    good = sum(1 for answer in answers if answer is not None and not isinstance(answer, Failure))
    text = f"{good} of {len(places)} have {tags[0]}"
    if good == len(places):
        return passed(CheckName.MIRRORS, text, *lines)
    return warned(CheckName.MIRRORS, f"{text}; the registry is asked where none has it", *lines)


def _line(place: MirrorPlace, tag: str, answer: Manifest | Failure | None) -> str:
    if answer is None:
        said = f"no end within {MIRROR_S:.0f} s"
    elif isinstance(answer, Failure):
        said = shorten(answer.message)
    else:
        said = f"has {tag}"
    tags = ", asked for tags too" if place.tags else ""
    return f"{place.host}, repository {place.repository}{tags}: {said}"
