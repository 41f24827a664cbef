"""A write target as the decision sees it: what it declares now, and the edit that changes it.

One view per Application and cycle, made from the text of the target (Git) or from the Application's
own source (method ``argocd``). Everything here is recomputed on the new text when a branch or an
Application moved in between, so an edit never rests on what somebody else has changed since.

Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.application_files import APPLICATION_KINDS, edit_application_file
from argocd_image_updater.core.declared import override_source
from argocd_image_updater.core.edits.helm_values import (
    changes_helm_values,
    edit_helm_values,
    helm_value_writes,
)
from argocd_image_updater.core.edits.kustomization import (
    KUSTOMIZATION_FILES,
    KustomizeEntry,
    changes_kustomization,
    edit_kustomization,
    read_kustomization_images,
)
from argocd_image_updater.core.edits.override import edit_override
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.facts import Failure, FailureKind, FileFact, PathKind
from argocd_image_updater.core.manifest_files import edit_manifest_file
from argocd_image_updater.core.parameters.dispatch import (
    TargetMismatch,
    already_set,
    set_image,
    way_of,
)
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.parameters.ownership import (
    managed_helm,
    managed_kustomize,
    managed_plugin,
)
from argocd_image_updater.core.parameters.placement import Placement, choose_source
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import (
    ImageReference,
    ImageTag,
    parse_image,
    same_image,
    with_tag,
)
from argocd_image_updater.core.settings import (
    ApplicationIntent,
    ApplicationType,
    ImageSettings,
    TargetKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import Application, Source, SourceRef


@dataclass(frozen=True, slots=True)
class ImageWrite:
    """One value to write: the configured image with a tag; running: the live image's text."""

    settings: ImageSettings
    tag: ImageTag
    running: str = ""

    @property
    def image(self) -> ImageReference:
        return with_tag(self.settings.reference, self.tag)


def placement_of(intent: ApplicationIntent, settings: ImageSettings) -> Placement:
    """Return the source that holds an image; with Git write-back there is one for all.

    Raises:
        TargetMismatch: the image belongs to another tool than the source it would go to.
    """
    if intent.write_back.method == "git":
        return Placement(intent.write_source, intent.source_type, intent.application_type)
    return choose_source(
        intent.application,
        settings=settings,
        intent_source_ref=intent.write_source,
        source_type=intent.source_type,
        application_type=intent.application_type,
    )


def target_paths(intent: ApplicationIntent) -> tuple[str, ...]:
    """Return the paths of a Git target; for a kustomization the three possible file names."""
    path = intent.write_back.target_path
    if intent.write_back.target_kind is not TargetKind.KUSTOMIZATION:
        return (path,)
    return tuple(posixpath.normpath(posixpath.join(path, name)) for name in KUSTOMIZATION_FILES)


def pick_target(
    intent: ApplicationIntent, files: Mapping[str, FileFact | Failure]
) -> tuple[str, bytes | None]:
    """Return the file to edit and its content (None = it has to be created).

    Raises:
        EditRefused: there is no kustomization, or the target is no plain file.
    """
    for path in target_paths(intent):
        fact = files[path]
        if isinstance(fact, Failure):
            outside = fact.kind is FailureKind.REFUSED
            reason = Reason.TARGET_OUTSIDE if outside else Reason.TARGET_UNREADABLE
            raise EditRefused(reason, f"{path}: {fact.message}")
        if fact.kind is PathKind.DIRECTORY:
            raise EditRefused(
                Reason.TARGET_MISSING, f"{path} is a directory; name a file in writeBackTarget"
            )
        if fact.kind is PathKind.FILE:
            return path, fact.content
    if intent.write_back.target_kind is TargetKind.KUSTOMIZATION:
        folder = intent.write_back.target_path or "the repository root"
        raise EditRefused(
            Reason.TARGET_MISSING,
            f"no {', '.join(KUSTOMIZATION_FILES)} in {folder}; it is never created",
        )
    if intent.write_back.target_kind in {*APPLICATION_KINDS, TargetKind.MANIFEST}:
        path = intent.write_back.target_path
        raise EditRefused(
            Reason.TARGET_MISSING, f"{path} does not exist; a manifest is never created"
        )
    return target_paths(intent)[0], None


def is_declared(
    intent: ApplicationIntent,
    write: ImageWrite,
    *,
    source: Source,
    content: bytes | None,
    file: str,
) -> bool:
    """Say whether the Git target already declares exactly this image.

    Raises:
        EditRefused: the target cannot be edited without doubt.
    """
    kind = intent.write_back.target_kind
    if kind is TargetKind.MANIFEST:
        assert content is not None
        return not edit_manifest_file(intent, content, (write,), file=file).changed
    if kind in APPLICATION_KINDS:
        assert content is not None
        return not edit_application_file(intent, content, (write,), file=file).changed
    if kind is TargetKind.OVERRIDE:
        if content is None:
            return False
        return already_set(
            override_source(source, content, file),
            settings=write.settings,
            application_type=intent.application_type,
            source_type=intent.source_type,
            tag=write.tag,
        )
    refuse_shared = intent.write_back.refuse_shared
    if kind is TargetKind.KUSTOMIZATION:
        assert content is not None
        entry = _kustomize_entry(write, read_kustomization_images(content, file=file))
        return not changes_kustomization(content, (entry,), file=file, refuse_shared=refuse_shared)
    values = helm_value_writes((write,))
    return not changes_helm_values(content, values, file=file, refuse_shared=refuse_shared)


