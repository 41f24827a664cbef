"""What every mode shares: the state directory, the registry engine and the Git engine.

They are opened once and serve any number of cycles; `begin_cycle` before each. What differs between
the modes is handed in: where Secrets come from, whom to trust, what images may name.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

from argocd_image_updater.controller.git_times import read_git_times
from argocd_image_updater.controller.trust_root import TrustRoot
from argocd_image_updater.controller.verification import Proofs, VerifiedRegistries
from argocd_image_updater.git.api_push import ApiCommits
from argocd_image_updater.git.engine import GitEngine
from argocd_image_updater.git.forges.kinds import FORGES
from argocd_image_updater.git.forges.opening import ForgeBook
from argocd_image_updater.git.settings import DEFAULT_CACHE_BYTES, GitSettings, GitStatistics
from argocd_image_updater.git.signers import open_checked_signer
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.tokens.exchange import TokenServices
from argocd_image_updater.git.tokens.interface import Means
from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.registry.cache_lookups import CacheLookup, unheard
from argocd_image_updater.registry.credentials.chain import ChainSettings, open_chain
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.directory import StateDirectory
from argocd_image_updater.state.facts import FactStore
from argocd_image_updater.state.rollouts import RolloutStore
from argocd_image_updater.state.sightings import SightingStore
from argocd_image_updater.state.writes import WriteHistory
from argocd_image_updater.writers.requests import RequestWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.snapshot import Secret
    from argocd_image_updater.git.signing_key import SigningKey
    from argocd_image_updater.registry.endpoints import EndpointTable
    from argocd_image_updater.registry.traffic import Exchange


class ReadsSecrets(Protocol):
    """Kubernetes Secrets, from a cluster or from files."""

    async def read(self, key: ObjectKey) -> Secret | None: ...

    async def read_data(self, key: ObjectKey) -> Mapping[str, bytes] | None: ...

    async def list_labelled(
        self, namespace: str, *, label: str, values: frozenset[str]
    ) -> Sequence[Secret]: ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the engines need, as plain values.

    credentials: what the operator decides about them. git_signing: the key of every commit.
    git_commits_by_api: GitHub makes the commits where it can. environment: of the process, for
    proxies, ``env:`` credentials and what git needs.
    """

    state_dir: Path
    argocd_namespace: str
    credentials: ChainSettings
    git_user: str = "argocd-image-updater"
    git_email: str = "noreply@argoproj.io"
    git_sign_off: bool = False
    git_signing: SigningKey | None = None
    git_commits_by_api: bool = False
    git_allow_local: bool = False
    git_cache_bytes: int = DEFAULT_CACHE_BYTES
    trust: Trust = field(default_factory=Trust)
    sigstore_trusted_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def _not_counted(_exchange: Exchange) -> None: ...


def _anybody() -> None: ...


