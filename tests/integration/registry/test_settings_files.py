"""A registries.conf that is swapped while the program runs, with the registry it is about."""

import time

import pytest

from argocd_image_updater.controller.settings_files import SettingsFiles
from argocd_image_updater.core.facts import Failure, RepositoryKey, TagList, TagListQuestion
from argocd_image_updater.registry.credentials.resolver import CredentialResolver
from argocd_image_updater.registry.engine import RegistryEngine
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.state.facts import FactStore
from servers.git_server import free_port
from stages.volume import Volume

pytestmark = pytest.mark.lab("docker-registry")


def entry(host, url):
    return f"registries: [{{name: local, prefix: '{host}', api_url: '{url}'}}]\n"


async def test_a_swapped_file_is_asked_by_from_the_next_cycle_on_and_a_broken_one_is_not(
    distribution, repository, tmp_path
):
    distribution.push_tags(repository, ["1.0.0"])
    volume = Volume(tmp_path / "config")
    volume.swap(registries__conf=entry(distribution.host, f"http://127.0.0.1:{free_port()}"))
    files = SettingsFiles(str(volume.folder / "registries.conf"), "", ca_directories=())
    network = RegistryNetwork()
    store = FactStore.open(tmp_path / "facts.db")
    engine = RegistryEngine(
        network=network,
        resolver=CredentialResolver(environ={}, clock=time.monotonic),
        store=store,
        unix=time.time,
    )
    question = TagListQuestion(RepositoryKey(distribution.host, repository))

    async def cycle():
        loaded = files.load()
        engine.begin_cycle(loaded.table)
        return (await engine.ask([question]))[question], loaded.warnings

    try:
        answer, _ = await cycle()
        assert isinstance(answer, Failure)
        volume.swap(registries__conf=entry(distribution.host, distribution.url))
        assert await cycle() == (TagList(("1.0.0",)), ())
        volume.swap(registries__conf="registries: [{name: x}]")
        answer, (warning,) = await cycle()
        assert answer == TagList(("1.0.0",))
        assert "what was read before stays in use" in warning
    finally:
        await network.aclose()
        store.close()
