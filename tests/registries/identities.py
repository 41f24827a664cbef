"""Credentials for tests: given ones, and a source that counts how often it is asked."""

from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials, Endpoint
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)


class GivenCredentials:
    """Hands out its pairs in turn: the next one after each rejection, the last one for ever."""

    def __init__(self, *pairs):
        self.pairs = pairs or (ANONYMOUS,)
        self.rejections = 0

    async def __call__(self):
        return self.pairs[min(self.rejections, len(self.pairs) - 1)]

    def invalidate(self, used):
        assert used in self.pairs
        self.rejections += 1


def pair(username, password):
    return Credentials(username, password, source="a test")


def given(username="", password=""):
    return GivenCredentials(pair(username, password) if username or password else ANONYMOUS)


def endpoint_of(api_url, **settings):
    return Endpoint(name="test", prefix="registry.test", api_url=api_url, **settings)


class OneClient:
    """``async with OneClient(url, "team/app") as client``: a network of its own for one client."""

    def __init__(self, api_url, repository, *, credentials=None, network=None, **settings):
        self.network = network or RegistryNetwork(policy=ONCE)
        self.client = self.network.client(
            endpoint_of(api_url, **settings), repository, credentials=credentials or given()
        )

    async def __aenter__(self):
        return self.client

    async def __aexit__(self, *_):
        await self.network.aclose()