@dataclass(frozen=True, slots=True)
class TargetEdit:
    """The new content of the one file of a target.

    also_changed: paths that change along through an anchor. ignored: paths that name a mapping or
    list, which is left alone.
    """

    file: str
    content: bytes
    changed: bool
    also_changed: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def edit_target(
    intent: ApplicationIntent,
    writes: Sequence[ImageWrite],
    pins: Sequence[ImageWrite],
    *,
    source: Source,
    files: Mapping[str, bytes | None],
) -> TargetEdit:
    """Return the target with all images written; pins only count for override files.

    source: the Application's write source. files: exactly one file with its content.

    Raises:
        EditRefused: the file cannot be edited without doubt.
    """
    ((file, content),) = files.items()
    kind = intent.write_back.target_kind
    if kind is TargetKind.MANIFEST:
        assert content is not None
        edit = edit_manifest_file(intent, content, writes, file=file)
    elif kind in APPLICATION_KINDS:
        assert content is not None
        edit = edit_application_file(intent, content, writes, file=file)
    elif kind is TargetKind.OVERRIDE:
        merged = merged_source(intent, (*pins, *writes), source=source)
        edit = edit_override(
            content,
            kind=_override_kind(intent),
            helm=managed_helm(merged, intent.images),
            kustomize=managed_kustomize(merged, intent.images),
            plugin=managed_plugin(merged, intent.images),
            file=file,
        )
    elif kind is TargetKind.KUSTOMIZATION:
        assert content is not None
        present = read_kustomization_images(content, file=file)
        edit = edit_kustomization(
            content,
            [_kustomize_entry(write, present) for write in writes],
            file=file,
            refuse_shared=intent.write_back.refuse_shared,
        )
    else:
        edit = edit_helm_values(
            content,
            helm_value_writes(writes),
            file=file,
            refuse_shared=intent.write_back.refuse_shared,
        )
    return TargetEdit(file, edit.content, edit.changed, edit.also_changed, edit.ignored)


def merged_source(
    intent: ApplicationIntent, writes: Sequence[ImageWrite], *, source: Source
) -> Source:
    """Return the source with all images set, in the order of the configured images.

    Raises:
        TargetMismatch: an image's target does not fit the Application's type.
    """
    for write in _in_order(intent, writes):
        source = set_image(
            source,
            settings=write.settings,
            application_type=intent.application_type,
            source_type=intent.source_type,
            tag=write.tag,
            running_repository=repository_text(write.running),
        )
    return source


def merged_sources(
    intent: ApplicationIntent, writes: Sequence[ImageWrite], *, application: Application
) -> Mapping[SourceRef, tuple[ApplicationType, Source]]:
    """Return every source of an Application that the images change, with the kind of its list.

    application: the object as it is now, which may be newer than the one that was planned on.

    Raises:
        TargetMismatch: a source is gone, or an image's target does not fit it.
    """
    changed: dict[SourceRef, tuple[ApplicationType, Source]] = {}
    for write in _in_order(intent, writes):
        place = placement_of(intent, write.settings)
        source = changed[place.ref][1] if place.ref in changed else application.source_at(place.ref)
        if source is None:
            raise TargetMismatch(f"{application.key} has no {place.ref} any more")
        kind = way_of(
            write.settings,
            application_type=place.application_type,
            source_type=place.source_type,
        )
        merged = set_image(
            source,
            settings=write.settings,
            application_type=place.application_type,
            source_type=place.source_type,
            tag=write.tag,
            running_repository=repository_text(write.running),
        )
        changed[place.ref] = (kind, merged)
    return changed


def _in_order(intent: ApplicationIntent, writes: Sequence[ImageWrite]) -> list[ImageWrite]:
    order = {id(settings): index for index, settings in enumerate(intent.images)}
    return sorted(writes, key=lambda write: order.get(id(write.settings), 0))


def _override_kind(intent: ApplicationIntent) -> ApplicationType:
    """Return which block an override file gets: plugin variables win over the type."""
    if any(item.target.plugin_name or item.target.plugin_spec for item in intent.images):
        return ApplicationType.PLUGIN
    return intent.application_type


def _kustomize_entry(write: ImageWrite, present: Sequence[KustomizeEntry]) -> KustomizeEntry:
    """Return the entry for one image under the name that the manifests use.

    An entry only works if its name equals the name in the manifests to the letter, so the spelling
    of an existing entry comes first, then that of the running image.
    """
    image = write.image
    tag = write.tag
    if original := write.settings.target.kustomize_name:
        return KustomizeEntry(original, image.full_name, tag.name, tag.digest)
    for entry in present:
        if same_image(parse_image(entry.name), image):
            return KustomizeEntry(entry.name, "", tag.name, tag.digest)
    name = repository_text(write.running) if write.running else image.full_name
    return KustomizeEntry(name, "", tag.name, tag.digest)
