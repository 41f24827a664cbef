"""All questions of a cycle to all registries: each is asked once, whoever asks.

Rules: 1. an answer holds for the cycle; equal questions share it, also while it is under way;
2. what a digest holds never changes, so it is asked once and kept between runs; 3. which digest a
tag has can change: it is checked in every cycle for the tags that are asked ``fresh`` (running and
chosen), and for one more tag per repository in rotation, the one whose check is the oldest;
4. a failure that may pass is never kept; 5. of the images of one repository that are not known yet
only so many are read in one cycle; what was read is kept while the reading goes on, so that the
next cycle, or the next process, reads the rest only; until all are known each missing one has an
answer that says so.

A tag that is pushed again is therefore noticed at once while it runs or would be chosen, and
otherwise after at most as many cycles as the repository has candidates. docs/registries.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import (
    DigestQuestion,
    Failure,
    FailureKind,
    MetadataQuestion,
    PushTimesQuestion,
    RepositoryKey,
    SightingQuestion,
    TagExistsQuestion,
    TagList,
    TagListQuestion,
    TagMetadata,
)
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import ConfigError, internal_fault
from argocd_image_updater.net.single_flight import SingleFlight
from argocd_image_updater.registry.cache_lookups import Cache, CacheLookup
from argocd_image_updater.registry.credentials.reference import parse_credential_reference
from argocd_image_updater.registry.limits import DEFAULT_CONNECTIONS
from argocd_image_updater.registry.metadata import Purpose, describe
from argocd_image_updater.registry.mirrors import MirrorPlace, mirrors_of
from argocd_image_updater.registry.push_times import PushTimesOnce
from argocd_image_updater.registry.rations import Place, Rations, place_of, slot_of
from argocd_image_updater.registry.sightings import Sightings
from argocd_image_updater.state.sightings import SightingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from argocd_image_updater.core.facts import Answer, RegistryQuestion
    from argocd_image_updater.core.reference import ImageReference
    from argocd_image_updater.registry.client import RepositoryReader
    from argocd_image_updater.registry.credentials.resolver import CredentialResolver
    from argocd_image_updater.registry.endpoint import Credentials, Endpoint
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.network import RegistryNetwork
    from argocd_image_updater.state.facts import FactStore, StoredTag

# Tags per repository and cycle that are checked although nobody asked for them fresh.
ROTATION_TAGS = 1
# Images that a process which ends suddenly has to read again, besides those under way.
KEEP_AFTER_IMAGES = 100


class CycleCredentials:
    """The credentials of one repository key, read once a cycle and again when refused."""

    def __init__(
        self, resolver: CredentialResolver, endpoint: Endpoint, repository: RepositoryKey
    ) -> None:
        self._resolver = resolver
        self._endpoint = endpoint
        self._repository = repository
        self._found: Credentials | Failure | None = None

    async def __call__(self) -> Credentials | Failure:
        if self._found is None:
            self._found = await self._resolver.fetch(
                self._endpoint,
                pull_secret=self._repository.credentials,
                namespace=self._repository.namespace,
                repository=self._repository.repository,
                found_by=self._repository.found_by,
            )
        return self._found

    def invalidate(self, used: Credentials) -> None:
        """Forget the refused pair; that of an endpoint is forgotten for everybody."""
        self._found = None
        if not self._repository.credentials:
            self._resolver.invalidate(self._endpoint, used=used)


@dataclass(slots=True)
class _Images:
    """What is known of the tags of one repository for one purpose and set of platforms.

    place: what they are the images of. stored: by earlier cycles. turns: one for each image that
    is read at the same time, so that each is soon read whole. answers: of this cycle. digests: read
    in this cycle, to be stored. rotated: the tag of this cycle's rotation was checked.
    """

    place: Place
    stored: dict[str, StoredTag]
    turns: asyncio.Semaphore
    answers: dict[str, TagMetadata | Failure] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    rotated: bool = False

    def knows(self, tag: str) -> bool:
        """Tell whether a tag can be answered without reading its image."""
        stored = self.stored.get(tag)
        return tag in self.answers or (stored is not None and stored.image is not None)


class RegistryEngine:
    """Answers questions to registries; one for the process, ``begin_cycle`` before each cycle.

    sightings: None = what is seen ends with the process.
    """

    def __init__(
        self,
        *,
        network: RegistryNetwork,
        resolver: CredentialResolver,
        store: FactStore,
        unix: Callable[[], float],
        sightings: SightingStore | None = None,
    ) -> None:
        self._network = network
        self._resolver = resolver
        self._store = store
        self._unix = unix
        self._table: EndpointTable | None = None
        self._clients: dict[RepositoryKey, RepositoryReader] = {}
        self._answers: dict[RegistryQuestion, Answer] = {}
        self._relisted: dict[RegistryQuestion, Answer] = {}
        self._images: dict[Place, _Images] = {}
        self._flights: SingleFlight[Answer] = SingleFlight()
        self._rations = Rations(unix=unix)
        self.counts: Counter[str] = Counter()
        self._sightings = Sightings(
            sightings or SightingStore.in_memory(), unix=unix, counts=self.counts
        )
        self._push_times = PushTimesOnce(self.counts)

    def begin_cycle(self, table: EndpointTable) -> None:
        """Forget the answers of the last cycle; from now on `table` says who is asked."""
        self._table = table
        self._network.begin_cycle()
        self._clients.clear()
        self._answers.clear()
        self._relisted.clear()
        self._images.clear()
        self._rations.begin_cycle()
        self._sightings.begin_cycle()
        self.counts.clear()

    def locate(
        self, image: ImageReference, pull_secret: str, namespace: str
    ) -> RepositoryKey | Problem:
        """Return whom to ask for an image, or why nobody can be asked."""
        assert self._table is not None, "begin_cycle comes first"
        try:
            endpoint = self._table.lookup(image)
            repository = self._table.repository_of(endpoint, image)
            if pull_secret:
                parse_credential_reference(pull_secret)
        except ConfigError as error:
            return Problem(Reason.SETTINGS_INVALID, str(error), image=image.full_name)
        return RepositoryKey(
            endpoint.prefix, repository, pull_secret, namespace if pull_secret else ""
        )

    async def ask(
        self,
        questions: Collection[RegistryQuestion],
        *,
        on_answer: Callable[[], None] | None = None,
    ) -> Mapping[RegistryQuestion, Answer]:
        """Answer every question, and correct earlier answers.

        Cost: what the module's rules say, never more.
        """
        await self._open_images(questions)
        self._postpone(questions)

        async def answer(question: RegistryQuestion) -> tuple[RegistryQuestion, Answer]:
            found = self._answers.get(question)
            if found is None:
                found = await self._flights.run(question, lambda: self._answer(question))
                self._answers[question] = found
            if on_answer is not None:
                on_answer()
            return question, found

        await self._rotate(questions)
        answers = dict(await asyncio.gather(*map(answer, questions)))
        answers.update(self._relisted)
        await self._keep()
        return answers

    async def _answer(self, question: RegistryQuestion) -> Answer:
        try:
            return await self._asked(question)
        except Exception as error:  # noqa: BLE001 - other questions have their answers
            return Failure(FailureKind.INTERNAL, internal_fault(error))

    async def _asked(self, question: RegistryQuestion) -> Answer:
        client = self._client(question.repository)
        if isinstance(question, TagListQuestion):
            self.counts["tag lists"] += 1
            return await client.list_tags()
        if isinstance(question, TagExistsQuestion):
            return await self._exists(client, question)
        if isinstance(question, SightingQuestion):
            place = self._place_name(question.repository)
            return await self._sightings.answer(question, place, head=client.own.head)
        if isinstance(question, PushTimesQuestion):
            place = self._place_name(question.repository)
            return await self._push_times.answer(place, client.own.push_times)
        purpose = Purpose.DIGEST if isinstance(question, DigestQuestion) else Purpose.METADATA
        images = self._images[question.repository, slot_of(question.platforms, purpose)]
        fresh = purpose is Purpose.DIGEST or (
            isinstance(question, MetadataQuestion) and question.fresh
        )
        return await self._image(
            client, question.tag, images, platforms=question.platforms, purpose=purpose, fresh=fresh
        )

    async def _exists(
        self, client: RepositoryReader, question: TagExistsQuestion
    ) -> bool | Failure:
        """Ask the registry itself; where it has the tag, the list of a mirror was behind."""
        self.counts["tag checks"] += 1
        digest = await client.own.head(question.tag)
        if isinstance(digest, str) and client.listed_by_mirror:
            client.listed_by_mirror = False
            self.counts["tag lists"] += 1
            listed = TagListQuestion(question.repository)
            self._relisted[listed] = self._answers[listed] = await client.own.list_tags()
        return digest if isinstance(digest, Failure) else digest is not None

    # --- images -------------------------------------------------------------------------------

    async def _open_images(self, questions: Collection[RegistryQuestion]) -> None:
        """Read what is stored of every repository that images are asked of, once a cycle."""
        wanted = {
            (question.repository, slot_of(question.platforms, purpose))
            for question in questions
            for kind, purpose in (
                (DigestQuestion, Purpose.DIGEST),
                (MetadataQuestion, Purpose.METADATA),
            )
            if isinstance(question, kind)
        } - self._images.keys()
        for repository, slot in wanted:
            stored = await asyncio.to_thread(
                self._store.read_tags, self._store_name(repository), slot
            )
            self._images[repository, slot] = _Images(
                (repository, slot), stored, asyncio.Semaphore(self._images_at_once(repository))
            )

    def _postpone(self, questions: Collection[RegistryQuestion]) -> None:
        """Answer what is not read in this cycle: beyond the budget, or passed over for a while."""
        unread: dict[RepositoryKey, list[MetadataQuestion]] = defaultdict(list)
        for question in questions:
            if (
                isinstance(question, MetadataQuestion)
                and not question.fresh
                and question not in self._answers
                and not self._images[place_of(question)].knows(question.tag)
            ):
                unread[question.repository].append(question)
        assert self._table is not None, "begin_cycle comes first"
        for repository, group in unread.items():
            most = self._table.by_prefix(repository.endpoint).extras.metadata_reads
            left_out = self._rations.left_out(repository, group, most=most)
            self._answers.update(left_out.items())

    async def _image(
        self,
        client: RepositoryReader,
        tag: str,
        images: _Images,
        *,
        platforms: tuple[str, ...],
        purpose: Purpose,
        fresh: bool,
    ) -> TagMetadata | Failure:
        if tag in images.answers:
            return images.answers[tag]
        stored = images.stored.get(tag)
        if stored is not None and stored.image is not None and not fresh:
            self._note_image(client, is_hit=True)
            return stored.image
        async with images.turns:
            answer, digest = await self._read(
                client, tag, stored=stored, platforms=platforms, purpose=purpose
            )
        images.answers[tag] = answer
        if digest:
            images.digests[tag] = digest
        if purpose is Purpose.METADATA:
            self._rations.learn(images.place, tag, answer, lasts=_lasts(answer))
        if len(images.digests) >= KEEP_AFTER_IMAGES:
            await self._keep_learned(images)
        return answer

    async def _read(
        self,
        client: RepositoryReader,
        tag: str,
        *,
        stored: StoredTag | None,
        platforms: tuple[str, ...],
        purpose: Purpose,
    ) -> tuple[TagMetadata | Failure, str]:
        """Ask the registry for a tag: by HEAD where its old digest is known, else by GET.

        The digest of the tag comes along where it was told.
        """
        reference = tag
        if stored is not None and stored.image is not None:
            self.counts["tag checks"] += 1
            digest = await client.head(tag)
            if isinstance(digest, Failure):
                return digest, ""
            if digest is None:
                return Failure(FailureKind.NOT_FOUND, f"tag {tag} is listed but not there"), ""
            if digest == stored.digest:
                self._note_image(client, is_hit=True)
                return stored.image, digest
            reference = digest
        self.counts["images"] += 1
        self._note_image(client, is_hit=False)
        manifest = await client.manifest(reference)
        if isinstance(manifest, Failure):
            # What the registry named a moment ago is not gone, it is out of step with itself.
            is_odd = reference != tag and manifest.kind is FailureKind.NOT_FOUND
            return (replace(manifest, kind=FailureKind.TRANSIENT) if is_odd else manifest), ""
        image = await describe(manifest, client, platforms=platforms, purpose=purpose)
        return image, manifest.digest

    def _note_image(self, client: RepositoryReader, *, is_hit: bool) -> None:
        self._network.observe_cache(CacheLookup(client.host, Cache.IMAGE, is_hit=is_hit))

    async def _rotate(self, questions: Collection[RegistryQuestion]) -> None:
        """Check the tag whose last check is the oldest, once per repository and cycle."""
        stale: dict[tuple[RepositoryKey, tuple[str, ...]], list[MetadataQuestion]]
        stale = defaultdict(list)
        for question in questions:
            if isinstance(question, MetadataQuestion) and not question.fresh:
                stale[question.repository, question.platforms].append(question)
        await asyncio.gather(*(self._rotate_one(group) for group in stale.values()))

    async def _rotate_one(self, questions: list[MetadataQuestion]) -> None:
        first = questions[0]
        images = self._images[place_of(first)]
        if images.rotated:
            return
        images.rotated = True
        unchecked = [
            item
            for item in questions
            if item.tag not in images.answers
            and (stored := images.stored.get(item.tag)) is not None
            and stored.image is not None
        ]
        unchecked.sort(key=lambda item: (images.stored[item.tag].checked_at_s, item.tag))
        client = self._client(first.repository)
        for question in unchecked[:ROTATION_TAGS]:
            answer = await self._image(
                client,
                question.tag,
                images,
                platforms=question.platforms,
                purpose=Purpose.METADATA,
                fresh=True,
            )
            if isinstance(answer, Failure) and answer.kind is not FailureKind.NOT_FOUND:
                # Nobody asked for this check, so its failure costs nobody an update.
                del images.answers[question.tag]

    async def _keep(self) -> None:
        """Store what was learned, and drop tags that are listed no longer."""
        for images in self._images.values():
            await self._keep_learned(images)
            await self._forget_unlisted(images)

    async def _keep_learned(self, images: _Images) -> None:
        """Store digests of tags, and their images as far as they hold for ever."""
        learned, images.digests = images.digests, {}
        if not learned:
            return
        repository, slot = images.place
        records = [
            (digest, slot, images.answers[tag])
            for tag, digest in learned.items()
            if tag in images.answers and _lasts(images.answers[tag])
        ]
        await asyncio.to_thread(
            self._store.write,
            self._store_name(repository),
            tags=learned,
            images=records,
            checked_at_s=int(self._unix()),
        )

    async def _forget_unlisted(self, images: _Images) -> None:
        repository, _ = images.place
        listed = self._answers.get(TagListQuestion(repository))
        if not isinstance(listed, TagList):
            return
        tags = set(listed.tags)
        self._rations.keep(images.place, tags)
        gone = images.stored.keys() - tags
        if gone:
            await asyncio.to_thread(self._store.forget_tags, self._store_name(repository), gone)
            for tag in gone:
                del images.stored[tag]

    # --- whom to ask --------------------------------------------------------------------------

    def client(self, repository: RepositoryKey) -> RepositoryReader:
        """Return the client of this cycle, for questions whose answers are not kept here."""
        return self._client(repository)

    def _client(self, repository: RepositoryKey) -> RepositoryReader:
        client = self._clients.get(repository)
        if client is None:
            client = self._clients[repository] = self._new_client(repository)
        return client

    def _new_client(self, repository: RepositoryKey) -> RepositoryReader:
        assert self._table is not None, "begin_cycle comes first"
        endpoint = self._table.by_prefix(repository.endpoint)
        name = repository.repository
        own = self._network.client(
            endpoint,
            name,
            credentials=CycleCredentials(self._resolver, endpoint.for_repository(name), repository),
        )
        mirrors = mirrors_of(self._table, endpoint, name)
        if not mirrors:
            return own
        # where the order of the list means something, only that of the registry is known
        lists = not endpoint.tag_sort
        return self._network.mirrored(
            own, mirrors, credentials=self._mirror_credentials, lists=lists
        )

    def _mirror_credentials(self, place: MirrorPlace) -> CycleCredentials:
        """Return the mirror's own: what an image or its registry has does not go there."""
        endpoint = place.endpoint.for_repository(place.repository)
        key = RepositoryKey(place.endpoint.prefix, place.repository)
        return CycleCredentials(self._resolver, endpoint, key)

    def _images_at_once(self, repository: RepositoryKey) -> int:
        """Return how many images are read at the same time: as many as there are connections."""
        assert self._table is not None, "begin_cycle comes first"
        extras = self._table.by_prefix(repository.endpoint).extras
        return extras.max_concurrency or DEFAULT_CONNECTIONS

    def _place_name(self, repository: RepositoryKey) -> str:
        """Return the name of a repository, whoever asks for it."""
        assert self._table is not None, "begin_cycle comes first"
        return f"{self._table.by_prefix(repository.endpoint).api_url} {repository.repository}"

    def _store_name(self, repository: RepositoryKey) -> str:
        """Return the name a repository is stored under: one per registry and identity."""
        assert self._table is not None, "begin_cycle comes first"
        api_url = self._table.by_prefix(repository.endpoint).api_url
        parts = (
            api_url,
            repository.repository,
            repository.namespace,
            repository.credentials,
            repository.found_by,
        )
        return " ".join(parts).rstrip()


def _lasts(image: TagMetadata | Failure) -> bool:
    """Tell whether an answer holds for its digest for ever; a part that is gone may come back."""
    return isinstance(image, TagMetadata) or image.of_content
