"""An embedded registry with an empty store, and a client session to talk to it."""

import aiohttp
import pytest

from argocd_image_updater.demo.registry import EmbeddedRegistry
from argocd_image_updater.demo.store import ImageStore


@pytest.fixture
async def registry(tmp_path):
    async with EmbeddedRegistry(ImageStore.create(tmp_path / "registry")) as running:
        yield running


@pytest.fixture
async def http(registry):
    async with aiohttp.ClientSession(registry.url) as session:
        yield session
