"""Merge settings over their levels: resource, application reference, image, or annotations.

Every field is merged by itself: the lowest level where it is present wins, also with an empty text,
``false`` or an empty list. Each merged field remembers which level it came from.

Source of the rules: docs/resource.md, tests/vectors/data/settings_inheritance.json and
verification_policy.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from argocd_image_updater.core.resource import (
    ApplicationRef,
    CommonUpdateSettings,
    ImageEntry,
    Resource,
    VerificationBlock,
    WriteBackConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.identities import KeylessIdentity
    from argocd_image_updater.core.settings import CosignKey

DEFAULT = "default"

BlockT = TypeVar("BlockT", CommonUpdateSettings, WriteBackConfig, VerificationBlock)


@dataclass(frozen=True, slots=True)
class Layer(Generic[BlockT]):
    """One level's block and its name; origins names single fields more exactly."""

    block: BlockT
    origin: str
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin_of(self, name: str) -> str:
        """Return where a field of this level stands."""
        return self.origins.get(name, self.origin)


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """Merged ``commonUpdateSettings`` with the origin of every field that is set."""

    values: CommonUpdateSettings
    origins: Mapping[str, str]

    def origin(self, name: str) -> str:
        """Return where a field came from."""
        return self.origins.get(name, DEFAULT)


@dataclass(frozen=True, slots=True)
class WriteBackSettings:
    """Merged ``writeBackConfig`` with the origin of every field that is set."""

    config: WriteBackConfig
    origins: Mapping[str, str]

    def origin(self, name: str) -> str:
        """Return where a field came from."""
        return self.origins.get(name, DEFAULT)

    def with_target(self, target: str, *, origin: str) -> WriteBackSettings:
        """Return the settings with another write-back target."""
        config = replace(self.config, write_back_target=target)
        return WriteBackSettings(config, {**self.origins, "write_back_target": origin})


@dataclass(frozen=True, slots=True)
class Verification:
    """Merged ``imagesVerification``."""

    enabled: bool = False
    key: CosignKey | None = None
    every_key: bool = False
    annotations: tuple[tuple[str, str], ...] = ()
    identities: tuple[KeylessIdentity, ...] = ()
    every_identity: bool = False
    enabled_origin: str = DEFAULT
    key_origin: str = DEFAULT
    every_key_origin: str = DEFAULT
    annotations_origin: str = DEFAULT
    identities_origin: str = DEFAULT
    every_identity_origin: str = DEFAULT


def merge_common(layers: Sequence[Layer[CommonUpdateSettings]]) -> CommonSettings:
    """Merge the levels, highest first."""
    values, origins = _merge(CommonUpdateSettings, layers)
    return CommonSettings(CommonUpdateSettings(**values), origins)


def merge_write_back(layers: Sequence[Layer[WriteBackConfig]]) -> WriteBackSettings:
    """Merge the levels, highest first; a pull request block replaces the one above as a whole."""
    values, origins = _merge(WriteBackConfig, layers)
    return WriteBackSettings(WriteBackConfig(**values), origins)


def merge_verification(layers: Sequence[Layer[VerificationBlock]]) -> Verification:
    """Merge the levels, highest first.

    Any block at all turns verification on unless the lowest level that says something says no. In a
    resource that went through its definition every present block says something.
    """
    values, origins = _merge(VerificationBlock, layers)
    top = layers[0].origin if layers else DEFAULT
    return Verification(
        enabled=values.get("enabled", bool(layers)),
        key=values.get("cosign_key"),
        every_key=values.get("required_keys") == "all",
        annotations=values.get("required_annotations", ()),
        identities=values.get("identities", ()),
        every_identity=values.get("required_identities") == "all",
        enabled_origin=origins.get("enabled", top),
        key_origin=origins.get("cosign_key", DEFAULT),
        every_key_origin=origins.get("required_keys", DEFAULT),
        annotations_origin=origins.get("required_annotations", DEFAULT),
        identities_origin=origins.get("identities", DEFAULT),
        every_identity_origin=origins.get("required_identities", DEFAULT),
    )


def _merge(
    kind: type[BlockT], layers: Sequence[Layer[BlockT]]
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name in (item.name for item in fields(kind)):
        for layer in reversed(layers):
            value = getattr(layer.block, name)
            if value is not None:
                values[name], origins[name] = value, layer.origin_of(name)
                break
    return values, origins


def layers_of(
    levels: Iterable[tuple[str, BlockT | None]],
) -> tuple[Layer[BlockT], ...]:
    """Return the levels that are present."""
    return tuple(Layer(block, origin) for origin, block in levels if block is not None)


def ref_origin(ref: ApplicationRef) -> str:
    """Return the name of a reference's level."""
    return f"applicationRefs[{ref.index}]"


def leftovers(resource: Resource) -> tuple[str, ...]:
    """Return warnings for blocks that look like defaults which an older definition stored.

    Older definitions wrote ``semver`` and ``false`` into every present block; they now beat what
    stands above them.
    """
    found = []
    for path, above, block in _nested_common(resource):
        is_stored_default = block.update_strategy == "semver" and block.force_update is False
        differs = above.update_strategy not in (None, "semver") or above.force_update
        if is_stored_default and differs:
            found.append(path)
    if not found:
        return ()
    text = (
        f"{resource.key}: updateStrategy semver with forceUpdate false at {', '.join(found)} "
        "hides the settings above it; an older resource definition may have stored it: remove it "
        "if you did not write it"
    )
    return (text,)


def _nested_common(
    resource: Resource,
) -> Iterable[tuple[str, CommonUpdateSettings, CommonUpdateSettings]]:
    """Yield path, merged settings above, and block of every level below the resource's own."""
    top = layers_of((("", resource.common),))
    for ref in resource.refs:
        own = layers_of((("", ref.common),))
        path = f"spec.{ref_origin(ref)}"
        if ref.common is not None:
            yield f"{path}.commonUpdateSettings", merge_common(top).values, ref.common
        above = merge_common((*top, *own)).values
        for index, image in enumerate(ref.images):
            if image.common is not None:
                yield f"{path}.images[{index}].commonUpdateSettings", above, image.common


def image_origin(index: int) -> str:
    """Return the name of an image's level."""
    return f"images[{index}]"


def common_layers(
    resource: Resource, ref: ApplicationRef, image: ImageEntry, *, index: int
) -> tuple[Layer[CommonUpdateSettings], ...]:
    """Return the levels of ``commonUpdateSettings`` for one image."""
    return layers_of(
        (
            ("spec.commonUpdateSettings", resource.common),
            (ref_origin(ref), ref.common),
            (image_origin(index), image.common),
        )
    )


def write_back_layers(
    resource: Resource, ref: ApplicationRef
) -> tuple[Layer[WriteBackConfig], ...]:
    """Return the levels of ``writeBackConfig`` for one reference."""
    return layers_of(
        (("spec.writeBackConfig", resource.write_back), (ref_origin(ref), ref.write_back))
    )


def verification_layers(
    resource: Resource, ref: ApplicationRef, image: ImageEntry | None = None, *, index: int = 0
) -> tuple[Layer[VerificationBlock], ...]:
    """Return the levels of ``imagesVerification`` for one image."""
    return layers_of(
        (
            ("spec.imagesVerification", resource.verification),
            (ref_origin(ref), ref.verification),
            (image_origin(index), image.verification if image else None),
        )
    )