class Engines:
    """An asynchronous context manager; the engines exist while it is entered.

    observe, observe_cache: called for each request to a registry and each look into what is kept
    of it, for metrics. check_turn: called right before each push; raises where this process may
    not.
    """

    def __init__(
        self,
        options: EngineOptions,
        *,
        secrets: ReadsSecrets,
        observe: Callable[[Exchange], None] = _not_counted,
        observe_cache: Callable[[CacheLookup], None] = unheard,
        check_turn: Callable[[], None] = _anybody,
    ) -> None:
        self._options = options
        self._check_turn = check_turn
        self._secrets = secrets
        self._observe = observe
        self._observe_cache = observe_cache
        self._exchanges: Counter[str] = Counter()
        self._proofs = Proofs()
        self._trust_root = TrustRoot(options.sigstore_trusted_root)
        self._before = GitStatistics()

    async def __aenter__(self) -> Self:
        options = self._options
        async with AsyncExitStack() as opened:
            state = await asyncio.to_thread(StateDirectory.open, options.state_dir)
            opened.callback(state.close)
            self.store = await asyncio.to_thread(FactStore.open, options.state_dir / "facts.db")
            opened.push_async_callback(asyncio.to_thread, self._close_store)
            self.history = await asyncio.to_thread(
                WriteHistory.open, options.state_dir / "writes.db"
            )
            opened.push_async_callback(asyncio.to_thread, self.history.close)
            self.rollouts = await asyncio.to_thread(
                RolloutStore.open, options.state_dir / "rollouts.db"
            )
            opened.push_async_callback(asyncio.to_thread, self.rollouts.close)
            self._seen = await asyncio.to_thread(
                SightingStore.open, options.state_dir / "sightings.db"
            )
            opened.push_async_callback(asyncio.to_thread, self._close_seen)
            network = RegistryNetwork(
                environment=options.environment,
                observe=self._count,
                observe_cache=self._observe_cache,
            )
            opened.push_async_callback(network.aclose)
            self.registries = self._registry_engine(network)
            self._signer = await open_checked_signer(
                options.git_signing, options.state_dir / "git", options.environment
            )
            if self._signer is not None:
                opened.push_async_callback(self._signer.close)
            self._api = ApiCommits(proxies=read_proxies(options.environment))
            opened.push_async_callback(self._api.close)
            self.git = self._git_engine()
            opened.callback(self.git.close)
            self._forges = ForgeBook(self.git, FORGES, proxies=read_proxies(options.environment))
            opened.push_async_callback(self._forges.close)
            self.write_requests = RequestWriter(self.git, self._forges, self._check_turn)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    def begin_cycle(self, table: EndpointTable) -> None:
        """Forget what belongs to one cycle; from now on `table` says which registries are asked."""
        self._exchanges.clear()
        self.registries.begin_cycle(table)
        self.verified_registries = VerifiedRegistries(
            self.registries,
            read_secret=self._secrets.read_data,
            proofs=self._proofs,
            trust_root=self._trust_root,
        )
        self.git.begin_cycle()
        self._api.begin_cycle()
        self._forges.begin_cycle()
        self._before = replace(self.git.statistics)

    def requests(self) -> dict[str, int]:
        """Return what was asked since the beginning of the cycle, by kind of request."""
        before, after = self._before, self.git.statistics
        counts = {
            "registry requests": self._exchanges.total(),
            **self.registries.counts,
            "git questions": after.questions - before.questions,
            "git fetches": after.fetches - before.fetches,
            "git pushes": after.pushes - before.pushes,
        }
        return {name: count for name, count in counts.items() if count}

    def _registry_engine(self, network: RegistryNetwork) -> RegistryEngine:
        options = self._options
        return RegistryEngine(
            network=network,
            resolver=open_chain(
                options.credentials,
                traffic=network.traffic,
                environ=options.environment,
                secret_reader=self._secrets.read_data,
            ),
            store=self.store,
            unix=time.time,
            sightings=self._seen,
        )

    def _git_engine(self) -> GitEngine:
        options = self._options
        times = read_git_times(options.environment)
        means = Means(
            read_proxies(options.environment), options.environment, timeout_s=times.request_s
        )
        return GitEngine(
            GitSettings(
                state_dir=options.state_dir,
                user_name=options.git_user,
                user_email=options.git_email,
                sign_off=options.git_sign_off,
                allow_local=options.git_allow_local,
                cache_bytes=options.git_cache_bytes,
                timeout_s=times.command_s,
                kill_after_s=times.kill_after_s,
                trust=options.trust,
                variables=options.environment,
            ),
            secrets=self._secrets,
            random=random.random,
            controller_namespace=options.argocd_namespace,
            exchange=TokenServices(means),
            signer=self._signer,
            api=self._api if options.git_commits_by_api else None,
            check_turn=self._check_turn,
        )

    def troubles(self) -> tuple[str, ...]:
        """Return what was not kept since the last call, and why."""
        keepers = (self.store, self._seen, self.rollouts, self.git)
        return tuple(filter(None, (keeper.take_trouble() for keeper in keepers)))

    def _close_seen(self) -> None:
        self._seen.prune()
        self._seen.close()

    def _close_store(self) -> None:
        self.store.prune()
        self.store.close()

    def _count(self, exchange: Exchange) -> None:
        self._exchanges[exchange.host] += 1
        self._observe(exchange)
