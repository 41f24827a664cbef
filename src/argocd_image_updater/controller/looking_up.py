"""Look one image up without an Application: which tag would a cycle choose for these settings?

Endpoints, credentials, limits and the choice are those of a cycle; only where the settings come
from differs. Nothing is remembered afterwards, and a cluster is spoken to only where a credential
reference names a Secret. The operator asks, so such a reference may name any namespace.

Source of the rules: docs/testing-images.md.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.controller.cycle import Progress
from argocd_image_updater.core.choice import Choice, NoChoice, Pending, choose, settle_age
from argocd_image_updater.core.facts import FileQuestion, TagList, VerificationQuestion
from argocd_image_updater.core.settings import Problem
from argocd_image_updater.errors import BugError
from argocd_image_updater.kube.client import KubeClient
from argocd_image_updater.kube.config import load_access
from argocd_image_updater.kube.secrets import ClusterSecrets
from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.registry.credentials.chain import ChainSettings, open_chain
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.registries_extra import METADATA_READS_LIMIT
from argocd_image_updater.state.facts import FactStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argocd_image_updater.clouds.library import Cloud
    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.facts import Answer, Question, RepositoryKey
    from argocd_image_updater.core.settings import ImageSettings
    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.endpoints import EndpointTable

ROUNDS = 16  # list, images, ages, the chosen one afresh, and again where tags moved meanwhile


@dataclass(frozen=True, slots=True)
class LookUp:
    """What is looked up, and how.

    credentials: reference that is used instead of the registry's, empty = the registry's.
    limit_per_s: instead of the registry's, 0 = unlimited, None = the registry's.
    kubeconfig: empty = where the cluster is found otherwise. ambient, docker_config: of the chain
    of credentials.
    """

    settings: ImageSettings
    table: EndpointTable
    default_platform: str
    credentials: str = ""
    limit_per_s: int | None = None
    kubeconfig: str = ""
    ambient: frozenset[Cloud] = frozenset()
    docker_config: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """The registry that is asked, with what is overridden."""
        found = self.table.lookup(self.settings.reference)
        limit_per_s = found.limit_per_s if self.limit_per_s is None else self.limit_per_s
        # there is no next cycle that could read the rest
        extras = replace(found.extras, metadata_reads=METADATA_READS_LIMIT)
        if self.credentials:
            extras = replace(extras, identities=())
            found = replace(found, credentials=self.credentials)
        return replace(found, limit_per_s=limit_per_s, extras=extras)


class SecretsOnDemand:
    """Secrets of a cluster that is looked for when the first one is read; close it at the end."""

    def __init__(self, environment: Mapping[str, str], *, kubeconfig: str = "") -> None:
        self._environment = environment
        self._kubeconfig = kubeconfig
        self._client: KubeClient | None = None

    async def read_data(self, key: ObjectKey) -> Mapping[str, bytes] | None:
        """Return what a Secret holds, None where there is none.

        Raises:
            UpdaterError: there is no access to a cluster, or it does not give the Secret.
        """
        if self._client is None:
            access = await load_access(self._environment, kubeconfig=self._kubeconfig)
            self._client = KubeClient(access, proxy_for=read_proxies(self._environment).proxy_for)
        secret = await ClusterSecrets(self._client).read(key)
        return secret.data if secret else None

    async def close(self) -> None:
        """Close the connections, if there are any."""
        if self._client is not None:
            await self._client.close()


def _untold(_count: int) -> None: ...


def _unseen(_progress: Progress) -> None: ...


async def look_up(
    wanted: LookUp,
    *,
    on_tags: Callable[[int], None] = _untold,
    on_progress: Callable[[Progress], None] = _unseen,
) -> Choice | NoChoice:
    """Return the choice, or why there is none.

    on_tags: called with the number of tags that the registry lists, where it is asked for a list.
    """
    async with AsyncExitStack() as opened:
        secrets = SecretsOnDemand(wanted.environment, kubeconfig=wanted.kubeconfig)
        opened.push_async_callback(secrets.close)
        network = RegistryNetwork(environment=wanted.environment)
        opened.push_async_callback(network.aclose)
        store = FactStore.in_memory()
        opened.callback(store.close)
        engine = RegistryEngine(
            network=network,
            resolver=open_chain(
                ChainSettings(ambient=wanted.ambient, docker_config=wanted.docker_config),
                traffic=network.traffic,
                environ=wanted.environment,
                secret_reader=secrets.read_data,
            ),
            store=store,
            unix=time.time,
        )
        engine.begin_cycle(wanted.table.with_endpoint(wanted.endpoint))
        return await _choose(wanted, engine, on_tags=on_tags, on_progress=on_progress)


async def _choose(
    wanted: LookUp,
    engine: RegistryEngine,
    *,
    on_tags: Callable[[int], None],
    on_progress: Callable[[Progress], None],
) -> Choice | NoChoice:
    """Ask for what is missing until the choice is complete."""
    repository = engine.locate(wanted.settings.reference, "", "")
    if isinstance(repository, Problem):
        return NoChoice(repository.reason, repository.message)
    facts: dict[Question, Answer] = {}
    now_ns = time.time_ns()
    for _ in range(ROUNDS):
        found = _decide(wanted, repository, facts, now_ns=now_ns)
        if not isinstance(found, Pending):
            return found
        answers = await engine.ask(
            [
                item
                for item in found.questions
                if not isinstance(item, FileQuestion | VerificationQuestion)
            ],
            on_answer=_Counter(len(found.questions), on_progress),
        )
        for answer in answers.values():
            if isinstance(answer, TagList):
                on_tags(len(answer.tags))
        facts.update(answers.items())
    raise BugError(f"the choice for {wanted.settings.reference.full_name} did not come to an end")


def _decide(
    wanted: LookUp, repository: RepositoryKey, facts: Mapping[Question, Answer], *, now_ns: int
) -> Choice | NoChoice | Pending:
    """Choose, where nothing runs: so the chosen tag must be old enough."""
    settings, platform = wanted.settings, wanted.default_platform
    found = choose(settings, repository, facts=facts, default_platform=platform, now_ns=now_ns)
    if not isinstance(found, Choice):
        return found
    return settle_age(
        settings, repository, found, facts=facts, default_platform=platform, now_ns=now_ns
    )


class _Counter:
    """Turns answers into progress."""

    def __init__(self, total: int, tell: Callable[[Progress], None]) -> None:
        self._total = total
        self._done = 0
        self._tell = tell

    def __call__(self) -> None:
        self._done += 1
        self._tell(Progress("registries", self._done, self._total))
