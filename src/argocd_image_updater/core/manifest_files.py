"""Container images in plain Kubernetes manifests, as Directory Applications hold them.

Invariant: only the tag and digest of a container's image change, for images of the name that is
configured; its repository stays as it is spelled. Objects are known by where they keep containers,
so that resources of others count too.
Source of the fields: https://kubernetes.io/docs/concepts/workloads/, docs/write-back.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.edits.layout import detect_style
from argocd_image_updater.core.edits.objects import child_of, node_at, objects_in
from argocd_image_updater.core.edits.operations import Operation, SetScalar, edit_text
from argocd_image_updater.core.edits.result import Edit
from argocd_image_updater.core.edits.source_images import refuse_templates
from argocd_image_updater.core.edits.yamltext import parse
from argocd_image_updater.core.edits.yamltree import (
    effective_value,
    holds,
    join_path,
    scalar_of,
    shared_paths,
)
from argocd_image_updater.core.parameters.kustomize import repository_text
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import (
    ImageReference,
    ImageTag,
    hub_equivalent,
    parse_image,
    same_image,
    with_tag,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argocd_image_updater.core.edits.objects import FileObject
    from argocd_image_updater.core.edits.yamltext import YamlText
    from argocd_image_updater.core.settings import ApplicationIntent, ImageSettings
    from argocd_image_updater.core.targets import ImageWrite

# Where a specification of a Pod stands: in a Pod, in what has a template of one, in a CronJob, and
# in a PodTemplate.
_POD_SPECS = (
    ("spec",),
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("template", "spec"),
)
_LISTS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class _Container:
    """The image of one container: its node, its text, and its path in the document."""

    node: int
    text: str
    labels: tuple[str, ...]


def edit_manifest_file(
    intent: ApplicationIntent, content: bytes, writes: Sequence[ImageWrite], *, file: str
) -> Edit:
    """Return the file with the images in all containers that run them.

    Raises:
        EditRefused: no container runs an image, or the edit cannot be proven.
    """
    doc = parse(content, file=file)
    containers = tuple(_containers(intent, doc))
    wanted: dict[int, str] = {}
    shared: set[str] = set()
    own: set[str] = set()
    for write in writes:
        for container in _running(doc, containers, write.settings):
            value = _with_tag(container.text, write)
            node = container.node
            if wanted.setdefault(node, value) != value:
                message = f"two settings want this image: {wanted[node]} and {value}"
                doc.refuse(Reason.AMBIGUOUS, message, at=node)
            own.add(join_path(container.labels))
            if not holds(doc, node, value):
                shared.update(shared_paths(doc, node))
    also_changed = tuple(sorted(shared - own))
    if also_changed and intent.write_back.refuse_shared:
        message = f"the change would also change {', '.join(also_changed)} through an anchor"
        doc.refuse(Reason.AMBIGUOUS, message)
    operations: list[Operation] = [
        SetScalar(node, value) for node, value in wanted.items() if not holds(doc, node, value)
    ]
    if not operations:
        return Edit(content, changed=False)
    refuse_templates(doc, operations)
    edited = edit_text(doc, operations, style=detect_style(doc))
    return Edit(edited, changed=True, also_changed=also_changed)


def images_in_manifest(
    intent: ApplicationIntent, content: bytes, settings: ImageSettings, *, file: str
) -> tuple[ImageReference, ...]:
    """Return the configured image with each tag that a container of the file asks for.

    Raises:
        EditRefused: the file cannot be read, or its objects are not those the target names.
    """
    doc = parse(content, file=file)
    found = (
        parse_image(container.text)
        for container in _containers(intent, doc)
        if _is_image(parse_image(container.text), settings.reference)
    )
    images = (with_tag(settings.reference, image.tag or ImageTag()) for image in found)
    return tuple({image.full: image for image in images}.values())


def _with_tag(present: str, write: ImageWrite) -> str:
    """Return the image of a container with the new tag and digest."""
    image = write.image
    return repository_text(present) + image.full.removeprefix(image.full_name)


def _running(
    doc: YamlText, containers: Sequence[_Container], settings: ImageSettings
) -> list[_Container]:
    found = [one for one in containers if _is_image(parse_image(one.text), settings.reference)]
    if not found:
        message = f"no container runs {settings.reference.full_name}"
        doc.refuse(Reason.TARGET_MISSING, message)
    return found


def _is_image(present: ImageReference, configured: ImageReference) -> bool:
    return same_image(present, configured) or hub_equivalent(present, configured)


def _containers(intent: ApplicationIntent, doc: YamlText) -> Iterator[_Container]:
    kind, slash, name = intent.write_back.target_name.rpartition("/")
    is_there = False
    for item in objects_in(doc):
        if name in {"", item.name} and (not slash or kind.lower() == item.kind.lower()):
            is_there = True
            yield from _of_object(doc, item)
    if intent.write_back.target_name and not is_there:
        message = f"there is no {intent.write_back.target_name}"
        doc.refuse(Reason.TARGET_MISSING, message)


def _of_object(doc: YamlText, item: FileObject) -> Iterator[_Container]:
    for below in _POD_SPECS:
        spec = node_at(doc, item.node, *below)
        for key in _LISTS if spec is not None else ():
            assert spec is not None
            listed = child_of(doc, spec, key)
            if listed is None or not doc.is_sequence(listed):
                continue
            for number, entry in enumerate(doc.items(listed)):
                labels = (*item.labels, *below, key, f"[{number}]", "image")
                yield from _of_entry(doc, doc.resolved(entry), labels)


def _of_entry(doc: YamlText, entry: int, labels: tuple[str, ...]) -> Iterator[_Container]:
    image = effective_value(doc, entry, "image") if doc.is_mapping(entry) else None
    text = scalar_of(doc, image)
    if image is not None and text:
        yield _Container(doc.resolved(image), text, labels)
