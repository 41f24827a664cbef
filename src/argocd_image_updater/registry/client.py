"""Ask one repository of one registry: tag list, manifests, configs, blobs, referrers.

Every public method returns its answer or a `Failure`; no exception of the network crosses it.
Promises: 1. an answer is complete or it is a failure; 2. what is fetched by digest has that digest;
3. rejected credentials are read again once, and the request is repeated once with the new ones;
4. nothing is sent for a name that cannot be one.
Source: the OCI distribution specification 1.1; cases: tests/vectors/data/registry_http_flow.json.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import Failure, FailureKind, PushTimes, TagList
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry import media_types
from argocd_image_updater.registry.answers import (
    NOT_FOUND,
    is_good,
    read_failure,
)
from argocd_image_updater.registry.api import Api, is_digest, is_repository, is_tag, parse_api
from argocd_image_updater.registry.links import ForeignLinkError, next_page
from argocd_image_updater.registry.manifests import (
    Descriptor,
    ImageConfig,
    Manifest,
    ManifestError,
    digest_of,
    parse_config,
    parse_descriptors,
    parse_manifest,
)
from argocd_image_updater.registry.push_times import PushPages
from argocd_image_updater.registry.session import CredentialsProvider, RepositorySession
from argocd_image_updater.registry.tag_lists import MAX_PAGE_BYTES, TagListError, TagPages
from argocd_image_updater.registry.transport import Response

if TYPE_CHECKING:
    from argocd_image_updater.registry.authorization import Authorizer
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.page_memory import PageMemory
    from argocd_image_updater.registry.traffic import Traffic

PAGE_SIZE = 1_000  # the largest that the common registries accept
MAX_MANIFEST_BYTES = 4_194_304  # registries accept no larger ones
MAX_BLOB_BYTES = 8_388_608  # configs and signatures, never layers
MAX_REFERRER_PAGES = 50

_NO_RETRY_WITHOUT_SIZE = frozenset({401, 403, 404, 429})
_HEAD_UNSUPPORTED = frozenset({400, 405, 501})


class RepositoryReader(Protocol):
    """Who reads one repository: the client of a registry, or one with mirrors before it."""

    listed_by_mirror: bool

    @property
    def own(self) -> RegistryClient:
        """The client that asks the registry itself."""

    @property
    def host(self) -> str:
        """Host and port of the registry, empty where its address is of no use."""

    async def list_tags(self) -> TagList | Failure: ...

    async def head(self, tag: str) -> str | Failure | None: ...

    async def manifest(self, reference: str, *, size_bytes: int = 0) -> Manifest | Failure: ...

    async def current_manifest(self, tag: str) -> Manifest | Failure: ...

    async def config(self, descriptor: Descriptor) -> ImageConfig | Failure: ...

    async def blob(
        self, digest: str, *, size_bytes: int = 0, max_bytes: int = MAX_BLOB_BYTES
    ) -> bytes | Failure: ...

    async def referrers(self, digest: str) -> tuple[Descriptor, ...] | Failure: ...


class RegistryClient:
    """One repository as one identity sees it."""

    listed_by_mirror = False

    def __init__(
        self,
        endpoint: Endpoint,
        repository: str,
        *,
        traffic: Traffic,
        authorizer: Authorizer,
        credentials: CredentialsProvider,
        pages: PageMemory | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._repository = repository
        self._traffic = traffic
        api = _checked_api(endpoint, repository)
        self._session = (
            api
            if isinstance(api, Failure)
            else RepositorySession(
                api,
                repository,
                traffic=traffic,
                authorizer=authorizer,
                credentials=credentials,
                pages=pages,
            )
        )

    @property
    def own(self) -> RegistryClient:
        """Itself: it asks the registry."""
        return self

    async def list_tags(self) -> TagList | Failure:
        """Return all tags. Cost: one request a page."""
        if isinstance(self._session, Failure):
            return self._session
        list_url = self._url("tags/list")
        first_url = f"{list_url}?n={PAGE_SIZE}"
        response = await self._ask(first_url, max_bytes=MAX_PAGE_BYTES, repeatable=True)
        if _refuses_page_size(response):
            response = await self._ask(list_url, max_bytes=MAX_PAGE_BYTES, repeatable=True)
        pages = TagPages(first_url)
        while True:
            answer = self._good(response, "tag list of")
            if isinstance(answer, Failure):
                return answer
            try:
                pages.add(answer.body)
                url = next_page(answer.header_lines("Link"), page_url=answer.url, list_url=list_url)
                if not url:
                    return TagList(pages.tags, self._endpoint.tag_sort)
                pages.turn_to(url)
            except (TagListError, ForeignLinkError) as error:
                self._session.distrust(answer.url)
                return self._unusable(answer, f"tag list of {self._name}: {error}")
            response = await self._ask(url, max_bytes=MAX_PAGE_BYTES, repeatable=True)

    async def push_times(self) -> PushTimes | Failure:
        """Return when tags were pushed, or that this registry does not tell. Cost: as a list."""
        if isinstance(self._session, Failure):
            return self._session
        pages = PushPages(self._session.api, self._repository)
        url = pages.first_url
        while url:
            response = await self._ask(url, max_bytes=MAX_PAGE_BYTES)
            answer = self._good(response, "push times of the tags of")
            if isinstance(answer, Failure):
                return answer
            try:
                pages.add(answer.body)
                lines = answer.header_lines("Link")
                url = next_page(lines, page_url=answer.url, list_url=pages.list_url)
                if url:
                    pages.turn_to(url)
            except (TagListError, ForeignLinkError) as error:
                return self._unusable(answer, f"push times of the tags of {self._name}: {error}")
        if pages.tells:
            return PushTimes(pages.found)
        message = f"{self._name} does not tell when its tags were pushed"
        return Failure(FailureKind.UNTOLD, message)

    async def head(self, tag: str) -> str | Failure | None:
        """Return the digest that a tag (or digest) points at, or None where there is none.

        Cost: one HEAD, which registries do not count as a pull; a GET where HEAD tells nothing.
        """
        refused = self._refuse(tag)
        if refused:
            return refused
        response = await self._ask(
            self._url(f"manifests/{tag}"),
            method="HEAD",
            accept=media_types.MANIFESTS,
            max_bytes=MAX_MANIFEST_BYTES,
            of_manifest=True,
        )
        if isinstance(response, Failure):
            return response
        if response.status == NOT_FOUND:
            return None
        digest = response.header("Docker-Content-Digest")
        if is_good(response) and is_digest(digest):
            return digest
        if is_good(response) or response.status in _HEAD_UNSUPPORTED:
            return await self._digest_by_get(tag)
        return self._failure(response, f"manifest {tag} of")

    async def manifest(self, reference: str, *, size_bytes: int = 0) -> Manifest | Failure:
        """Return the manifest under a tag or digest, checked against the digest.

        Under a tag that is the digest which the registry announces, if it does.

        size_bytes: what the descriptor promised, 0 = nothing.
        """
        refused = self._refuse(reference)
        if refused:
            return refused
        subject = f"manifest {reference} of"
        asked = await self._ask(
            self._url(f"manifests/{reference}"),
            accept=media_types.MANIFESTS,
            max_bytes=MAX_MANIFEST_BYTES,
            of_manifest=True,
        )
        response = self._good(_as_passing(asked), subject)
        if isinstance(response, Failure):
            return response
        promised = reference if ":" in reference else response.header("Docker-Content-Digest")
        damaged = self._check(response.body, promised, size_bytes=size_bytes)
        if damaged:
            return damaged
        digest = reference if ":" in reference else digest_of(response.body)
        try:
            return parse_manifest(response.body, response.header("Content-Type"), digest=digest)
        except ManifestError as error:
            failure = self._unusable(response, f"{subject} {self._name}: {error}")
            return replace(failure, of_content=is_digest(reference))

    async def current_manifest(self, tag: str) -> Manifest | Failure:
        """Return the manifest that the registry itself has under a tag now."""
        return await self.manifest(tag)

    async def config(self, descriptor: Descriptor) -> ImageConfig | Failure:
        """Return the image config that a manifest names."""
        body = await self.blob(descriptor.digest, size_bytes=descriptor.size_bytes)
        if isinstance(body, Failure):
            return body
        try:
            return parse_config(body)
        except ManifestError as error:
            message = f"config {descriptor.digest} of {self._name}: {error}"
            return Failure(FailureKind.UNUSABLE, message, of_content=True)

    async def blob(
        self, digest: str, *, size_bytes: int = 0, max_bytes: int = MAX_BLOB_BYTES
    ) -> bytes | Failure:
        """Return a blob, checked against its digest. size_bytes: as for `manifest`."""
        if isinstance(self._session, Failure):
            return self._session
        if not is_digest(digest):
            return Failure(FailureKind.UNUSABLE, f"not a digest: {shorten(digest)!r}")
        if size_bytes > max_bytes:
            message = f"blob {digest} of {self._name} is larger than {max_bytes} bytes"
            return Failure(FailureKind.UNUSABLE, message, of_content=True)
        asked = await self._ask(self._url(f"blobs/{digest}"), max_bytes=max_bytes)
        response = self._good(_as_passing(asked) if size_bytes else asked, f"blob {digest} of")
        if isinstance(response, Failure):
            return response
        return self._check(response.body, digest, size_bytes=size_bytes) or response.body

    async def referrers(self, digest: str) -> tuple[Descriptor, ...] | Failure:
        """Return what refers to a manifest; none where the registry has no such list."""
        if isinstance(self._session, Failure):
            return self._session
        if not is_digest(digest):
            return Failure(FailureKind.UNUSABLE, f"not a digest: {shorten(digest)!r}")
        list_url = url = self._url(f"referrers/{digest}")
        accept = (media_types.OCI_INDEX,)
        found: dict[str, Descriptor] = {}
        seen: set[str] = set()
        while url and url not in seen and len(seen) < MAX_REFERRER_PAGES:
            seen.add(url)
            response = await self._ask(
                url,
                accept=accept,
                max_bytes=MAX_MANIFEST_BYTES,
                renew=False,
                repeatable=True,
            )
            is_first = len(seen) == 1
            if is_first and isinstance(response, Response) and response.status == NOT_FOUND:
                return ()
            answer = self._good(response, f"referrers of {digest} in")
            if isinstance(answer, Failure):
                is_gone = answer.kind is FailureKind.NOT_FOUND  # in the middle of the list
                return replace(answer, kind=FailureKind.TRANSIENT) if is_gone else answer
            try:
                found.update((entry.digest, entry) for entry in parse_descriptors(answer.body))
                lines = answer.header_lines("Link")
                url = next_page(lines, page_url=answer.url, list_url=list_url)
            except (ManifestError, ForeignLinkError) as error:
                self._session.distrust(url, accept)
                return self._unusable(answer, f"referrers of {digest} in {self._name}: {error}")
        if url:
            message = f"referrers of {digest} in {self._name}: the list does not end"
            return Failure(FailureKind.UNUSABLE, message)
        return tuple(found.values())

    @property
    def host(self) -> str:
        """The host that is asked, as in `traffic.Exchange`; empty where there is none."""
        return "" if isinstance(self._session, Failure) else self._session.api.host

    @property
    def _name(self) -> str:
        """The repository as people know it."""
        return f"{self._endpoint.prefix or self._endpoint.name}/{self._repository}"

    def _url(self, path: str) -> str:
        assert isinstance(self._session, RepositorySession)
        return self._session.api.url(f"{self._repository}/{path}")

    def _refuse(self, reference: str) -> Failure | None:
        """Return why nothing is asked for a manifest under this name."""
        if isinstance(self._session, Failure):
            return self._session
        if is_tag(reference) or is_digest(reference):
            return None
        message = f"{shorten(reference)!r} in {self._name} is neither a tag nor a digest"
        return Failure(FailureKind.UNUSABLE, message)

    async def _ask(
        self,
        url: str,
        *,
        max_bytes: int,
        method: str = "GET",
        accept: tuple[str, ...] = (),
        renew: bool = True,
        of_manifest: bool = False,
        repeatable: bool = False,
    ) -> Response | Failure:
        if isinstance(self._session, Failure):
            return self._session
        return await self._session.ask(
            url,
            max_bytes=max_bytes,
            method=method,
            accept=accept,
            renew=renew,
            of_manifest=of_manifest,
            repeatable=repeatable,
        )

    async def _digest_by_get(self, tag: str) -> str | Failure | None:
        manifest = await self.manifest(tag)
        if isinstance(manifest, Failure):
            return None if manifest.kind is FailureKind.NOT_FOUND else manifest
        return manifest.digest

    def _good(self, response: Response | Failure, subject: str) -> Response | Failure:
        if isinstance(response, Failure):
            return self._with_identity(response)
        return response if is_good(response) else self._failure(response, subject)

    def _failure(self, response: Response, subject: str) -> Failure:
        unix_now = self._traffic.timing.unix()
        failure = read_failure(response, subject=f"{subject} {self._name}", unix_now=unix_now)
        return self._with_identity(failure)

    def _with_identity(self, failure: Failure) -> Failure:
        """Say in a refusal who asked: without that nobody knows what to correct."""
        if failure.kind is not FailureKind.DENIED or not isinstance(
            self._session, RepositorySession
        ):
            return failure
        source = self._session.credentials_source
        asked = f"credentials {source}" if source else "no credentials"
        return replace(failure, message=f"{failure.message}; asked with {asked}")

    def _check(self, body: bytes, reference: str, *, size_bytes: int) -> Failure | None:
        """Return why content is not what was promised; what is no digest promises nothing."""
        algorithm, _, _ = reference.partition(":")
        if not is_digest(reference):
            return None
        if digest_of(body, algorithm) != reference:
            message = f"{self._name} sent other content than {reference}"
            return Failure(FailureKind.TRANSIENT, message)
        if size_bytes and len(body) != size_bytes:
            message = f"{reference} in {self._name} has not the size that is promised for it"
            return Failure(FailureKind.UNUSABLE, message)
        return None

    def _unusable(self, response: Response, message: str) -> Failure:
        """Return the failure for content that cannot be read.

        A page for people, or bytes other than the registry announces, come from something between
        us and the registry: that passes and says nothing about the image.
        """
        announced = response.header("Docker-Content-Digest")
        is_page = media_types.essence(response.header("Content-Type")) in media_types.WEB_PAGES
        damaged = announced.startswith("sha256:") and announced != digest_of(response.body)
        kind = FailureKind.TRANSIENT if is_page or damaged else FailureKind.UNUSABLE
        return Failure(kind, message)


def _checked_api(endpoint: Endpoint, repository: str) -> Api | Failure:
    if not is_repository(repository):
        message = f"{shorten(repository)!r} is not a repository name: lower case, parts split by /"
        return Failure(FailureKind.CONFIG, message)
    return parse_api(endpoint)


def _as_passing(answer: Response | Failure) -> Response | Failure:
    """Return what it means that there is no body of a size that was promised.

    Registries take no manifests above the limit, and a blob has the size that its descriptor says.
    So what is too large, or packed in a strange way, comes from something between us and the
    registry: that passes, and must not make a tag drop out.
    """
    if isinstance(answer, Failure) and answer.kind is FailureKind.UNUSABLE:
        return replace(answer, kind=FailureKind.TRANSIENT)
    return answer


def _refuses_page_size(response: Response | Failure) -> bool:
    """Tell whether the request may succeed without a page size."""
    if isinstance(response, Failure) or is_good(response):
        return False
    return response.status < 500 and response.status not in _NO_RETRY_WITHOUT_SIZE  # noqa: PLR2004 - the class of client errors
