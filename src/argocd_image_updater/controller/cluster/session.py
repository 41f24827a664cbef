"""Cycles over what the cluster's store knows: the counterpart of stand-alone mode.

The store is read, never asked; Secrets are read once a cycle. A resource that cannot be used, or
whose Applications may not be read, ends as itself: it is reported, and the others go on.

Source of the rules: docs/controller.md.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from argocd_image_updater.controller.cluster.secrets import CycleSecrets
from argocd_image_updater.controller.credential_search import CredentialSearch, SearchRules
from argocd_image_updater.controller.cycle import CycleSettings, Services, run_cycle
from argocd_image_updater.controller.engines import EngineOptions, Engines
from argocd_image_updater.controller.repositories import Repositories
from argocd_image_updater.controller.rollouts import Rollouts
from argocd_image_updater.controller.trust import (
    KNOWN_HOSTS_CONFIG_MAP,
    TLS_CONFIG_MAP,
    lay_ssh_config,
    lay_trust,
    trust_in_pod,
)
from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.core.batches import CommitPer
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.report import Counters, ResourceResult
from argocd_image_updater.core.resolution import Context
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import ConfigError, UpdaterError
from argocd_image_updater.kube.kinds import IMAGE_UPDATERS
from argocd_image_updater.registry.credentials.chain import ChainSettings
from argocd_image_updater.registry.credentials.reference import CredentialKind
from argocd_image_updater.registry.credentials.resolver import ImageSourcePolicy
from argocd_image_updater.registry.division import divided

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from argocd_image_updater.controller.cluster.namespaces import Namespaces
    from argocd_image_updater.controller.cluster.options import ControllerOptions
    from argocd_image_updater.controller.cluster.turns import Turns
    from argocd_image_updater.controller.cycle import WritesApplications
    from argocd_image_updater.controller.settings_files import SettingsFiles
    from argocd_image_updater.core.application import Application
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.resource import Resource, VerificationBlock
    from argocd_image_updater.core.snapshot import Secret, Snapshot
    from argocd_image_updater.git.settings import GitStatistics
    from argocd_image_updater.kube.destinations import ClusterDestinations
    from argocd_image_updater.kube.secrets import ClusterSecrets
    from argocd_image_updater.kube.store import ClusterStore
    from argocd_image_updater.registry.cache_lookups import CacheLookup
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.traffic import Exchange
    from argocd_image_updater.writers.refreshes import ApplicationRefresher


class ClusterSession:
    """Holds the engines while this process works; an asynchronous context manager.

    applications: as they were before the last cycle wrote to them. refresher: None = Argo CD is not
    told of pushes.
    """

    def __init__(
        self,
        options: ControllerOptions,
        *,
        namespaces: Namespaces,
        store: ClusterStore,
        secrets: ClusterSecrets,
        destinations: ClusterDestinations,
        files: SettingsFiles,
        write_applications: WritesApplications,
        turns: Turns,
        observe: Callable[[Exchange], None],
        observe_cache: Callable[[CacheLookup], None],
        refresher: ApplicationRefresher | None = None,
    ) -> None:
        self._options = options
        self._namespaces = namespaces
        self._store = store
        self._cluster_secrets = secrets
        self._secrets = CycleSecrets(secrets)
        self._destinations = destinations
        self._rules = SearchRules(
            namespaces.argocd,
            workload=options.credentials.workload_pull_secrets,
            argocd=options.credentials.argocd_repositories,
        )
        self._files = files
        self._write_applications = write_applications
        self._turns = turns
        self._refresher = refresher
        self.applications: Mapping[ObjectKey, Application] = {}
        self._trust_folder = options.state_dir / "trust"
        self._engines = Engines(
            self._engine_options(),
            secrets=self._secrets,
            observe=observe,
            observe_cache=observe_cache,
            check_turn=turns.check,
        )

    async def __aenter__(self) -> Self:
        await self._engines.__aenter__()
        self._rollouts = Rollouts(self._engines.rollouts)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._engines.__aexit__(kind, error, trace)
        self._secrets.begin_cycle()

    async def run_cycle(self, due: Collection[ObjectKey]) -> CycleReport:
        """Work on the resources that are due; every one of them is in the report.

        Raises:
            UpdaterError: nothing could be done at all.
        """
        started = time.monotonic()
        self._secrets.begin_cycle()
        loaded = await asyncio.to_thread(self._files.load)
        snapshot = _without_deleted(self._store.snapshot())
        self.applications = {item.key: item for item in snapshot.applications}
        unusable = dict(self._unusable(due))
        resources = [item for item in snapshot.resources if item.key in due]
        secrets = await self._secrets.read_present(_key_secrets(resources))
        trouble = await self._lay_git_files(resources, loaded.ssh_config)
        share = self._turns.share
        table = divided(loaded.table, shards=share.shards, held=len(share.held))
        self._engines.begin_cycle(table)
        search = self._search(table)
        report = await run_cycle(
            snapshot,
            context=self._context(secrets),
            policy=Policy(
                self._options.default_platform,
                self._engines.registries.locate,
                now_ns=time.time_ns(),
            ),
            services=self._services(search, trouble=trouble),
            settings=self._cycle_settings(loaded.template),
            due=[key for key in due if key not in unusable],
            share=share,
        )
        troubles = filter(None, (trouble, *self._engines.troubles()))
        return replace(
            _with_failures(report, unusable) if share.writes_status else report,
            requests=self._engines.requests(),
            duration_s=time.monotonic() - started,
            warnings=(
                *troubles,
                *loaded.warnings,
                *search.warnings,
                *(self._refresher.take_warnings() if self._refresher else ()),
                *report.warnings,
            ),
        )

    def _services(self, search: CredentialSearch, *, trouble: str) -> Services:
        services = Services(
            registries=self._engines.verified_registries,
            repositories=Repositories(self._engines.git, trouble=trouble),
            git=self._engines.git,
            write_requests=self._engines.write_requests,
            write_applications=self._write_applications,
            history=self._engines.history,
            credentials=search if self._rules.is_on else None,
            check_turn=self._turns.check,
            rollouts=self._rollouts,
        )
        if self._refresher is None:
            return services
        return replace(services, tell_pushed=self._refresher)

    @property
    def git_statistics(self) -> GitStatistics:
        return self._engines.git.statistics

    def _unusable(self, due: Collection[ObjectKey]) -> Iterator[tuple[ObjectKey, _Unusable]]:
        """Yield the resources that no cycle can work on, and why."""
        faults = {fault.scope.namespace: fault for fault in self._store.faults()}
        for key in due:
            found = self._store.find(IMAGE_UPDATERS, key)
            if found is None:
                continue
            if found.value is None:
                yield key, _Unusable(found.generation, found.problems)
            elif not self._store.is_current(key.namespace):
                fault = faults.get(key.namespace) or faults.get("")
                text = f"the Applications of namespace {key.namespace} cannot be read: "
                text += str(fault.error) if fault else "the API server has not answered yet"
                problem = Problem(Reason.SETTINGS_INVALID, text, resource=key)
                yield key, _Unusable(found.generation, (problem,))

    async def _lay_git_files(self, resources: Collection[Resource], ssh_config: str) -> str:
        """Put what git reads where it reads it; return why git must not be used, empty = it may."""
        try:
            await self._lay_trust(resources)
            await asyncio.to_thread(lay_ssh_config, ssh_config, self._trust_folder)
        except ConfigError as error:
            return str(error)
        return ""

    async def _lay_trust(self, resources: Collection[Resource]) -> None:
        """Put Argo CD's certificates and known hosts where git reads them, if git is used."""
        if not any(map(_may_use_git, resources)):
            return
        namespace = self._namespaces.argocd
        found: dict[ObjectKey, Mapping[str, str]] = {}
        for name in (TLS_CONFIG_MAP, KNOWN_HOSTS_CONFIG_MAP):
            key = ObjectKey(namespace, name)
            try:
                texts = await self._cluster_secrets.read_config_map(key)
            except UpdaterError:
                return  # what was laid by an earlier cycle stays
            if texts is not None:
                found[key] = texts
        await asyncio.to_thread(lay_trust, found, self._trust_folder, namespace=namespace)

    def _search(self, table: EndpointTable) -> CredentialSearch:
        """Return what looks for the credentials of images that name none, in this cycle."""
        return CredentialSearch(
            self._rules, table=table, destinations=self._destinations, secrets=self._secrets
        )

    def _context(self, secrets: Mapping[ObjectKey, Secret]) -> Context:
        return Context(
            controller_namespace=self._namespaces.argocd,
            default_platform=self._options.default_platform,
            secrets=secrets,
            default_downgrade=self._options.downgrade,
            refuse_shared=self._options.git.refuse_shared_anchors,
        )

    def _cycle_settings(self, template: str) -> CycleSettings:
        return CycleSettings(
            commit_per=CommitPer(self._options.git.batch_commits),
            commit_template=template,
            dry_run=self._options.dry_run,
        )

    def _engine_options(self) -> EngineOptions:
        options = self._options
        return EngineOptions(
            state_dir=options.state_dir,
            argocd_namespace=self._namespaces.argocd,
            credentials=_credentials(options, self._namespaces),
            git_user=options.git.user,
            git_email=options.git.email,
            git_sign_off=options.git.sign_off,
            git_signing=None if options.dry_run else options.git.signing,
            git_commits_by_api=options.git.commits_by_api,
            git_allow_local=options.git.allow_local,
            git_cache_bytes=options.git.cache_bytes,
            trust=trust_in_pod(self._trust_folder, options.environment),
            sigstore_trusted_root=options.sigstore_trusted_root,
            environment=options.environment,
        )


