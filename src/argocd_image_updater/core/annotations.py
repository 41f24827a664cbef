"""Read the settings of one Application from its annotations.

Every key has one prefix; an alias in front of a name makes it a setting of that image. Values are
trimmed and a blank one counts as not set, except where the tables say otherwise. The outcome are
the same drafts that the resource's own fields give.

Source of the rules: docs/annotations.md, tests/vectors/data/annotations.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from argocd_image_updater.core.image_settings import ImageDraft
from argocd_image_updater.core.inheritance import (
    Layer,
    WriteBackSettings,
    merge_write_back,
    verification_layers,
)
from argocd_image_updater.core.resource import (
    ApplicationRef,
    CommonUpdateSettings,
    ManifestTargets,
    NameTargets,
    PullRequestBlock,
    Resource,
    WriteBackConfig,
)
from argocd_image_updater.core.resource_schema import ALIAS_PATTERN, PROVIDERS
from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.errors import ConfigError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "argocd-image-updater.argoproj.io/"
IMAGE_LIST = "image-list"
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
# An image never begins like this: such an element is the rest of a constraint with a comma.
_CONSTRAINT_REST = re.compile(r"[<>!~^]")
_NO_LONGER_READ = {"tag-match": "allow-tags", "sort-mode": "update-strategy"}
_TARGET_NAMES = {
    "helm": ("helm.image-name", "helm.image-tag", "helm.image-spec"),
    "kustomize": ("kustomize.image-name",),
    "plugin": ("plugin.env-name", "plugin.env-tag", "plugin.env-spec"),
}


class ImageListMissing(ConfigError):
    """The Application has no image list, which is normal for one that takes no part."""


@dataclass(frozen=True, slots=True)
class AnnotationSettings:
    """What the annotations of one Application say."""

    images: tuple[ImageDraft, ...]
    write_back: WriteBackSettings


class _Reader:
    """Values of annotations by name, with the key each was found under."""

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self._annotations = annotations

    def find(self, name: str, *, alias: str = "") -> tuple[str, str] | None:
        """Return the full name and the trimmed value, or None.

        A ``/`` of an alias, which a key cannot hold twice, may be written ``_``.
        """
        names = [name]
        if alias:
            names = [f"{alias}.{name}", f"{alias.replace('/', '_')}.{name}"]
        for full in names:
            value = self._annotations.get(PREFIX + full)
            if value is not None:
                return full, trim(value)
        return None

    def filled(self, name: str, *, alias: str = "") -> tuple[str, str] | None:
        """Return what `find` returns, unless the value is blank."""
        found = self.find(name, alias=alias)
        return found if found and found[1] else None


def read_annotations(
    annotations: Mapping[str, str], *, resource: Resource, ref: ApplicationRef
) -> AnnotationSettings:
    """Return the settings, or raise ConfigError where they cannot be used."""
    reader = _Reader(annotations)
    elements, warnings = _image_list(reader)
    own = [_common(reader, alias=alias) if alias else None for alias, _ in elements]
    targets = [_targets(reader, alias=alias) if alias else None for alias, _ in elements]
    write_back = merge_write_back((_write_back(reader),))
    shared = _common(reader)
    # A policy of the whole resource covers annotated Applications too.
    verification = verification_layers(resource, ref)
    images = tuple(
        ImageDraft(
            alias=alias,
            image_name=image,
            common=tuple(layer for layer in (shared, mine) if layer is not None),
            verification=verification,
            targets=target,
            origin=f"annotation {IMAGE_LIST}",
            field_path=f"metadata.annotations[{PREFIX}{IMAGE_LIST}]",
            target_origin=_target_origin(reader, alias),
            **_own_target(reader, alias),
            warnings=(*warnings, *_old_keys(reader, alias)),
        )
        for (alias, image), mine, target in zip(elements, own, targets, strict=True)
    )
    return AnnotationSettings(images, write_back)


def _image_list(reader: _Reader) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return alias and image of every element, and warnings."""
    found = reader.find(IMAGE_LIST)
    if found is None:
        raise ImageListMissing(f"annotation {PREFIX}{IMAGE_LIST} is not there")
    texts: list[str] = []
    warnings: tuple[str, ...] = ()
    for element in map(trim, found[1].split(",")):
        if texts and _CONSTRAINT_REST.match(element):
            texts[-1] += f",{element}"
            text = (
                f"annotation {IMAGE_LIST}: the comma before {shorten(element, 40)!r} is taken as "
                "part of the constraint; write a blank instead"
            )
            warnings = (text,)
        elif element:
            texts.append(element)
    if not texts:
        raise ConfigError(f"annotation {PREFIX}{IMAGE_LIST} names no image")
    return [_split_alias(text) for text in texts], warnings


