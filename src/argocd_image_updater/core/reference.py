"""Image references: parsing, renderings, identity and matching against running images.

An image is who its registry and name say, compared as strings; tag, digest and alias play no part.
Docker Hub names written without a host have an empty registry. Renderings are the texts that go
into manifests, so they keep the user's spelling where parsing normalised it.

Source of the rules: https://github.com/distribution/reference, docs/images.md,
tests/vectors/data/image_reference.json, tests/vectors/data/image_match.json.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from argocd_image_updater.core.reference_grammar import HUB, cut_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CACHED_REFERENCES = 16_384
_HUB_HOSTS = frozenset(("", HUB, "index.docker.io", "registry-1.docker.io"))


@dataclass(frozen=True, slots=True)
class ImageTag:
    """A tag name with an optional digest; either may be empty."""

    name: str = ""
    digest: str = ""

    @property
    def text(self) -> str:
        """Digest if there is one, else the tag name: the form of messages and events."""
        return self.digest or self.name


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A parsed image identifier ``[alias=][registry/]name[:tag][@digest]``.

    registry: host[:port], empty for Docker Hub names written without a host.
    tag: None when neither tag nor digest stands in the text; in a configured image its name is the
    constraint.
    written: the repository as the user spelled it, set only where registry and name spell it
    differently.
    """

    registry: str
    name: str
    tag: ImageTag | None = None
    alias: str = ""
    original: str = ""
    written: str = ""

    @property
    def full_name(self) -> str:
        """Registry and name, without tag."""
        if self.written:
            return self.written
        return f"{self.registry}/{self.name}" if self.registry else self.name

    @property
    def full(self) -> str:
        """The full name with tag and digest, as a container runtime takes it."""
        text = self.full_name
        if self.tag is not None:
            text += f":{self.tag.name}" if self.tag.name else ""
            text += f"@{self.tag.digest}" if self.tag.digest else ""
        return text

    @property
    def tag_value(self) -> str:
        """The tag for a place that holds nothing else; a digest is never without a tag name."""
        if self.tag is None:
            return ""
        if not self.tag.digest:
            return self.tag.name
        return f"{self.tag.name or 'latest'}@{self.tag.digest}"

    @property
    def display(self) -> str:
        """The full reference with the alias in front, if there is one."""
        return f"{self.alias}={self.full}" if self.alias else self.full


class KustomizationFields(NamedTuple):
    """The fields of an ``images`` entry in a kustomization.yaml; empty = not written."""

    name: str
    new_name: str
    new_tag: str
    digest: str


@lru_cache(maxsize=_CACHED_REFERENCES)
def parse_image(identifier: str) -> ImageReference:
    """Parse an image identifier; every text gives a reference."""
    alias, parts = cut_identifier(identifier)
    tag = None
    if parts.tag is not None or parts.digest is not None:
        tag = ImageTag(parts.tag or "", parts.digest or "")
    return ImageReference(parts.registry, parts.name, tag, alias, identifier, parts.written)


def with_tag(reference: ImageReference, tag: ImageTag) -> ImageReference:
    """Return the same image with another tag; the original text no longer holds and is dropped."""
    return replace(reference, tag=tag, original="")


def is_long_form(name: str) -> bool:
    """Say whether a rendered name begins with a registry; a host needs a dot to count as one."""
    host, slash, _ = name.partition("/")
    return bool(slash) and "." in host


def short_form(name: str) -> str:
    """Return a rendered name without its registry."""
    return name.partition("/")[2] if is_long_form(name) else name


def kustomization_fields(entry: ImageReference) -> KustomizationFields:
    """Return the fields for an override text ``[original=]image``; the alias is the original."""
    tag = entry.tag or ImageTag()
    if entry.alias:
        return KustomizationFields(entry.alias, entry.full_name, tag.name, tag.digest)
    return KustomizationFields(entry.full_name, "", tag.name, tag.digest)


def tags_equal(a: ImageTag, b: ImageTag) -> bool:
    """Compare two tags: by digest as soon as one has a digest, else by name."""
    if a.digest or b.digest:
        return a.digest == b.digest
    return a.name == b.name


def same_image(a: ImageReference, b: ImageReference) -> bool:
    """Say whether both are one image, as the lookup among running images takes it."""
    # COMPAT: tests/vectors/data/image_match.json - redis and docker.io/redis are different images.
    return a.name == b.name and a.registry == b.registry


def same_for_override(a: ImageReference, b: ImageReference) -> bool:
    """Say whether an entry of a Kustomize override is replaced by the other.

    Looser than same_image: as spelled, Docker Hub's host may be missing on one side.
    """
    if same_image(a, b):
        return True
    (registry, name), (other_registry, other_name) = _spelled(a), _spelled(b)
    hosts = {registry, other_registry}
    return name == other_name and (len(hosts) == 1 or hosts == {"", HUB})


def _spelled(reference: ImageReference) -> tuple[str, str]:
    """Return registry and name as they were spelled."""
    if not reference.written:
        return reference.registry, reference.name
    host, slash, name = reference.written.partition("/")
    return (host, name) if slash else ("", host)


def hub_equivalent(a: ImageReference, b: ImageReference) -> bool:
    """Say whether both name one Docker Hub repository, however it is spelled. For hints only."""
    hosts_are_hub = a.registry in _HUB_HOSTS and b.registry in _HUB_HOSTS
    return hosts_are_hub and _hub_path(a.name) == _hub_path(b.name)


def _hub_path(name: str) -> str:
    return name if "/" in name else f"library/{name}"


def live_matches(
    live: Iterable[ImageReference],
    configured: ImageReference,
    *,
    kustomize_image: ImageReference | None,
) -> tuple[ImageReference, ...]:
    """Return all running images that are the configured one, in their order.

    The original name of a Kustomize override is looked for first: where it still runs, the image's
    own name is not looked at.
    """
    running = tuple(live)
    for wanted in (kustomize_image, configured):
        if wanted is not None:
            found = tuple(image for image in running if same_image(image, wanted))
            if found:
                return found
    return ()


def reselect_for_digest(
    live: Iterable[ImageReference], configured: ImageReference, *, constraint: str, digest: str
) -> ImageReference | None:
    """Tell containers of one image apart when the new digest is known; None keeps the first match.

    A container of the followed tag comes before others, and an outdated one before a current one.
    """
    followed: ImageReference | None = None
    outdated: ImageReference | None = None
    for image in live:
        if not same_image(image, configured):
            continue
        tag = image.tag or ImageTag()
        is_outdated = bool(tag.digest) and tag.digest != digest
        is_followed = bool(constraint) and tag.name == constraint
        if is_followed and is_outdated:
            return image
        if is_followed and followed is None:
            followed = image
        if is_outdated and outdated is None:
            outdated = image
    return followed or outdated


def with_forced(
    live: Sequence[ImageReference],
    forced: Iterable[tuple[ImageReference, ImageReference | None]],
) -> tuple[ImageReference, ...]:
    """Return the running images and, without tag, every forced image that does not run.

    forced: configured images that take part even so, each with its Kustomize original or None.
    """
    running = list(live)
    for configured, kustomize_image in forced:
        if not live_matches(running, configured, kustomize_image=kustomize_image):
            running.append(replace(configured, tag=None, original=""))
    return tuple(running)
