"""Source type, application type and the source that is written.

The write-back target speaks first, then what Argo CD found. Where Argo CD has not looked yet, a
stand-alone run goes by the blocks and charts of the Application itself.

Source of the rules: docs/applications.md, tests/vectors/data/application_type.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.core.application import SourceRef
from argocd_image_updater.core.paths import base_name
from argocd_image_updater.core.settings import ApplicationType, TargetKind

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, Source

HELM = "Helm"
KUSTOMIZE = "Kustomize"
PLUGIN = "Plugin"
DIRECTORY = "Directory"
SUPPORTED = (HELM, KUSTOMIZE, PLUGIN)
OVERRIDE_PREFIX = ".argocd-source-"
_VALUES_SUFFIXES = (".yaml", ".yml")


def has_block(source: Source, source_type: str) -> bool:
    """Whether the source carries the block of the type; an empty one counts."""
    match source_type:
        case "Helm":
            return source.helm_parameters is not None
        case "Kustomize":
            return source.kustomize_images is not None
        case "Plugin":
            return source.plugin_env is not None
        case _:
            return False


def block_type(source: Source) -> str:
    """Return the type of the first block in the order Helm, Kustomize, Plugin, or nothing."""
    return next((name for name in SUPPORTED if has_block(source, name)), "")


def is_override_name(path: str) -> bool:
    """Whether the last path element names an override file of Argo CD."""
    return base_name(path).startswith(OVERRIDE_PREFIX)


def is_values_name(path: str) -> bool:
    """Whether a target path makes any Application a Helm one."""
    return path.endswith(_VALUES_SUFFIXES) and not is_override_name(path)


def source_type_of(application: Application, *, kustomization: bool, target_path: str) -> str:
    """Return the source type by the resolved write-back target, else by the status."""
    if kustomization:
        return KUSTOMIZE
    if is_values_name(target_path):
        return HELM
    return status_type(application)


def status_type(application: Application) -> str:
    """Return the source type as Argo CD found it, whatever the write-back target."""
    if application.dry_source is not None:
        return block_type(application.dry_source) or application.source_type
    if application.sources:
        found = (name for name in application.source_types if name in SUPPORTED)
        return next(found, DIRECTORY)
    return application.source_type


def is_untyped(application: Application) -> bool:
    """Whether Argo CD has not yet said what the sources are."""
    if application.dry_source is None and application.sources:
        return not application.source_types
    return not application.source_type


def declared_type(application: Application) -> str:
    """Return the type by block, else by chart, of the first source that tells; else nothing.

    Only for an Application that Argo CD has not compared.
    """
    sources = candidates(application)
    for source in sources:
        if found := block_type(source):
            return found
    return HELM if any(source.chart for source in sources) else ""


def candidates(application: Application) -> tuple[Source, ...]:
    """Return the sources in force: the dry source, else the list, else the single one."""
    if application.dry_source is not None:
        return (application.dry_source,)
    if application.sources:
        return application.sources
    return (application.source,) if application.source is not None else ()


def application_type(source_type: str, *, method: str) -> ApplicationType:
    """Return how values are put into an Application of this source type."""
    # COMPAT: a plugin Application with Git write-back counts as Helm (application_type.json).
    if source_type == PLUGIN:
        return ApplicationType.HELM if method == "git" else ApplicationType.PLUGIN
    if source_type in (HELM, KUSTOMIZE):
        return ApplicationType(source_type.lower())
    return ApplicationType.UNSUPPORTED


def target_kind(path: str, kind: ApplicationType) -> TargetKind:
    """Return what kind of file a path is that is no kustomization."""
    if is_override_name(path) or kind is not ApplicationType.HELM:
        return TargetKind.OVERRIDE
    return TargetKind.VALUES


def choose_source(application: Application, source_type: str) -> SourceRef | None:
    """Return the one source that is written, or None where there is none."""
    if application.dry_source is not None:
        return SourceRef(dry=True)
    if application.sources:
        return SourceRef(_choose_of_many(application, source_type))
    return SourceRef() if application.source is not None else None


def _choose_of_many(application: Application, source_type: str) -> int:
    sources, types = application.sources, application.source_types
    for index, source in enumerate(sources):
        if has_block(source, source_type):
            return index
    if source_type != DIRECTORY and len(types) == len(sources) and source_type in types:
        return types.index(source_type)
    for index, source in enumerate(sources):
        if block_type(source):
            return index
    return 0


def choose_directory(application: Application, source_type: str) -> SourceRef | None:
    """Return the source whose manifests are written: the first that is a directory."""
    sources, types = application.sources, application.source_types
    if application.dry_source is None and len(types) == len(sources):
        for index, source in enumerate(sources):
            if types[index] == DIRECTORY and source.path:
                return SourceRef(index)
    return choose_source(application, source_type)


def choose_undetected(application: Application, source_type: str) -> SourceRef | None:
    """Return the source to write where Argo CD has not compared the Application.

    A source without path and chart only lends its files to others and comes last.
    """
    if application.dry_source is not None or not application.sources:
        return choose_source(application, source_type)
    sources = application.sources
    for index, source in enumerate(sources):
        if has_block(source, source_type):
            return SourceRef(index)
    for index, source in enumerate(sources):
        if (source_type == HELM and source.chart) or (source_type != HELM and source.path):
            return SourceRef(index)
    return SourceRef(next((i for i, s in enumerate(sources) if s.path or s.chart), 0))