@dataclass(frozen=True, slots=True)
class _Unusable:
    generation: int
    problems: tuple[Problem, ...]


def _with_failures(report: CycleReport, unusable: Mapping[ObjectKey, _Unusable]) -> CycleReport:
    """Return the report with the resources that no cycle could work on."""
    failed = {
        key: ResourceResult(
            generation=found.generation,
            counters=Counters(errors=len(found.problems)),
            failure=found.problems[0] if found.problems else None,
        )
        for key, found in unusable.items()
    }
    problems = (item for found in unusable.values() for item in found.problems)
    counters = {key: result.counters for key, result in failed.items()}
    return replace(
        report,
        resources={**report.resources, **failed},
        by_resource={**report.by_resource, **counters},
        problems=(*report.problems, *problems),
    )


def _without_deleted(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without resources that are being deleted: they claim nothing."""
    return replace(
        snapshot, resources=tuple(item for item in snapshot.resources if not item.deleting)
    )


def _may_use_git(resource: Resource) -> bool:
    blocks = (resource.write_back, *(ref.write_back for ref in resource.refs))
    return any(ref.use_annotations for ref in resource.refs) or any(
        block is not None and block.method is not None and block.method.strip().startswith("git")
        for block in blocks
    )


def _key_secrets(resources: Collection[Resource]) -> list[ObjectKey]:
    """Return the Secrets with public keys that the resources name, each once."""
    found: dict[ObjectKey, None] = {}
    for resource in resources:
        for block in _verification_blocks(resource):
            if block.cosign_key is not None:
                found[ObjectKey(resource.key.namespace, block.cosign_key.secret_name)] = None
    return list(found)


def _verification_blocks(resource: Resource) -> Iterator[VerificationBlock]:
    levels = [resource.verification]
    for ref in resource.refs:
        levels.append(ref.verification)
        levels += (image.verification for image in ref.images)
    yield from (level for level in levels if level is not None)


def _credentials(options: ControllerOptions, namespaces: Namespaces) -> ChainSettings:
    """Return the rules, which depend on how many namespaces are watched."""
    usual = ImageSourcePolicy.for_watched(frozenset(namespaces.watched))
    sources = options.credentials.sources
    return ChainSettings(
        images=ImageSourcePolicy(
            kinds=usual.kinds if sources is None else frozenset(map(CredentialKind, sources)),
            namespaces=options.credentials.shared_namespaces,
        ),
        program_timeout_s=options.credentials.program_timeout_s,
        ambient=options.credentials.cloud_identities,
        docker_config=options.credentials.docker_config,
    )