def _split_alias(element: str) -> tuple[str, str]:
    """Split ``alias=image``; what cannot be an alias belongs to the image.

    COMPAT: an alias may hold other characters than in the resource, as long as the left side could
    not be an image with the head of a constraint, ``nginx:>`` (annotations.json).
    """
    left, equals, right = element.partition("=")
    alias, image = trim(left), trim(right)
    is_alias = re.fullmatch(ALIAS_PATTERN, alias) or not re.search("[:@]", alias)
    if not equals or not is_alias:
        return "", element
    if not image:
        raise ConfigError(
            f"annotation {PREFIX}{IMAGE_LIST}: {shorten(element, 60)!r} names no image"
        )
    return alias, image


def _common(reader: _Reader, *, alias: str = "") -> Layer[CommonUpdateSettings]:
    found = {
        "update_strategy": reader.filled("update-strategy", alias=alias),
        "allow_tags": reader.filled("allow-tags", alias=alias),
        "pull_secret": reader.filled("pull-secret", alias=alias),
        "downgrade": reader.filled("downgrade", alias=alias),
        "newest_by": reader.filled("newest-by", alias=alias),
        "minimum_age": reader.filled("minimum-age", alias=alias),
        "minimum_age_from": reader.filled("minimum-age-from", alias=alias),
    }
    force = reader.find("force-update", alias=alias)
    ignore = reader.find("ignore-tags", alias=alias)
    # Platforms have no form for the whole Application.
    platforms = reader.filled("platforms", alias=alias) if alias else None
    items = platforms[1].split(",") if platforms else ()
    names = [text for item in items if (text := trim(item))]
    block = CommonUpdateSettings(
        **{name: value[1] for name, value in found.items() if value},
        force_update=_boolean(*force) if force else None,
        ignore_tags=tuple(map(trim, ignore[1].split(","))) if ignore else None,
        platforms=tuple(names) or None,
    )
    sources = {**found, "force_update": force, "ignore_tags": ignore, "platforms": platforms}
    return Layer(block, "annotation", _keys(sources))


def _keys(found: Mapping[str, tuple[str, str] | None]) -> dict[str, str]:
    return {name: f"annotation {value[0]}" for name, value in found.items() if value}


def _boolean(name: str, value: str) -> bool:
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise ConfigError(
        f"annotation {PREFIX}{name}: {shorten(value, 40)!r} is not a boolean: write true or false"
    )


def _targets(reader: _Reader, *, alias: str) -> ManifestTargets | None:
    members: dict[str, NameTargets] = {}
    for member, names in _TARGET_NAMES.items():
        values = [reader.filled(name, alias=alias) for name in names]
        if any(values):
            texts = (value[1] if value else None for value in values)
            keys = (item.name for item in fields(NameTargets))
            members[member] = NameTargets(**dict(zip(keys, texts, strict=False)))
    if len(members) > 1:
        raise ConfigError(f"annotations of {alias}: only one of {', '.join(members)} may be set")
    return ManifestTargets(**members) if members else None


def _own_target(reader: _Reader, alias: str) -> dict[str, str]:
    """Return the write-back target of an image, which has no form for the whole Application."""
    found = reader.filled("write-back-target", alias=alias) if alias else None
    if found is None:
        return {}
    return {
        "write_back_target": found[1],
        "write_back_target_origin": f"annotation {found[0]}",
    }


def _target_origin(reader: _Reader, alias: str) -> str:
    """Return the key of the first target annotation of an image."""
    if alias:
        for name in (name for names in _TARGET_NAMES.values() for name in names):
            if found := reader.filled(name, alias=alias):
                return f"annotation {found[0]}"
    return ""


def _old_keys(reader: _Reader, alias: str) -> tuple[str, ...]:
    """Return a hint for every key of an image that older versions read."""
    if not alias:
        return ()
    return tuple(
        f"annotation {found[0]} is no longer read; use {alias}.{successor}"
        for name, successor in _NO_LONGER_READ.items()
        if (found := reader.find(name, alias=alias))
    )


def _write_back(reader: _Reader) -> Layer[WriteBackConfig]:
    found = {
        "method": reader.filled("write-back-method"),
        "write_back_target": reader.filled("write-back-target"),
        "branch": reader.filled("git-branch"),
        "repository": reader.filled("git-repository"),
    }
    request = reader.filled("git-pull-request")
    if request and request[1] not in PROVIDERS:
        raise ConfigError(
            f"annotation {PREFIX}{request[0]}: {shorten(request[1], 40)!r} must be one of "
            f"{', '.join(PROVIDERS)}"
        )
    block = WriteBackConfig(
        **{name: value[1] for name, value in found.items() if value},
        pull_request=PullRequestBlock((request[1],)) if request else None,
    )
    return Layer(block, "annotation", _keys({**found, "pull_request": request}))
