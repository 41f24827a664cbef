"""Stand-alone mode: cycles over folders of manifests, without a cluster.

A session opens the state directory and the engines once and runs any number of cycles; each cycle
reads the folders anew. Where an Application has no status, what its target declares counts as
running. docs/standalone.md.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from argocd_image_updater.controller.cycle import CycleSettings, Progress, Services, run_cycle
from argocd_image_updater.controller.repositories import Repositories
from argocd_image_updater.controller.trust import lay_trust, trust_below
from argocd_image_updater.core.batches import CommitPer
from argocd_image_updater.core.due import Policy
from argocd_image_updater.core.resolution import Context
from argocd_image_updater.core.settings import Downgrade
from argocd_image_updater.core.templates import parse_template
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.engine import GitEngine
from argocd_image_updater.git.secrets import MappedSecrets
from argocd_image_updater.git.settings import GitSettings
from argocd_image_updater.manifests.store import read_snapshot
from argocd_image_updater.registry.credentials.program import DEFAULT_TIMEOUT_S
from argocd_image_updater.registry.credentials.reference import CredentialKind
from argocd_image_updater.registry.credentials.resolver import (
    CredentialResolver,
    ImageSourcePolicy,
)
from argocd_image_updater.registry.endpoint_loading import load_table
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.directory import StateDirectory
from argocd_image_updater.state.facts import FactStore
from argocd_image_updater.writers.manifest_files import write_manifest_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.report import CycleReport
    from argocd_image_updater.core.snapshot import Secret, Snapshot
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.traffic import Exchange

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
    commit_template: str | None = None
    batch_commits: str = "app"
    refuse_shared_anchors: bool = False
    git_allow_local: bool = True
    image_credential_sources: frozenset[str] | None = None
    shared_secret_namespaces: frozenset[str] = frozenset()
    credential_program_timeout_s: float = DEFAULT_TIMEOUT_S
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class SnapshotSecrets:
    """The Secrets of the snapshot that the current cycle works on."""

    def __init__(self) -> None:
        self._secrets = MappedSecrets()

    def use(self, snapshot: Snapshot) -> None:
        self._secrets = MappedSecrets(snapshot.secrets)

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
        self._exchanges: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        options = self._options
        async with AsyncExitStack() as opened:
            state = await asyncio.to_thread(StateDirectory.open, options.state_dir)
            opened.callback(state.close)
            self._store = await asyncio.to_thread(FactStore.open, options.state_dir / "facts.db")
            opened.push_async_callback(asyncio.to_thread, self._close_store)
            self._network = RegistryNetwork(environment=options.environment, observe=self._count)
            opened.push_async_callback(self._network.aclose)
            self._open_engines()
            opened.callback(self._git.close)
            self._opened = opened.pop_all()
        return self

    def _open_engines(self) -> None:
        options = self._options
        self._registries = RegistryEngine(
            network=self._network,
            resolver=CredentialResolver(
                environ=options.environment,
                clock=time.monotonic,
                secret_reader=self._secrets.read_data,
                policy=_image_sources(options),
                program_timeout_s=options.credential_program_timeout_s,
            ),
            store=self._store,
            unix=time.time,
        )
        self._git = GitEngine(
            GitSettings(
                state_dir=options.state_dir,
                user_name=options.git_user,
                user_email=options.git_email,
                sign_off=options.git_sign_off,
                allow_local=options.git_allow_local,
                trust=trust_below(options.state_dir / "trust"),
                variables=options.environment,
            ),
            secrets=self._secrets,
            random=random.random,
            controller_namespace=options.argocd_namespace,
        )

    def _close_store(self) -> None:
        self._store.prune()
        self._store.close()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

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
        self._exchanges.clear()
        self._registries.begin_cycle(table)
        self._git.begin_cycle()
        before = replace(self._git.statistics)
        report = await run_cycle(
            snapshot,
            context=self._context(snapshot),
            policy=Policy(
                self._options.default_platform, self._registries.locate, declared_counts=True
            ),
            services=Services(
                registries=self._registries,
                repositories=Repositories(self._git),
                git=self._git,
                write_applications=write_manifest_files,
            ),
            settings=self._settings,
            on_progress=progress,
        )
        trouble = filter(None, (self._store.take_trouble(),))
        after = self._git.statistics
        requests = {
            "registry requests": self._exchanges.total(),
            **self._registries.counts,
            "git questions": after.questions - before.questions,
            "git fetches": after.fetches - before.fetches,
            "git pushes": after.pushes - before.pushes,
        }
        return replace(
            report,
            requests={name: count for name, count in requests.items() if count},
            duration_s=time.monotonic() - started,
            warnings=(*trouble, *table.warnings, *report.warnings, *_selecting_nothing(report)),
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
        lay_trust(snapshot, options.state_dir / "trust", namespace=options.argocd_namespace)
        if missing:
            snapshot = replace(snapshot, warnings=(missing, *snapshot.warnings))
        if path == "" or snapshot.registries_conf is None:
            return snapshot, load_table(None)
        text, file = snapshot.registries_conf
        return snapshot, load_table(text, file=file)

    def _context(self, snapshot: Snapshot) -> Context:
        return Context(
            controller_namespace=self._options.argocd_namespace,
            default_platform=self._options.default_platform,
            secrets=snapshot.secrets,
            standalone=True,
            default_downgrade=self._options.downgrade,
            refuse_shared=self._options.refuse_shared_anchors,
        )

    def _count(self, exchange: Exchange) -> None:
        self._exchanges[exchange.host] += 1


def _selecting_nothing(report: CycleReport) -> Iterator[str]:
    """Name resources without any Application: among files that is a slip, not a normal state."""
    for key, counters in report.by_resource.items():
        if not counters.applications and not counters.errors:
            yield (
                f"ImageUpdater {key} selects no Application with images: compare namePattern and "
                f"labels, and the namespace, which must be {key.namespace}"
            )


def _image_sources(options: StandaloneOptions) -> ImageSourcePolicy:
    """Return what images may name; the folders count as the one namespace that is watched."""
    usual = ImageSourcePolicy.for_watched(frozenset((options.argocd_namespace,)))
    sources = options.image_credential_sources
    return ImageSourcePolicy(
        kinds=usual.kinds if sources is None else frozenset(map(CredentialKind, sources)),
        namespaces=options.shared_secret_namespaces,
    )
