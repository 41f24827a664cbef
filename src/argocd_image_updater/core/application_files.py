"""Images in Applications that are kept in Git: the manifest of one, or the template of a set.

Invariant: the object is found by its name in the file as it is now, and the source of each image is
chosen from what the file says. Only images that change are written.
Source of the rules: docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core import source_type as types
from argocd_image_updater.core.application import SourceRef
from argocd_image_updater.core.edits.helm_values import helm_value_writes
from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.lists import Wanted
from argocd_image_updater.core.edits.objects import node_at, objects_in
from argocd_image_updater.core.edits.operations import edit_text
from argocd_image_updater.core.edits.result import Edit
from argocd_image_updater.core.edits.source_images import (
    SourceEdit,
    helm_places,
    helm_value_of,
    plan_helm,
    plan_source_list,
    read_source,
    refuse_templates,
)
from argocd_image_updater.core.edits.yamltext import parse
from argocd_image_updater.core.parameters.dispatch import set_image, way_of
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.parameters.placement import choose_source
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType, TargetKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argocd_image_updater.core.application import Application, Source
    from argocd_image_updater.core.edits.yamltext import YamlText
    from argocd_image_updater.core.parameters.placement import Placement
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings
    from argocd_image_updater.core.targets import ImageWrite

_KINDS = {TargetKind.APPLICATION: "Application", TargetKind.APPLICATION_SET: "ApplicationSet"}
APPLICATION_KINDS = frozenset(_KINDS)
_BEFORE: dict[TargetKind, tuple[str, ...]] = {
    TargetKind.APPLICATION: (),
    TargetKind.APPLICATION_SET: ("spec", "template"),
}


@dataclass(frozen=True, slots=True)
class FileApplication:
    """An Application of a file: its sources as values, and the nodes they stand at."""

    doc: YamlText
    application: Application
    nodes: Mapping[SourceRef, int]
    labels: tuple[str, ...]

    def below(self, ref: SourceRef) -> tuple[str, ...]:
        """Return the path of a source in its document."""
        if ref.dry:
            return (*self.labels, "spec", "sourceHydrator", "drySource")
        if ref.index is None:
            return (*self.labels, "spec", "source")
        return (*self.labels, "spec", "sources", f"[{ref.index}]")


def edit_application_file(
    intent: ApplicationIntent, content: bytes, writes: Sequence[ImageWrite], *, file: str
) -> Edit:
    """Return the file with the images in the sources that they belong to.

    Raises:
        EditRefused: the object or a source is not there, or the edit cannot be proven.
        TargetMismatch: an image does not fit any source.
    """
    found = find_application(intent, content, file=file)
    doc, edit = found.doc, SourceEdit()
    by_source: dict[SourceRef, list[tuple[ImageWrite, Placement]]] = {}
    for write in writes:
        place = _place(intent, found, write.settings)
        by_source.setdefault(place.ref, []).append((write, place))
    for ref, group in by_source.items():
        _plan_source(found, ref, group, edit=edit)
    refuse_templates(doc, edit.operations)
    also_changed = tuple(sorted(edit.also_changed))
    if also_changed and intent.write_back.refuse_shared:
        message = f"the change would also change {', '.join(also_changed)} through an anchor"
        doc.refuse(Reason.AMBIGUOUS, message)
    if not edit.operations:
        return Edit(content, changed=False)
    edited = edit_text(doc, edit.operations, style=detect_style(doc))
    return Edit(edited, changed=True, also_changed=also_changed)


def file_source(
    intent: ApplicationIntent,
    content: bytes,
    settings: ImageSettings,
    *,
    paths: Sequence[str],
    file: str,
) -> tuple[Source, ApplicationType, Mapping[str, str]]:
    """Return the source that holds an image, its type, and the Helm values at `paths`.

    Raises:
        EditRefused, TargetMismatch: see `edit_application_file`.
    """
    found = find_application(intent, content, file=file)
    place = _place(intent, found, settings)
    source = found.application.source_at(place.ref)
    assert source is not None
    values: dict[str, str] = {}
    if place.application_type is ApplicationType.HELM:
        places = helm_places(found.doc, found.nodes[place.ref])
        found_values = ((path, helm_value_of(places, path)) for path in paths if path)
        values = {path: text for path, text in found_values if text is not None}
    return source, place.application_type, values


def find_application(intent: ApplicationIntent, content: bytes, *, file: str) -> FileApplication:
    """Return the Application that a target names, with the live one's types.

    Raises:
        EditRefused: there is none, or more than one.
    """
    doc = parse(content, file=file)
    kind = intent.write_back.target_kind
    wanted = _KINDS[kind]
    name = intent.write_back.target_name
    if not name and kind is TargetKind.APPLICATION:
        name = intent.application.key.name
    found = [item for item in objects_in(doc) if item.kind == wanted and name in {"", item.name}]
    called = f"{wanted} {name}" if name else wanted
    if not found:
        doc.refuse(Reason.TARGET_MISSING, f"there is no {called}; name it behind a # in the target")
    if len(found) > 1:
        text = f"more than one {called}; name one behind a # in the target"
        doc.refuse(Reason.AMBIGUOUS, text, at=found[1].node)
    [item] = found
    before = _BEFORE[kind]
    root = node_at(doc, item.node, *before) if before else item.node
    spec = node_at(doc, root, "spec") if root is not None else None
    if spec is None:
        doc.refuse(Reason.TARGET_MISSING, f"{called} has no spec with sources", at=item.node)
    return _with_sources(intent, doc, spec, labels=(*item.labels, *before))


def _with_sources(
    intent: ApplicationIntent, doc: YamlText, spec: int, *, labels: tuple[str, ...]
) -> FileApplication:
    live = intent.application
    nodes: dict[SourceRef, int] = {}
    listed: tuple[Source, ...] = ()
    dry = node_at(doc, spec, "sourceHydrator", "drySource")
    several = node_at(doc, spec, "sources")
    single = node_at(doc, spec, "source")
    if several is not None and doc.is_sequence(several):
        items = [doc.resolved(item) for item in doc.items(several)]
        nodes |= {SourceRef(index): node for index, node in enumerate(items)}
        listed = tuple(read_source(doc, node) for node in items)
    if single is not None:
        nodes[SourceRef()] = single
    if dry is not None:
        nodes[SourceRef(dry=True)] = dry
    application = replace(
        live,
        source=read_source(doc, single) if single is not None else None,
        sources=listed,
        dry_source=read_source(doc, dry) if dry is not None else None,
        # What Argo CD found holds for as many sources as it looked at.
        source_types=live.source_types if len(live.source_types) == len(listed) else (),
    )
    return FileApplication(doc, application, nodes, labels)


def _place(intent: ApplicationIntent, found: FileApplication, settings: ImageSettings) -> Placement:
    application = found.application
    is_looked_at = bool(application.source_types) or not application.sources
    choose = types.choose_source if is_looked_at else types.choose_undetected
    ref = choose(application, intent.source_type)
    if ref is None or ref not in found.nodes:
        found.doc.refuse(Reason.TARGET_MISSING, f"{application.key} has no source in this file")
    return choose_source(
        application,
        settings=settings,
        intent_source_ref=ref,
        source_type=intent.source_type,
        application_type=intent.application_type,
    )


def _plan_source(
    found: FileApplication,
    ref: SourceRef,
    group: Sequence[tuple[ImageWrite, Placement]],
    *,
    edit: SourceEdit,
) -> None:
    """Plan all images of one source."""
    doc, node, below = found.doc, found.nodes[ref], found.below(ref)
    source = found.application.source_at(ref)
    assert source is not None
    helm: list[ImageWrite] = []
    kinds: set[ApplicationType] = set()
    for write, place in group:
        way = way_of(
            write.settings,
            application_type=place.application_type,
            source_type=place.source_type,
        )
        if way is ApplicationType.HELM:
            helm.append(write)
            continue
        kinds.add(way)
        source = set_image(
            source,
            settings=write.settings,
            application_type=place.application_type,
            source_type=place.source_type,
            tag=write.tag,
            running_repository=repository_text(write.running),
        )
    if helm:
        plan_helm(helm_places(doc, node, below=below), helm_value_writes(helm), edit=edit)
    for kind in sorted(kinds):
        wanted = Wanted(kind, (), source.kustomize_images or (), source.plugin_env or ())
        plan_source_list(doc, node, wanted, below=below, edit=edit)
