"""Which image a target declares now: a source's parameters, an override, values or kustomization.

Without a cluster this takes the place of what runs. An image under another name than the configured
one is not declared.

Source of the rules: docs/standalone.md, docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from argocd_image_updater.core.application_files import APPLICATION_KINDS, file_source
from argocd_image_updater.core.edits.helm_values import read_helm_value
from argocd_image_updater.core.edits.kustomization import (
    KustomizeEntry,
    read_kustomization_images,
)
from argocd_image_updater.core.edits.override import read_override
from argocd_image_updater.core.manifest_files import images_in_manifest
from argocd_image_updater.core.reference import (
    ImageReference,
    ImageTag,
    parse_image,
    same_image,
    short_form,
    with_tag,
)
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    TargetKind,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.application import Source

# Every image of an Application looks through the same entries.
_CACHED_ENTRIES = 4096


def declared_in_source(
    source: Source, intent: ApplicationIntent, settings: ImageSettings
) -> ImageReference | None:
    """Return the image that an Application source asks for, as configured image with its tag."""
    target = settings.target
    if target.plugin_spec or target.plugin_name:
        return _declared_values(
            {entry.name: entry.value for entry in reversed(source.plugin_env or ())},
            settings,
            spec=target.plugin_spec,
            name=target.plugin_name,
            tag=target.plugin_tag,
        )
    if intent.application_type is ApplicationType.KUSTOMIZE:
        return _declared_entry(map(parse_image, source.kustomize_images or ()), settings)
    return _declared_values(
        {item.name: item.value for item in reversed(source.helm_parameters or ())},
        settings,
        spec=target.helm_spec.strip(),
        name=target.helm_name.strip() or "image.name",
        tag=target.helm_tag.strip() or "image.tag",
    )


def declared_in_file(
    intent: ApplicationIntent,
    settings: ImageSettings,
    *,
    source: Source,
    content: bytes | None,
    file: str,
) -> tuple[ImageReference, ...]:
    """Return what a Git target declares of an image: nothing or one, or one of each tag."""
    if intent.write_back.target_kind is TargetKind.MANIFEST:
        if content is None:
            return ()
        return images_in_manifest(intent, content, settings, file=file)
    found = _declared_once(intent, settings, source=source, content=content, file=file)
    return (found,) if found is not None else ()


def _declared_once(
    intent: ApplicationIntent,
    settings: ImageSettings,
    *,
    source: Source,
    content: bytes | None,
    file: str,
) -> ImageReference | None:
    """Return the image that a target declares; an override file falls back to the source."""
    kind = intent.write_back.target_kind
    if kind is TargetKind.OVERRIDE:
        found = None
        if content is not None:
            found = declared_in_source(override_source(source, content, file), intent, settings)
        return found or declared_in_source(source, intent, settings)
    if content is None:
        return None
    if kind in APPLICATION_KINDS:
        return _declared_in_application(intent, settings, content=content, file=file)
    if kind is TargetKind.KUSTOMIZATION:
        entries = (_entry_image(entry) for entry in read_kustomization_images(content, file=file))
        return _declared_entry(entries, settings)
    spec, name, tag = _value_paths(settings)
    values = {
        path: value
        for path in (spec, name, tag)
        if path and (value := read_helm_value(content, path, file=file)) is not None
    }
    return _declared_values(values, settings, spec=spec, name=name, tag=tag)


def _declared_in_application(
    intent: ApplicationIntent, settings: ImageSettings, *, content: bytes, file: str
) -> ImageReference | None:
    spec, name, tag = _value_paths(settings)
    source, application_type, values = file_source(
        intent, content, settings, paths=(spec, name, tag), file=file
    )
    if application_type is not ApplicationType.HELM:
        found = replace(intent, application_type=application_type)
        return declared_in_source(source, found, settings)
    return _declared_values(values, settings, spec=spec, name=name, tag=tag)


def parse_tag_value(text: str) -> ImageTag:
    """Read a tag value: ``tag``, ``tag@digest`` or ``latest@digest``."""
    name, _, digest = text.partition("@")
    return ImageTag(name, digest)


def override_source(source: Source, content: bytes, file: str) -> Source:
    """Return the source as the override file alone describes it."""
    override = read_override(content, file=file)
    return replace(
        source,
        helm_parameters=override.helm,
        kustomize_images=override.kustomize,
        plugin_env=override.plugin,
    )


def _value_paths(settings: ImageSettings) -> tuple[str, str, str]:
    """Return the spec, name and tag paths in a values file; spec excludes the other two."""
    target = settings.target
    if spec := target.helm_spec.strip():
        return spec, "", ""
    return "", target.helm_name.strip() or "image.name", target.helm_tag.strip() or "image.tag"


def _declared_values(
    values: Mapping[str, str], settings: ImageSettings, *, spec: str, name: str, tag: str
) -> ImageReference | None:
    configured = settings.reference
    if spec:
        text = values.get(spec, "")
        if not text:
            return None
        found = parse_image(text)
        return with_tag(configured, found.tag or ImageTag()) if _names(found, configured) else None
    text = values.get(tag, "")
    if not text:
        return None
    stated = values.get(name, "")
    if stated and not _names(parse_image(stated), configured):
        return None
    return with_tag(configured, parse_tag_value(text))


def _names(found: ImageReference, configured: ImageReference) -> bool:
    """Say whether a declared name means the configured image, also in its short spelling.

    Charts often keep the registry in a value of its own, so a name without registry counts.
    """
    if same_image(found, configured):
        return True
    return not found.registry and short_form(configured.full_name) == found.full_name


def _declared_entry(
    entries: Iterable[ImageReference], settings: ImageSettings
) -> ImageReference | None:
    """Return the last entry that overrides the configured image: Kustomize applies the last."""
    wanted = settings.target.kustomize_name
    configured = settings.reference
    result = None
    for entry in entries:
        names_original = entry.alias == wanted if wanted and entry.alias else False
        if names_original or same_image(entry, configured):
            result = ImageReference(
                registry=entry.registry,
                name=entry.name,
                tag=entry.tag or ImageTag(),
                original=entry.original,
            )
    return result


@lru_cache(maxsize=_CACHED_ENTRIES)
def _entry_image(entry: KustomizeEntry) -> ImageReference:
    text = f"{entry.name}={entry.new_name}" if entry.new_name else entry.name
    return _with_entry_tag(parse_image(text), entry)


def _with_entry_tag(image: ImageReference, entry: KustomizeEntry) -> ImageReference:
    """Return the image with the tag and digest that a kustomization entry states."""
    tag = ImageTag(entry.new_tag, entry.digest)
    return replace(image, tag=tag if tag != ImageTag() else image.tag)
