"""Everything that one process shares when it talks to registries, and the way to a client.

One of these lives as long as the process; its parts are made for it alone: connection pool, host
limits, known challenges, tokens, remembered pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.net.proxies import read_proxies
from argocd_image_updater.net.timing import REAL_TIME, Timing
from argocd_image_updater.registry.authorization import Authorizer
from argocd_image_updater.registry.cache_lookups import CacheLookup, unheard
from argocd_image_updater.registry.client import RegistryClient
from argocd_image_updater.registry.limits import DEFAULT_CONNECTIONS
from argocd_image_updater.registry.mirror_health import MirrorHealth
from argocd_image_updater.registry.mirrored import Mirror, MirroredClient
from argocd_image_updater.registry.page_memory import PageMemory
from argocd_image_updater.registry.retry import POLICY, RetryPolicy
from argocd_image_updater.registry.traffic import Exchange, Traffic
from argocd_image_updater.registry.transport import DEADLINES, Deadlines, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from argocd_image_updater.registry.endpoint import Endpoint
    from argocd_image_updater.registry.mirrors import MirrorPlace
    from argocd_image_updater.registry.session import CredentialsProvider


class RegistryNetwork:
    """environment: variables that name proxies.

    observe, observe_cache: called for each request and each look into a cache, for metrics.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        deadlines: Deadlines = DEADLINES,
        policy: RetryPolicy = POLICY,
        timing: Timing = REAL_TIME,
        connections: int = DEFAULT_CONNECTIONS,
        observe: Callable[[Exchange], None] | None = None,
        observe_cache: Callable[[CacheLookup], None] = unheard,
    ) -> None:
        self.observe_cache = observe_cache
        self.transport = Transport(proxies=read_proxies(environment or {}), deadlines=deadlines)
        self.traffic = Traffic(
            self.transport, timing=timing, policy=policy, connections=connections, observe=observe
        )
        self.authorizer = Authorizer(self.traffic, observe_cache=observe_cache)
        self._pages = PageMemory(timing)
        # for mirrors nobody waits, because there is somebody else to ask
        self._mirror_traffic = self.traffic.impatient()
        self._mirror_authorizer = Authorizer(self._mirror_traffic, observe_cache=observe_cache)
        self._mirror_health = MirrorHealth(timing)

    def begin_cycle(self) -> None:
        """Forget the faults that are remembered only so that one cycle does not repeat them."""
        self.authorizer.begin_cycle()

    def client(
        self, endpoint: Endpoint, repository: str, *, credentials: CredentialsProvider
    ) -> RegistryClient:
        """Return a client for one repository; cheap, it holds no connection."""
        return RegistryClient(
            endpoint,
            repository,
            traffic=self.traffic,
            authorizer=self.authorizer,
            credentials=credentials,
            pages=self._pages,
        )

    def mirrored(
        self,
        own: RegistryClient,
        places: Iterable[MirrorPlace],
        *,
        credentials: Callable[[MirrorPlace], CredentialsProvider],
        lists: bool = True,
    ) -> MirroredClient:
        """Return a client that reads one repository through its mirrors, in this order.

        credentials: those of a mirror. lists: whether mirrors can list tags as the registry does.
        """
        mirrors = [Mirror(place, self._mirror_client(place, credentials)) for place in places]
        return MirroredClient(
            own,
            mirrors,
            health=self._mirror_health,
            lists=lists,
            observe_cache=self.observe_cache,
        )

    def _mirror_client(
        self, place: MirrorPlace, credentials: Callable[[MirrorPlace], CredentialsProvider]
    ) -> RegistryClient:
        return RegistryClient(
            place.endpoint,
            place.repository,
            traffic=self._mirror_traffic,
            authorizer=self._mirror_authorizer,
            credentials=credentials(place),
            pages=self._pages,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self.transport.aclose()
