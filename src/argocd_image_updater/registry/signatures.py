"""Find the signatures of an image, one after the other, in every place where they are kept.

Places, in this order: what refers to the image (the referrers list of the registry), the tag
``sha256-HEX`` in which registries without that list keep it, and Cosign's tag ``sha256-HEX.sig``.
Each may hold a manifest or an index of them; every layer is a signature of its own. Rules: 1. one
place never hides another; 2. what is there but cannot be read is a `Failure` among the signatures,
so that "could not be read" is never taken for "not signed"; 3. every content is checked against its
digest, and nothing is fetched twice. Source: OCI distribution specification 1.1 and Cosign's
signature specification; cases: tests/vectors/data/cosign_verify.json.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.core.signatures import SignatureLayer, holds_signature, may_be_signature
from argocd_image_updater.errors import shorten
from argocd_image_updater.registry.api import is_digest
from argocd_image_updater.registry.manifests import ImageIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argocd_image_updater.registry.client import RepositoryReader
    from argocd_image_updater.registry.manifests import Descriptor, Manifest

MAX_ARTIFACTS = 64  # signature manifests that are read for one image
MAX_LAYERS = 64  # signatures that are read for one image
MAX_SIGNATURE_BYTES = 262_144  # a bundle with certificate and log entry has ten thousand

# Gets what was found; answers whether that is enough.
Consider = Callable[[SignatureLayer | Failure], Awaitable[bool]]


async def search_signatures(client: RepositoryReader, digest: str, consider: Consider) -> None:
    """Hand the signatures of an image to `consider` until it has enough of them.

    Cost: one request a place, one for each artifact, one for each signed text.
    """
    if not is_digest(digest):
        await consider(Failure(FailureKind.UNUSABLE, f"not a digest: {shorten(digest)!r}"))
        return
    search = _Search(client, consider)
    await search.referrers(digest)
    place = digest.replace(":", "-")
    for tag in (place, f"{place}.sig"):
        await search.tag(tag)


class _Search:
    """What was read already, and how much more may be."""

    def __init__(self, client: RepositoryReader, consider: Consider) -> None:
        self._client = client
        self._consider = consider
        self._is_over = False
        self._seen: set[str] = set()
        self._blobs: dict[str, bytes | Failure] = {}
        self._layers = 0

    async def referrers(self, digest: str) -> None:
        found = await self._client.referrers(digest)
        if isinstance(found, Failure):
            await self._found(found)
        else:
            await self._artifacts(found)

    async def tag(self, tag: str) -> None:
        if self._is_over:
            return
        manifest = await self._client.current_manifest(tag)
        if isinstance(manifest, ImageIndex):
            await self._artifacts(manifest.manifests)
        elif not isinstance(manifest, Failure):
            await self._layers_of(manifest)
        elif manifest.kind is not FailureKind.NOT_FOUND:
            await self._found(manifest)

    async def _artifacts(self, descriptors: Iterable[Descriptor]) -> None:
        """Look into the artifacts that may be signatures, each once."""
        for descriptor in descriptors:
            if self._is_over:
                return
            if descriptor.digest in self._seen or not may_be_signature(descriptor.artifact_type):
                continue
            if len(self._seen) >= MAX_ARTIFACTS:
                await self._found(_too_many("signature artifacts", MAX_ARTIFACTS))
                return
            self._seen.add(descriptor.digest)
            manifest = await self._manifest(descriptor)
            if isinstance(manifest, Failure):
                await self._found(manifest)
            else:
                await self._layers_of(manifest)

    async def _manifest(self, descriptor: Descriptor) -> Manifest | Failure:
        if not is_digest(descriptor.digest):
            return Failure(FailureKind.UNUSABLE, f"not a digest: {shorten(descriptor.digest)!r}")
        return await self._client.manifest(descriptor.digest, size_bytes=descriptor.size_bytes)

    async def _layers_of(self, manifest: Manifest) -> None:
        self._seen.add(manifest.digest)
        if isinstance(manifest, ImageIndex):
            nested = f"{manifest.digest} is an index within an index"
            await self._found(Failure(FailureKind.UNUSABLE, nested))
            return
        for descriptor in manifest.layers:
            if self._is_over:
                return
            if not holds_signature(descriptor.media_type):
                continue
            if self._layers >= MAX_LAYERS:
                await self._found(_too_many("signatures", MAX_LAYERS))
                return
            self._layers += 1
            await self._layer(descriptor)

    async def _layer(self, descriptor: Descriptor) -> None:
        content = await self._content(descriptor)
        if isinstance(content, Failure):
            await self._found(content)
        else:
            layer = SignatureLayer(descriptor.media_type, content, descriptor.annotations)
            await self._found(layer)

    async def _content(self, descriptor: Descriptor) -> bytes | Failure:
        """Return the signed text, which several signers may share."""
        digest = descriptor.digest
        if descriptor.size_bytes > MAX_SIGNATURE_BYTES:
            message = f"{shorten(digest)} has more than {MAX_SIGNATURE_BYTES} bytes: no signature"
            return Failure(FailureKind.UNUSABLE, message)
        if digest not in self._blobs:
            self._blobs[digest] = await self._client.blob(
                digest, size_bytes=descriptor.size_bytes, max_bytes=MAX_SIGNATURE_BYTES
            )
        return self._blobs[digest]

    async def _found(self, item: SignatureLayer | Failure) -> None:
        self._is_over = self._is_over or await self._consider(item)


def _too_many(what: str, limit: int) -> Failure:
    return Failure(FailureKind.UNUSABLE, f"there are more than {limit} {what}; the rest is unread")
