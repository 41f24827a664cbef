"""Images in one source of an Application in a file: its lists, ``valuesObject`` and ``values``.

Invariant: a value is changed where Argo CD takes it from: a Helm parameter beats ``valuesObject``,
which takes the place of ``values``. Only what differs is touched, and a value that is a template is
never replaced. Sources: docs/write-back.md, https://argo-cd.readthedocs.io/en/stable/user-guide/helm/.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.application import HelmParameter, Source
from argocd_image_updater.core.edits.application_manifest import plan_list
from argocd_image_updater.core.edits.helm_values import value_below, values_part
from argocd_image_updater.core.edits.lists import (
    LIST_KEYS,
    Wanted,
    list_node,
    read_env,
    read_images,
    read_parameters,
)
from argocd_image_updater.core.edits.objects import child_of, node_at
from argocd_image_updater.core.edits.operations import EditEmbedded, Operation, SetScalar
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.edits.yamltext import parse
from argocd_image_updater.core.edits.yamltree import join_path, scalar_of, shared_paths
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.core.edits.helm_values import ValueWrite
    from argocd_image_updater.core.edits.yamltext import YamlText

TEMPLATE_MARK = "{{"
_HELM, _KUSTOMIZE = ApplicationType.HELM, ApplicationType.KUSTOMIZE
_PLUGIN = ApplicationType.PLUGIN


@dataclass(slots=True)
class SourceEdit:
    """The operations on one or more sources, and the other paths that change with them."""

    operations: list[Operation] = field(default_factory=list)
    also_changed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class HelmPlaces:
    """Where a source keeps Helm values; below: the path of the source.

    text: the node of ``values``, where it counts.
    """

    doc: YamlText
    source: int
    below: tuple[str, ...]
    parameters: tuple[HelmParameter, ...] = ()
    values_object: int | None = None
    text: int | None = None


def read_source(doc: YamlText, node: int) -> Source:
    """Return a source of a file as far as the place of an image goes by it."""
    helm, kustomize, plugin = (
        list_node(doc, node, kind=kind) for kind in (_HELM, _KUSTOMIZE, _PLUGIN)
    )
    return Source(
        repo_url=scalar_of(doc, child_of(doc, node, "repoURL")) or "",
        path=scalar_of(doc, child_of(doc, node, "path")) or "",
        chart=scalar_of(doc, child_of(doc, node, "chart")) or "",
        helm_parameters=(read_parameters(doc, helm) if helm is not None else ())
        if child_of(doc, node, "helm") is not None
        else None,
        kustomize_images=(read_images(doc, kustomize) if kustomize is not None else ())
        if child_of(doc, node, "kustomize") is not None
        else None,
        plugin_env=(read_env(doc, plugin) if plugin is not None else ())
        if child_of(doc, node, "plugin") is not None
        else None,
    )


def helm_places(doc: YamlText, source: int, *, below: tuple[str, ...] = ()) -> HelmPlaces:
    """Return where a source keeps Helm values."""
    parameters = list_node(doc, source, kind=_HELM)
    places = HelmPlaces(
        doc, source, below, read_parameters(doc, parameters) if parameters is not None else ()
    )
    found = node_at(doc, source, "helm", "valuesObject")
    if found is not None:
        return replace(places, values_object=found)
    text = node_at(doc, source, "helm", "values")
    content = scalar_of(doc, text) if text is not None else None
    return replace(places, text=text) if content and content.strip() else places


def _inner(places: HelmPlaces, text: int) -> tuple[YamlText, int | None]:
    """Return what ``values`` holds, and the root that values stand below.

    Raises:
        EditRefused: it cannot be read, or is a template.
    """
    doc, content = places.doc, scalar_of(places.doc, text) or ""
    try:
        inner = parse(content.encode(), file=f"{doc.file}: {_text_path(places)}")
    except EditRefused as refusal:
        if TEMPLATE_MARK not in content:
            raise refusal from None
        inner = None
    if inner is None or any(_is_template(inner, index) for index in range(len(inner.events))):
        doc.refuse(Reason.AMBIGUOUS, f"{_text_path(places)} is a template", at=text)
    filled = (root for root in inner.roots if not inner.is_null(root))
    return inner, next(filled, inner.roots[0] if inner.roots else None)


def _text_path(places: HelmPlaces) -> str:
    return join_path((*places.below, "helm", "values"))


def _is_template(inner: YamlText, index: int) -> bool:
    """Whether two brackets open here: YAML takes an action without quotes for a mapping."""
    is_node = inner.is_mapping(index)
    return is_node and inner.text.startswith(TEMPLATE_MARK, inner.start(index))


def helm_value_of(places: HelmPlaces, path: str) -> str | None:
    """Return the value that Argo CD takes for a path; None if the source gives none.

    Raises:
        EditRefused: ``values`` has to be looked at and cannot be read, or is a template.
    """
    given = [item.value for item in places.parameters if item.name == path]
    if given:
        return given[-1]
    if places.values_object is not None:
        return value_below(places.doc, places.values_object, path)
    if places.text is None:
        return None
    inner, root = _inner(places, places.text)
    return value_below(inner, root, path) if root is not None else None


def plan_helm(places: HelmPlaces, writes: Sequence[ValueWrite], *, edit: SourceEdit) -> None:
    """Plan Helm values: where each stands, else beside the others of the source.

    Raises:
        EditRefused: a path does not fit.
    """
    named = {item.name for item in places.parameters}
    has_values = places.values_object is not None or places.text is not None
    as_values: list[ValueWrite] = []
    as_parameters: dict[str, str] = {}
    for write in writes:
        is_named = write.path in named
        if (
            not is_named
            and has_values
            and (not named or helm_value_of(places, write.path) is not None)
        ):
            as_values.append(write)
        else:
            as_parameters[write.path] = write.value
    if as_parameters:
        _plan_parameters(places, as_parameters, edit=edit)
    if as_values:
        _plan_values(places, as_values, edit=edit)


def _plan_parameters(places: HelmPlaces, values: Mapping[str, str], *, edit: SourceEdit) -> None:
    present = {item.name for item in places.parameters}
    kept = [
        HelmParameter(item.name, values[item.name], force_string=True)
        if item.name in values
        else item
        for item in places.parameters
    ]
    new = [
        HelmParameter(name, value, force_string=True)
        for name, value in values.items()
        if name not in present
    ]
    wanted = Wanted(_HELM, (*kept, *new), (), ())
    plan_source_list(places.doc, places.source, wanted, below=places.below, edit=edit)


def plan_source_list(
    doc: YamlText, source: int, wanted: Wanted, *, below: tuple[str, ...], edit: SourceEdit
) -> None:
    """Plan one whole list of a source."""
    planned = plan_list(doc, source, wanted, path=join_path((*below, *LIST_KEYS[wanted.kind])))
    edit.operations += planned.operations
    edit.also_changed |= set(planned.also_changed(doc))


def _plan_values(places: HelmPlaces, writes: Sequence[ValueWrite], *, edit: SourceEdit) -> None:
    doc = places.doc
    if places.values_object is not None:
        below = (*places.below, "helm", "valuesObject")
        part = values_part(doc, writes, root=places.values_object, below=below)
        edit.operations += part.operations
        edit.also_changed |= set(part.also_changed)
        return
    assert places.text is not None, "values go where there are some"
    inner, root = _inner(places, places.text)
    part = values_part(inner, writes, root=root)
    if not part.operations:
        return
    where = _text_path(places)
    edit.operations.append(EditEmbedded(places.text, inner, part.operations))
    edit.also_changed |= {f"{where}: {path}" for path in part.also_changed}
    edit.also_changed |= {path for path in shared_paths(doc, places.text) if path != where}


def refuse_templates(doc: YamlText, operations: Iterable[Operation]) -> None:
    """Refuse to replace a value that something else is put into first.

    Raises:
        EditRefused: an operation would.
    """
    for operation in operations:
        if isinstance(operation, EditEmbedded):
            refuse_templates(operation.inner, operation.operations)
        elif isinstance(operation, SetScalar):
            text = scalar_of(doc, operation.at) or ""
            if TEMPLATE_MARK in text:
                message = f"the value {shorten(text, 60)!r} is a template, which stays as it is"
                doc.refuse(Reason.AMBIGUOUS, message, at=operation.at)
