"""The store of stand-alone mode: folders of manifests as one snapshot.

Everything that a cluster would hold is read from files: resources, Applications, Secrets,
ConfigMaps, ServiceAccounts and the registries file. A broken file, document or object ends only
itself and is named with file and line; objects of other kinds are nobody's business.

Source of the rules: docs/standalone.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argocd_image_updater.core import applications as application_kind
from argocd_image_updater.core import resource as resource_kind
from argocd_image_updater.core import service_accounts as account_kind
from argocd_image_updater.core.application import Application, ObjectKey, Origin
from argocd_image_updater.core.applications import decode_application
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.resource import Resource, decode_resource
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.core.snapshot import Secret, Snapshot
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.manifests.config_objects import (
    decode_config_map,
    decode_secret,
    object_key,
)
from argocd_image_updater.manifests.files import (
    REGISTRIES_EXTRA_FILE,
    REGISTRIES_FILE,
    find_files,
    read_text,
)
from argocd_image_updater.manifests.yaml_documents import BrokenYaml, Document, read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from argocd_image_updater.core.service_accounts import ServiceAccount

DEFAULT_NAMESPACE = "argocd"
# Ends the one warning that tells of no mistake: templates lie beside manifests.
TEMPLATE_REMARK = "it looks like a template and is ignored"
REGISTRIES_CONFIG_MAP = "argocd-image-updater-config"
_APPLICATION_API = f"{application_kind.API_GROUP}/v1alpha1"
_CORE_API = "v1"
_LIST = "List"
_HELM_TEMPLATE = re.compile(
    r"\{\{-?\s*[^}]*(\.Values|\.Release|\.Chart|\.Capabilities|include |toYaml|define |tpl )"
)


@dataclass(slots=True)
class _Collector:
    """Objects by key as they are met."""

    default_namespace: str
    resources: dict[ObjectKey, Resource] = field(default_factory=dict)
    applications: dict[ObjectKey, Application] = field(default_factory=dict)
    secrets: dict[ObjectKey, Secret] = field(default_factory=dict)
    service_accounts: dict[ObjectKey, ServiceAccount] = field(default_factory=dict)
    config_maps: dict[ObjectKey, Mapping[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    places: dict[tuple[str, ObjectKey], Origin] = field(default_factory=dict)

    def problem(self, message: str) -> None:
        self.problems.append(Problem(Reason.SETTINGS_INVALID, message))

    def is_first(self, kind: str, key: ObjectKey, origin: Origin) -> bool:
        """Record where an object stands; a second one of the same name is a problem."""
        first = self.places.setdefault((kind, key), origin)
        if first is origin:
            return True
        self.problems.append(
            Problem(
                Reason.SETTINGS_INVALID,
                f"{kind} {key} stands twice, at {first} and at {origin}: the first is used",
                resource=key if kind == resource_kind.KIND else None,
                application=key if kind == application_kind.KIND else None,
            )
        )
        return False


def read_snapshot(
    folders: Sequence[Path],
    *,
    registries_conf_path: Path | None = None,
    default_namespace: str = DEFAULT_NAMESPACE,
) -> Snapshot:
    """Read folders (or single files) of manifests.

    Raises:
        ConfigError: a folder or the named registries file is missing, or there are too many files.
    """
    found = find_files(folders)
    collector = _Collector(default_namespace, warnings=found.warnings)
    for path in found.manifests:
        _read_file(path, collector)
    return Snapshot(
        resources=tuple(item for _, item in sorted(collector.resources.items())),
        applications=tuple(item for _, item in sorted(collector.applications.items())),
        secrets=collector.secrets,
        service_accounts=collector.service_accounts,
        config_maps=collector.config_maps,
        registries_conf=_registries_conf(
            registries_conf_path, found.registries, collector=collector
        ),
        registries_extra=_registries_extra(
            registries_conf_path, found.registries_extra, collector=collector
        ),
        problems=tuple(collector.problems),
        warnings=tuple(collector.warnings),
    )


def _read_file(path: Path, collector: _Collector) -> None:
    try:
        text = read_text(path)
    except ConfigError as error:
        collector.problem(str(error))
        return
    try:
        for document in read_documents(text):
            for item, origin in objects_of(document, str(path)):
                _add(item, origin, collector)
    except BrokenYaml as error:
        message = f"{path}:{error.line}: {error}"
        if _is_template(text):
            collector.warnings.append(f"{message}; {TEMPLATE_REMARK}")
        else:
            collector.problem(message)


def _is_template(text: str) -> bool:
    """Whether a text that is no YAML is a template which was never meant to be read as it is."""
    if "{{" not in text:
        return False
    return f"kind: {resource_kind.KIND}" not in text or bool(_HELM_TEMPLATE.search(text))


def objects_of(document: Document, file: str) -> Iterator[tuple[Mapping[str, Any], Origin]]:
    """Yield the Kubernetes objects of a document; a list gives its items."""
    value = document.value
    if not isinstance(value, dict):
        return
    kind, items = value.get("kind"), value.get("items")
    if not isinstance(kind, str) or not kind.endswith(_LIST) or not isinstance(items, list):
        yield value, Origin(file, document.index, document.line)
        return
    # Items of a typed list need not repeat what the list says.
    implied = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix(_LIST)}
    for index, item in enumerate(items):
        if isinstance(item, dict):
            line = document.item_lines.get(id(item), document.line)
            full = item if kind == _LIST else implied | item
            yield full, Origin(file, document.index, line, index)


def _add(document: Mapping[str, Any], origin: Origin, collector: _Collector) -> None:
    match document.get("apiVersion"), document.get("kind"):
        case resource_kind.API_VERSION, resource_kind.KIND:
            _add_resource(document, origin, collector)
        case str() as version, resource_kind.KIND:
            collector.warnings.append(
                f"{origin}: apiVersion {version} of {resource_kind.KIND} is not known; "
                f"use {resource_kind.API_VERSION}"
            )
        case version, application_kind.KIND if version == _APPLICATION_API:
            _add_application(document, origin, collector)
        case version, "Secret" if version == _CORE_API:
            _add_secret(document, origin, collector)
        case version, account_kind.KIND if version == _CORE_API:
            _add_service_account(document, origin, collector)
        case version, "ConfigMap" if version == _CORE_API:
            _add_config_map(document, origin, collector)


def _add_resource(document: Mapping[str, Any], origin: Origin, collector: _Collector) -> None:
    resource, problems, warnings = decode_resource(
        document, origin=origin, default_namespace=collector.default_namespace
    )
    collector.problems += problems
    collector.warnings += warnings
    # The API server would not have taken a resource with any of these problems.
    if resource is None or problems:
        return
    if collector.is_first(resource_kind.KIND, resource.key, origin):
        collector.resources[resource.key] = resource


def _add_application(document: Mapping[str, Any], origin: Origin, collector: _Collector) -> None:
    application, problems, warnings = decode_application(
        document, origin=origin, default_namespace=collector.default_namespace
    )
    collector.problems += problems
    collector.warnings += warnings
    if application is not None and collector.is_first(
        application_kind.KIND, application.key, origin
    ):
        collector.applications[application.key] = application


def _add_secret(document: Mapping[str, Any], origin: Origin, collector: _Collector) -> None:
    key = object_key(document, default_namespace=collector.default_namespace)
    if key is not None and collector.is_first("Secret", key, origin):
        secret, warnings = decode_secret(document, key, origin=origin)
        collector.secrets[key] = secret
        collector.warnings += warnings


def _add_service_account(
    document: Mapping[str, Any], origin: Origin, collector: _Collector
) -> None:
    key = object_key(document, default_namespace=collector.default_namespace)
    if key is not None and collector.is_first(account_kind.KIND, key, origin):
        collector.service_accounts[key] = account_kind.decode_service_account(document, key)


def _add_config_map(document: Mapping[str, Any], origin: Origin, collector: _Collector) -> None:
    key = object_key(document, default_namespace=collector.default_namespace)
    if key is not None and collector.is_first("ConfigMap", key, origin):
        collector.config_maps[key] = decode_config_map(document)


def _registries_conf(
    named: Path | None, found: Sequence[Path], *, collector: _Collector
) -> tuple[str, str] | None:
    """Return the registries file: the one that is named, one in a folder, or the ConfigMap's."""
    if named is not None:
        return read_text(named), str(named)
    for path in sorted(found, key=lambda item: len(item.parts)):
        try:
            return read_text(path), str(path)
        except ConfigError as error:
            collector.problem(str(error))
    return _of_config_map(REGISTRIES_FILE, collector)


def _registries_extra(
    named: Path | None, found: Sequence[Path], *, collector: _Collector
) -> tuple[str, str] | None:
    """Return the file of further settings from where the registries file would be.

    One that cannot be read is an error: without it credentials could go elsewhere than was meant.
    """
    if named is not None:
        beside = named.with_name(REGISTRIES_EXTRA_FILE)
        return (read_text(beside), str(beside)) if beside.is_file() else None
    if found:
        path = min(found, key=lambda item: (len(item.parts), item))
        return read_text(path), str(path)
    return _of_config_map(REGISTRIES_EXTRA_FILE, collector)


def _of_config_map(file: str, collector: _Collector) -> tuple[str, str] | None:
    own = ObjectKey(collector.default_namespace, REGISTRIES_CONFIG_MAP)
    for key in (own, *sorted(collector.config_maps)):
        if key.name == REGISTRIES_CONFIG_MAP:
            text = collector.config_maps.get(key, {}).get(file)
            if text is not None:
                return text, f"ConfigMap {key}"
    return None
