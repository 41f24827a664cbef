"""Resolve where and how the changes of one Application are written.

The target is read first, then the type it implies, then the one source that belongs to it; path,
repository and branch all come from that source.

Source of the rules: docs/write-back.md, tests/vectors/data/write_back_target.json and
branch_spec.json.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core import source_type as types
from argocd_image_updater.core.paths import inside, join
from argocd_image_updater.core.resource_schema import PROVIDERS
from argocd_image_updater.core.settings import (
    ApplicationType,
    PullRequest,
    TargetKind,
    WriteBack,
    WritePlace,
)
from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.core.write_back_repository import RepositoryPlace, place_repository
from argocd_image_updater.core.write_back_texts import (
    APPLICATION,
    APPLICATION_SET,
    HELM_VALUES,
    KUSTOMIZATION,
    MANIFEST,
    OBJECT_WORDS,
    Method,
    Target,
    clean_labels,
    parse_branches,
    parse_method,
    parse_target,
)
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, SourceRef
    from argocd_image_updater.core.inheritance import WriteBackSettings
    from argocd_image_updater.core.resource import WriteBackConfig

_TARGET_KEY_DIGITS = 8
# Targets of ours by their word: files that hold the Application itself, or what it deploys.
_OBJECT_KINDS = {
    APPLICATION: TargetKind.APPLICATION,
    APPLICATION_SET: TargetKind.APPLICATION_SET,
    MANIFEST: TargetKind.MANIFEST,
}


@dataclass(frozen=True, slots=True)
class Placement:
    """The resolved write-back of one Application with the type and source it belongs to.

    fault: why writing will not work although the settings can be read, or empty.
    """

    write_back: WriteBack
    source_type: str
    application_type: ApplicationType
    write_source: SourceRef
    needs_type: bool = False
    fault: str = ""


def resolve_write_back(
    application: Application,
    settings: WriteBackSettings,
    *,
    controller_namespace: str,
    standalone: bool,
) -> Placement:
    """Resolve the write-back, or raise ConfigError (PathOutside where a path leaves the tree)."""
    config = settings.config
    method = parse_method(config.method, namespace=application.key.namespace)
    is_git = method.name == "git"
    target = parse_target(config.write_back_target or "") if is_git else None
    if not types.candidates(application):
        raise ConfigError(f"Application {application.key} has no source")
    source_type, needs_type = _type_of(application, target, standalone=standalone)
    untyped = standalone and types.is_untyped(application)
    choose = types.choose_undetected if untyped else types.choose_source
    if target is not None and target.word == MANIFEST and not untyped:
        choose = types.choose_directory
    write_source = choose(application, source_type)
    assert write_source is not None
    placement = Placement(
        WriteBack(method=method.name, origins={"method": settings.origin("method")}),
        source_type,
        _application_type(source_type, target, method=method.name),
        write_source,
        needs_type,
    )
    if is_git:
        return _with_git(
            placement,
            application,
            settings=settings,
            method=method,
            target=target,
            controller_namespace=controller_namespace,
        )
    source = application.source_at(write_source)
    assert source is not None
    path = join(source.path, override_name(application, controller_namespace=controller_namespace))
    return replace(placement, write_back=replace(placement.write_back, target_path=path))


def place_image(
    application: Application,
    settings: WriteBackSettings,
    *,
    common: Placement,
    controller_namespace: str,
    standalone: bool,
) -> WritePlace:
    """Resolve the target of one image; settings: with that target. common: the Application's.

    Everything but the file is the Application's, so that its images go into one commit.

    Raises:
        ConfigError: the target cannot be read, or lies in another repository or on another branch.
    """
    found = resolve_write_back(
        application,
        settings,
        controller_namespace=controller_namespace,
        standalone=standalone,
    )
    shared, own = common.write_back, found.write_back
    if (own.repository, own.base_branch) != (shared.repository, shared.base_branch):
        raise ConfigError(
            f"its writeBackTarget belongs to {own.repository} at {own.base_branch or 'HEAD'}, and "
            f"the Application is written to {shared.repository} at "
            f"{shared.base_branch or 'HEAD'}: set gitConfig.repository and gitConfig.branch, which "
            "then hold for all its images"
        )
    return WritePlace(
        target=settings.config.write_back_target or "",
        write_back=replace(own, target_key=shared.target_key),
        source_type=found.source_type,
        application_type=found.application_type,
        write_source=found.write_source,
        needs_type=found.needs_type,
    )


def override_name(application: Application, *, controller_namespace: str) -> str:
    """Return the name of the override file that Argo CD reads for this Application."""
    namespace, name = application.key.namespace, application.key.name
    # COMPAT: a controller namespace called "default" means the short form (write_back_target.json).
    if namespace in ("", controller_namespace) or controller_namespace == "default":
        return f"{types.OVERRIDE_PREFIX}{name}.yaml"
    return f"{types.OVERRIDE_PREFIX}{namespace}_{name}.yaml"


def retyped(placement: Placement, source_type: str) -> Placement:
    """Return the placement with a source type that was found out in the repository."""
    write_back = placement.write_back
    is_object = write_back.target_kind in _OBJECT_KINDS.values()
    method = "argocd" if is_object else write_back.method
    kind = types.application_type(source_type, method=method)
    is_file = write_back.target_kind is not TargetKind.KUSTOMIZATION and not is_object
    if write_back.method == "git" and is_file:
        write_back = replace(
            write_back, target_kind=types.target_kind(write_back.target_path, kind)
        )
    return replace(
        placement,
        write_back=write_back,
        source_type=source_type,
        application_type=kind,
        needs_type=False,
    )


def _application_type(source_type: str, target: Target | None, *, method: str) -> ApplicationType:
    word = target.word if target is not None else ""
    if word == MANIFEST:
        return ApplicationType.MANIFEST
    # In a manifest an image is put into a source as into a live Application.
    return types.application_type(source_type, method="argocd" if word in OBJECT_WORDS else method)


def _type_of(
    application: Application, target: Target | None, *, standalone: bool
) -> tuple[str, bool]:
    """Return the source type and whether it must still be found out in the repository."""
    if target is not None and target.word == MANIFEST:
        return types.DIRECTORY, False
    is_object = target is not None and target.word in OBJECT_WORDS
    path = target.raw_path("") if target and not is_object else types.OVERRIDE_PREFIX
    is_kustomization = target is not None and target.word == KUSTOMIZATION
    found = types.source_type_of(application, kustomization=is_kustomization, target_path=path)
    if found not in types.SUPPORTED and standalone and types.is_untyped(application):
        # Nothing contradicts a values target: whoever names one has a chart.
        found = types.declared_type(application) or _values_type(target)
        return _forced_to_values(found, target), not found
    return _forced_to_values(found, target), False


def _forced_to_values(found: str, target: Target | None) -> str:
    """Return Helm for a values target, whatever its extension.

    COMPAT: an Application of no supported type stays one unless the file ends in .yaml or .yml
    (application_selection.json).
    """
    return (_values_type(target) or found) if found in types.SUPPORTED else found


def _values_type(target: Target | None) -> str:
    names_values = (
        target is not None
        and target.word == HELM_VALUES
        and not types.is_override_name(target.path)
    )
    return types.HELM if names_values else ""


def _with_git(
    placement: Placement,
    application: Application,
    *,
    settings: WriteBackSettings,
    method: Method,
    target: Target | None,
    controller_namespace: str,
) -> Placement:
    config = settings.config
    branches = parse_branches(config.branch or "")
    request = _pull_request(config)
    source = application.source_at(placement.write_source)
    assert source is not None
    repository = place_repository(
        application, source, placement.write_source, settings=settings, branches=branches
    )
    if source.chart and target is None and not repository.fault:
        raise ConfigError(
            "Argo CD reads no override file for a Helm chart: set gitConfig.writeBackTarget to a "
            "values file, for example helmvalues:/path/values.yaml"
        )
    raw = _raw_path(application, target, repository, controller_namespace=controller_namespace)
    path, kind = _checked_path(raw, target, placement.application_type)
    origin = settings.origin
    write_back = WriteBack(
        method=method.name,
        credentials=method.credentials,
        repository=repository.url,
        base_branch=repository.base_branch,
        push_branch=branches.push,
        target_kind=kind,
        target_path=path,
        target_name=target.name if target else "",
        # The key keeps the path as it is written, so that branches of open requests are found
        # again; for a kustomization it is the directory that counts.
        target_key=target_key(
            repository.url,
            branches.base,
            (path or ".") if kind is TargetKind.KUSTOMIZATION else _named(raw, target),
        ),
        pull_request=request,
        origins={
            "method": origin("method"),
            "credentials": origin("method"),
            "repository": repository.url_origin,
            "base_branch": repository.branch_origin,
            "push_branch": origin("branch") if branches.push else "default",
            "target_kind": origin("write_back_target") if target else "default",
            "target_path": origin("write_back_target") if target else "default",
            "pull_request": origin("pull_request"),
        },
    )
    return replace(placement, write_back=write_back, fault=repository.fault)


def _named(path: str, target: Target | None) -> str:
    return f"{path}#{target.name}" if target is not None and target.name else path


def target_key(repository: str, base: str, path: str) -> str:
    """Return the digits that name one write target in the branches of pull requests."""
    text = f"{repository}|{base}|{path}"
    return hashlib.sha256(text.encode()).hexdigest()[:_TARGET_KEY_DIGITS]


def _raw_path(
    application: Application,
    target: Target | None,
    repository: RepositoryPlace,
    *,
    controller_namespace: str,
) -> str:
    if target is None:
        name = override_name(application, controller_namespace=controller_namespace)
        return join(repository.path, name)
    if repository.values_file and target == parse_target(HELM_VALUES):
        return repository.values_file
    return target.raw_path(repository.path)


def _checked_path(
    raw: str, target: Target | None, application_type: ApplicationType
) -> tuple[str, TargetKind]:
    path = inside(raw)
    if target is not None and target.word == KUSTOMIZATION:
        return ("" if path == "." else path), TargetKind.KUSTOMIZATION
    if path == "." or raw.endswith("/"):
        raise ConfigError(f"writeBackTarget {raw!r} is a directory: name a file")
    if target is not None and target.word in _OBJECT_KINDS:
        return path, _OBJECT_KINDS[target.word]
    return path, types.target_kind(path, application_type)


def _pull_request(config: WriteBackConfig) -> PullRequest | None:
    block = config.pull_request
    if block is None:
        return None
    if len(block.providers) != 1:
        raise ConfigError(f"pullRequest must have exactly one provider: {', '.join(PROVIDERS)}")
    if ":" in trim(config.branch or ""):
        raise ConfigError(
            "branch must not hold a colon with pullRequest: it names the base branch only"
        )
    return PullRequest(
        block.providers[0],
        clean_labels(block.labels),
        clean_labels(block.reviewers),
        clean_labels(block.assignees),
        draft=block.draft,
        auto_merge=block.auto_merge,
        branch_per_version=config.pull_request_branch == "perVersion",
    )
