"""A repository that is read through mirrors, and from the registry itself where none helps.

Rules: 1. what has a digest may come from anywhere, for it is checked; 2. which tags there are and
what they point at is asked at the registry itself, unless the owner lets mirrors answer that too;
3. so a tag is never read at a mirror under its name, but resolved first; 4. an empty list, or a tag
that a mirror does not have, is no answer of a mirror: the next one is asked; 5. what refers to an
image, whether signed or not, is always asked at the registry itself, and so is whether a tag still
exists; 6. whatever a mirror does, the answer is that of the registry if no mirror has one.
Source of the rules: docs/registries.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from argocd_image_updater.core.facts import Failure, FailureKind, TagList
from argocd_image_updater.registry.api import is_digest
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup, unheard
from argocd_image_updater.registry.client import MAX_BLOB_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from argocd_image_updater.registry.client import RegistryClient
    from argocd_image_updater.registry.manifests import Descriptor, ImageConfig, Manifest
    from argocd_image_updater.registry.mirror_health import MirrorHealth
    from argocd_image_updater.registry.mirrors import MirrorPlace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror of one repository, with the client that asks it."""

    place: MirrorPlace
    client: RegistryClient


class MirroredClient:
    """Answers what `RegistryClient` answers. own: asks the registry itself.

    lists: whether mirrors can list tags as the registry does. observe_cache: told which questions
    they answered.
    """

    def __init__(
        self,
        own: RegistryClient,
        mirrors: Sequence[Mirror],
        *,
        health: MirrorHealth,
        lists: bool = True,
        observe_cache: Callable[[CacheLookup], None] = unheard,
    ) -> None:
        self.own = own
        self.listed_by_mirror = False
        self._mirrors = tuple(mirrors)
        self._health = health
        self._lists = lists
        self._observe_cache = observe_cache
        self._told: set[str] = set()  # digests that only a mirror has named

    @property
    def host(self) -> str:
        """Host and port of the registry itself."""
        return self.own.host

    async def list_tags(self) -> TagList | Failure:
        """Return all tags; those of a mirror only where the owner wants that."""
        listed = await self._of_tags(lambda client: client.list_tags()) if self._lists else None
        self.listed_by_mirror = isinstance(listed, TagList)
        return await self.own.list_tags() if listed is None else listed

    async def head(self, tag: str) -> str | Failure | None:
        """Return the digest that a tag (or digest) points at, or None where there is none."""
        digest = await self._of_tags(lambda client: client.head(tag))
        if isinstance(digest, str):
            self._told.add(digest)
            return digest
        return await self.own.head(tag)

    async def manifest(self, reference: str, *, size_bytes: int = 0) -> Manifest | Failure:
        """Return the manifest under a tag or digest. A tag costs one HEAD more than without."""
        if not is_digest(reference):
            return await self._under(reference, await self.head(reference))
        return await self._content(
            reference, lambda client: client.manifest(reference, size_bytes=size_bytes)
        )

    async def current_manifest(self, tag: str) -> Manifest | Failure:
        """Return the manifest that the registry itself has under a tag now."""
        return await self._under(tag, await self.own.head(tag))

    async def config(self, descriptor: Descriptor) -> ImageConfig | Failure:
        """Return the image config that a manifest names."""
        return await self._content(descriptor.digest, lambda client: client.config(descriptor))

    async def blob(
        self, digest: str, *, size_bytes: int = 0, max_bytes: int = MAX_BLOB_BYTES
    ) -> bytes | Failure:
        """Return a blob."""
        return await self._content(
            digest,
            lambda client: client.blob(digest, size_bytes=size_bytes, max_bytes=max_bytes),
        )

    async def referrers(self, digest: str) -> tuple[Descriptor, ...] | Failure:
        """Return what refers to a manifest."""
        return await self.own.referrers(digest)

    async def _under(self, tag: str, digest: str | Failure | None) -> Manifest | Failure:
        if isinstance(digest, Failure):
            return digest
        if digest is None:
            return Failure(FailureKind.NOT_FOUND, f"there is no tag {tag}")
        found = await self.manifest(digest)
        if not isinstance(found, Failure):
            return found
        is_lost = found.kind is FailureKind.NOT_FOUND or digest in self._told
        return await self.own.manifest(tag) if is_lost else found

    async def _of_tags(self, ask: Callable[[RegistryClient], Awaitable[T | Failure]]) -> T | None:
        """Return the first answer of a mirror that may say what tags are."""
        mirrors = [mirror for mirror in self._mirrors if mirror.place.tags]
        return await self._first(mirrors, ask)

    async def _content(
        self, digest: str, ask: Callable[[RegistryClient], Awaitable[T | Failure]]
    ) -> T | Failure:
        """Return what has a digest, from wherever it can be had."""
        found = await self._first(self._mirrors, ask)
        if found is not None:
            return found
        answer = await ask(self.own)
        if not isinstance(answer, Failure):
            return answer
        if answer.kind is FailureKind.NOT_FOUND and digest in self._told:
            # the mirror was behind, which says nothing about the tag
            return replace(answer, kind=FailureKind.TRANSIENT)
        return answer

    async def _first(
        self,
        mirrors: Sequence[Mirror],
        ask: Callable[[RegistryClient], Awaitable[T | Failure]],
    ) -> T | None:
        """Return the first answer, None where no mirror has one."""
        answer = await self._search(mirrors, ask)
        if mirrors:
            self._observe_cache(CacheLookup(self.host, Cache.MIRROR, is_hit=answer is not None))
        return answer

    async def _search(
        self,
        mirrors: Sequence[Mirror],
        ask: Callable[[RegistryClient], Awaitable[T | Failure]],
    ) -> T | None:
        for mirror in mirrors:
            name, repository = mirror.place.host, mirror.place.repository
            with self._health.turn(name, repository) as is_asked:
                if not is_asked:
                    continue
                answer = await ask(mirror.client)
                if isinstance(answer, Failure):
                    if not answer.of_content:  # then its bytes are right, and nobody has better
                        self._health.note_failure(name, repository, answer)
                    continue
                if answer is None or (isinstance(answer, TagList) and not answer.tags):
                    continue
                self._health.note_answer(name, repository)
                return answer
        return None
