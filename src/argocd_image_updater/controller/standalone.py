"""Stand-alone mode: cycles over folders of manifests, without a cluster.

A session opens the state directory and the engines once and runs any number of cycles; each cycle
reads the folders anew. Where an Application has no status, what its target declares counts as
running. docs/standalone.md.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from argocd_image_updater.controller.credential_search import CredentialSearch, SearchRules
from argocd_image_updater.controller.cycle import CycleSettings, Progress, Services, run_cycle
from argocd_image_updater.controller.engines import EngineOptions, Engines
from argocd_image_updater.controller.repositories import Repositories
from argocd_image_updater.controller.trust import lay_trust, trust_below
from argocd_image_updater.core.batches import CommitPer
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.resolution import Context
from argocd_image_updater.core.settings import Downgrade
from argocd_image_updater.core.template_engine import parse_template
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.secrets import MappedSecrets
from argocd_image_updater.git.settings import DEFAULT_CACHE_BYTES
from argocd_image_updater.manifests.store import read_snapshot
from argocd_image_updater.registry.credentials.chain import ChainSettings
from argocd_image_updater.registry.credentials.program import DEFAULT_TIMEOUT_S
from argocd_image_updater.registry.credentials.reference import CredentialKind
from argocd_image_updater.registry.credentials.resolver import ImageSourcePolicy
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.writers.manifest_files import write_manifest_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from argocd_image_updater.clouds.library import Cloud
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.projects import Project
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.service_accounts import ServiceAccount
    from argocd_image_updater.core.snapshot import Secret, Snapshot
    from argocd_image_updater.git.signing_key import SigningKey
    from argocd_image_updater.registry.endpoints import EndpointTable

__all__ = ["Progress", "StandaloneOptions", "StandaloneSession"]


@dataclass(frozen=True, slots=True)
class StandaloneOptions:
    """Everything a session needs, as plain values.

    registries_conf_path: None = the manifests' own, empty = only the built-in registries.
    image_credential_sources: None = what one watched namespace may. docs/registries.md.
    environment: of the process, for proxies, ``env:`` credentials and what git needs.
    """

    manifests: tuple[Path, ...]
    state_dir: Path
    dry_run: bool = False
    registries_conf_path: str | None = None
    argocd_namespace: str = "argocd"
    default_platform: str = "linux/amd64"
    downgrade: Downgrade = Downgrade.WHEN_EXCLUDED
    git_user: str = "argocd-image-updater"
    git_email: str = "noreply@argoproj.io"
    git_sign_off: bool = False
    git_signing: SigningKey | None = None
    git_commits_by_api: bool = False
    commit_template: str | None = None
    batch_commits: str = "app"
    refuse_shared_anchors: bool = False
    git_allow_local: bool = True
    git_cache_bytes: int = DEFAULT_CACHE_BYTES
    image_credential_sources: frozenset[str] | None = None
    shared_secret_namespaces: frozenset[str] = frozenset()
    credential_program_timeout_s: float = DEFAULT_TIMEOUT_S
    cloud_identities: frozenset[Cloud] = frozenset()
    docker_config: bool = False
    workload_pull_secrets: bool = False
    argocd_repositories: bool = False
    sigstore_trusted_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class SnapshotSecrets:
    """The Secrets and ServiceAccounts of the snapshot that the current cycle works on."""

    def __init__(self) -> None:
        self._secrets = MappedSecrets()
        self._accounts: Mapping[ObjectKey, ServiceAccount] = {}

    def use(self, snapshot: Snapshot) -> None:
        self._secrets = MappedSecrets(snapshot.secrets)
        self._accounts = snapshot.service_accounts

    async def service_account(self, key: ObjectKey) -> ServiceAccount | None:
        return self._accounts.get(key)

    async def project(self, _key: ObjectKey) -> Project | None:
        return None  # the folders have one owner, so no project decides

    async def read(self, key: ObjectKey) -> Secret | None:
        return await self._secrets.read(key)

    async def read_data(self, key: ObjectKey) -> Mapping[str, bytes] | None:
        secret = await self._secrets.read(key)
        return secret.data if secret else None

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]:
        return await self._secrets.list_labelled(namespace, label=label, values=values)


class StandaloneSession:
    """Holds the state directory and the engines; an asynchronous context manager."""

    def __init__(self, options: StandaloneOptions) -> None:
        if options.commit_template:
            parse_template(options.commit_template, "commit message template")
        self._options = options
        self._settings = CycleSettings(
            commit_per=CommitPer(options.batch_commits),
            commit_template=options.commit_template or "",
            dry_run=options.dry_run,
        )
        self._secrets = SnapshotSecrets()
        self._rules = SearchRules(
            options.argocd_namespace,
            workload=options.workload_pull_secrets,
            argocd=options.argocd_repositories,
            projects_decide=False,
        )

    async def __aenter__(self) -> Self:
        options = self._options
        self._engines = await Engines(
            EngineOptions(
                state_dir=options.state_dir,
                argocd_namespace=options.argocd_namespace,
                credentials=_credentials(options),
                git_user=options.git_user,
                git_email=options.git_email,
                git_sign_off=options.git_sign_off,
                git_signing=None if options.dry_run else options.git_signing,
                git_commits_by_api=options.git_commits_by_api,
                git_allow_local=options.git_allow_local,
                git_cache_bytes=options.git_cache_bytes,
                trust=trust_below(options.state_dir / "trust"),
                sigstore_trusted_root=options.sigstore_trusted_root,
                environment=options.environment,
            ),
            secrets=self._secrets,
        ).__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._engines.__aexit__(kind, error, trace)

    async def run_cycle(self, *, progress: Callable[[Progress], None] | None = None) -> CycleReport:
        """Read the manifests, decide, write and report.

        Raises:
            ConfigError: the manifests folder or the registries file cannot be used at all.
        """
        started = time.monotonic()
        if progress is not None:
            progress(Progress("reading", 0, len(self._options.manifests)))
        try:
            snapshot, table = await asyncio.to_thread(self._read)
        except OSError as error:
            raise ConfigError(
                f"{error.filename or self._options.state_dir} cannot be used: "
                f"{error.strerror or error}; correct --manifests or name another --state-dir"
            ) from error
        self._secrets.use(snapshot)
        engines = self._engines
        engines.begin_cycle(table)
        search = self._search(table)
        report = await run_cycle(
            snapshot,
            context=self._context(snapshot),
            policy=Policy(
                self._options.default_platform,
                engines.registries.locate,
                declared_counts=True,
                now_ns=time.time_ns(),
            ),
            services=Services(
                registries=engines.verified_registries,
                repositories=Repositories(engines.git),
                git=engines.git,
                write_requests=engines.write_requests,
                write_applications=write_manifest_files,
                history=engines.history,
                credentials=search if self._rules.is_on else None,
            ),
            settings=self._settings,
            on_progress=progress,
        )
        trouble = (*filter(None, engines.troubles()), *table.warnings)
        return replace(
            report,
            requests=engines.requests(),
            duration_s=time.monotonic() - started,
            warnings=(
                *trouble,
                *search.warnings,
                *report.warnings,
                *_selecting_nothing(report),
            ),
        )

    def _read(self) -> tuple[Snapshot, EndpointTable]:
        """Read everything that cycles are made from; blocks on the disk."""
        options = self._options
        path = options.registries_conf_path
        if path and not Path(path).is_file():
            # COMPAT: a registries file that is not there is no error (docs/registries.md).
            missing = f"registries file {path} is not there: only the built-in registries are known"
            path = ""
        else:
            missing = ""
        snapshot = read_snapshot(
            options.manifests,
            registries_conf_path=Path(path) if path else None,
            default_namespace=options.argocd_namespace,
        )
        lay_trust(
            snapshot.config_maps, options.state_dir / "trust", namespace=options.argocd_namespace
        )
        if missing:
            snapshot = replace(snapshot, warnings=(missing, *snapshot.warnings))
        if path == "":
            return snapshot, load_table(None)
        extra = snapshot.registries_extra
        if snapshot.registries_conf is None:
            return snapshot, load_table(None, extra=extra)
        text, file = snapshot.registries_conf
        return snapshot, load_table(text, file=file, extra=extra)

    def _search(self, table: EndpointTable) -> CredentialSearch:
        """Return what looks for the credentials of images that name none, in this cycle."""
        return CredentialSearch(
            self._rules, table=table, destinations=self._secrets, secrets=self._secrets
        )

    def _context(self, snapshot: Snapshot) -> Context:
        return Context(
            controller_namespace=self._options.argocd_namespace,
            default_platform=self._options.default_platform,
            secrets=snapshot.secrets,
            standalone=True,
            default_downgrade=self._options.downgrade,
            refuse_shared=self._options.refuse_shared_anchors,
        )


def _selecting_nothing(report: CycleReport) -> Iterator[str]:
    """Name resources without any Application: among files that is a slip, not a normal state."""
    for key, counters in report.by_resource.items():
        if not counters.applications and not counters.errors:
            yield (
                f"ImageUpdater {key} selects no Application with images: compare namePattern and "
                f"labels, and the namespace, which must be {key.namespace}"
            )


def _credentials(options: StandaloneOptions) -> ChainSettings:
    """Return the rules; the folders count as the one namespace that is watched."""
    usual = ImageSourcePolicy.for_watched(frozenset((options.argocd_namespace,)))
    sources = options.image_credential_sources
    return ChainSettings(
        images=ImageSourcePolicy(
            kinds=usual.kinds if sources is None else frozenset(map(CredentialKind, sources)),
            namespaces=options.shared_secret_namespaces,
        ),
        program_timeout_s=options.credential_program_timeout_s,
        ambient=options.cloud_identities,
        docker_config=options.docker_config,
    )
