"""Which Git repository, branch and base path belong to the source that is written.

A chart has no Git repository: its values files may lie in another source of the Application, named
by ``$ref/…``. The version of a chart is never taken for a branch.

Source of the rules: docs/write-back.md, tests/vectors/data/write_back_target.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.whitespace import trim
from argocd_image_updater.core.write_back_texts import Branches, same_repository
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from argocd_image_updater.core.application import Application, Source, SourceRef
    from argocd_image_updater.core.inheritance import WriteBackSettings


@dataclass(frozen=True, slots=True)
class RepositoryPlace:
    """Where Git writes: repository, base branch, base path, and the file a chart borrows."""

    url: str
    base_branch: str
    path: str
    url_origin: str
    branch_origin: str
    values_file: str = ""
    fault: str = ""


def place_repository(
    application: Application,
    source: Source,
    ref: SourceRef,
    *,
    settings: WriteBackSettings,
    branches: Branches,
) -> RepositoryPlace:
    """Return where Git writes: the configured repository, else that of the source."""
    configured = settings.config.repository or ""
    if trim(configured):
        return _configured_repository(
            application, source, ref, settings=settings, branches=branches
        )
    lender, values_file = _lender(application, source)
    fault = ""
    if source.chart and lender is None:
        # COMPAT: the settings of such an Application can be read (settings_inheritance.json);
        # the fault is told beside them.
        fault = (
            f"{source.repo_url} is a chart repository, not a Git repository: set "
            "gitConfig.repository and gitConfig.branch, or add a source with ref that a "
            "$ref/… entry of valueFiles names"
        )
    git = lender or source
    name = str(ref) if lender is None else f"ref {lender.ref}"
    if not git.repo_url:
        raise ConfigError(f"{name} has no repoURL: set gitConfig.repository")
    revision = "" if git.chart else git.target_revision
    return RepositoryPlace(
        url=git.repo_url,
        base_branch=branches.base or revision,
        path=git.path,
        url_origin=f"{name}.repoURL",
        branch_origin=settings.origin("branch") if branches.base else f"{name}.targetRevision",
        values_file=values_file,
        fault=fault,
    )


def _configured_repository(
    application: Application,
    source: Source,
    ref: SourceRef,
    *,
    settings: WriteBackSettings,
    branches: Branches,
) -> RepositoryPlace:
    url = settings.config.repository or ""
    lender, values_file = _lender(application, source)
    base, branch_origin = branches.base, settings.origin("branch")
    if not base:
        base, branch_origin = _revision(application, source, ref, url=url)
    is_lent = lender is not None and same_repository(lender.repo_url, url)
    return RepositoryPlace(
        url=url,
        base_branch=base,
        path=source.path,
        url_origin=settings.origin("repository"),
        branch_origin=branch_origin,
        values_file=values_file if is_lent else "",
    )


def _revision(
    application: Application, source: Source, ref: SourceRef, *, url: str
) -> tuple[str, str]:
    """Return the revision of the source that lives in `url`; a chart's is no branch."""
    own = () if source.chart else ((str(ref), source),)
    listed = tuple(
        (f"sources[{index}]", item)
        for index, item in enumerate(application.sources)
        if application.dry_source is None and not item.chart
    )
    for name, item in (*own, *listed):
        if same_repository(item.repo_url, url):
            return item.target_revision, f"{name}.targetRevision"
    if source.chart:
        raise ConfigError(
            f"{ref} is a chart and its targetRevision no branch: set gitConfig.branch"
        )
    return source.target_revision, f"{ref}.targetRevision"


def _lender(application: Application, source: Source) -> tuple[Source | None, str]:
    """Return the source whose files a chart borrows, and the last such file, which wins in Helm."""
    if not source.chart:
        return None, ""
    lenders = {item.ref: item for item in application.sources if item.ref and not item.chart}
    for entry in reversed(source.helm_value_files):
        name, slash, path = entry.removeprefix("$").partition("/")
        if entry.startswith("$") and slash and name in lenders:
            return lenders[name], path
    return None, ""
