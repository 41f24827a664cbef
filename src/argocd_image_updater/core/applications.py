"""Decode an Argo CD Application into the small snapshot this product works with.

Only fields that are used are looked at; a wrong type in one of them is a problem that names the
field, everything else in the document is nobody's fault.

Source of the fields: Argo CD's Application specification,
https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argocd_image_updater.core.application import (
    Application,
    Destination,
    EnvEntry,
    HelmParameter,
    ObjectKey,
    Origin,
    Source,
)
from argocd_image_updater.core.deployment import Deployment, read_deployment
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.schema import Block, Flag, ListOf, Report, Shape, Text, check
from argocd_image_updater.core.settings import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

API_GROUP = "argoproj.io"
KIND = "Application"


def _open(**fields: Shape) -> Block:
    return Block(fields, is_open=True)


_SOURCE = _open(
    repoURL=Text(),
    path=Text(),
    targetRevision=Text(),
    chart=Text(),
    ref=Text(),
    helm=_open(
        parameters=ListOf(_open(name=Text(), value=Text(), forceString=Flag())),
        valueFiles=ListOf(Text()),
    ),
    kustomize=_open(images=ListOf(Text())),
    plugin=_open(env=ListOf(_open(name=Text(), value=Text()))),
)

_APPLICATION = _open(
    metadata=Block(
        {
            "name": Text(min_length=1),
            "namespace": Text(),
            "uid": Text(),
            "resourceVersion": Text(),
            "deletionTimestamp": Text(),
            "labels": Block({}, is_open=True),
            "annotations": Block({}, is_open=True),
        },
        required=("name",),
        is_open=True,
    ),
    spec=_open(
        project=Text(),
        destination=_open(server=Text(), name=Text(), namespace=Text()),
        source=_SOURCE,
        sources=ListOf(_SOURCE),
        sourceHydrator=_open(drySource=_SOURCE),
    ),
    status=_open(
        sourceType=Text(),
        sourceTypes=ListOf(Text()),
        summary=_open(images=ListOf(Text())),
    ),
)


def decode_application(
    document: Mapping[str, Any], *, origin: Origin, default_namespace: str = ""
) -> tuple[Application | None, list[Problem], list[str]]:
    """Return the Application (None if a used field is unreadable), its problems and warnings."""
    report = Report()
    cleaned = check(_APPLICATION, document, "", report=report) or {}
    metadata = cleaned.get("metadata") or {}
    key = ObjectKey(metadata.get("namespace") or default_namespace, metadata.get("name") or "")
    if "metadata" not in cleaned:
        report.fault("metadata", "is required", fatal=True)
    label = f"{KIND} {key}{origin.in_brackets}"
    problems = [
        Problem(
            Reason.SETTINGS_INVALID,
            f"{label}: {fault.path}: {fault.message}",
            application=key,
            field_path=fault.path,
        )
        for fault in report.faults
    ]
    if problems:
        return None, problems, []
    warnings: list[str] = []
    labels = _string_map(document, "labels", label=label, warnings=warnings)
    annotations = _string_map(document, "annotations", label=label, warnings=warnings)
    application = _application(
        cleaned,
        key,
        labels=labels,
        annotations=annotations,
        deployment=read_deployment(document.get("status")),
        origin=origin,
    )
    return application, [], warnings


def _string_map(
    document: Mapping[str, Any], name: str, *, label: str, warnings: list[str]
) -> dict[str, str]:
    """Return the text entries of a metadata map; the others are named and left out."""
    entries = document["metadata"].get(name) or {}
    kept = {str(key): value for key, value in entries.items() if isinstance(value, str)}
    warnings.extend(
        f"{label}: metadata.{name}.{key} is not text and is ignored; write it in quotes"
        for key in entries
        if str(key) not in kept
    )
    return kept


def _application(
    cleaned: Mapping[str, Any],
    key: ObjectKey,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    deployment: Deployment,
    origin: Origin,
) -> Application:
    metadata = cleaned["metadata"]
    spec, status = cleaned.get("spec", {}), cleaned.get("status", {})
    hydrator = spec.get("sourceHydrator")
    source_types = status.get("sourceTypes", ())
    return Application(
        key=key,
        source=_source(spec["source"]) if "source" in spec else None,
        sources=tuple(_source(source) for source in spec.get("sources", ())),
        dry_source=None if hydrator is None else _source(hydrator.get("drySource", {})),
        source_type=status.get("sourceType", ""),
        source_types=tuple(source_types),
        live_images=tuple(status.get("summary", {}).get("images", ())),
        has_status=bool(status.get("sourceType") or source_types or "summary" in status),
        labels=labels,
        annotations=annotations,
        project=spec.get("project", ""),
        destination=_destination(spec.get("destination", {})),
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        deleting=bool(metadata.get("deletionTimestamp")),
        origin=origin,
        deployment=deployment,
    )


def _destination(destination: Mapping[str, Any]) -> Destination:
    return Destination(
        destination.get("server", ""),
        destination.get("name", ""),
        destination.get("namespace", ""),
    )


def _source(source: Mapping[str, Any]) -> Source:
    helm, kustomize, plugin = (source.get(name) for name in ("helm", "kustomize", "plugin"))
    return Source(
        repo_url=source.get("repoURL", ""),
        path=source.get("path", ""),
        target_revision=source.get("targetRevision", ""),
        chart=source.get("chart", ""),
        ref=source.get("ref", ""),
        helm_parameters=None
        if helm is None
        else tuple(
            HelmParameter(
                item.get("name", ""), item.get("value", ""), item.get("forceString", False)
            )
            for item in helm.get("parameters", ())
        ),
        helm_value_files=tuple((helm or {}).get("valueFiles", ())),
        kustomize_images=None if kustomize is None else tuple(kustomize.get("images", ())),
        plugin_env=None
        if plugin is None
        else tuple(
            EnvEntry(item.get("name", ""), item.get("value", "")) for item in plugin.get("env", ())
        ),
    )
