"""A Git server shared by the tests of a module, and engines with their own state."""

import itertools
from pathlib import Path

import pytest

from argocd_image_updater.git.engine import GitEngine
from argocd_image_updater.git.secrets import MappedSecrets
from argocd_image_updater.git.settings import GitSettings
from argocd_image_updater.git.tls import Trust
from servers.git_server import HttpsGitServer

_names = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with HttpsGitServer(tmp_path_factory.mktemp("git-server")) as running:
        yield running


@pytest.fixture
def repository_name(server):
    """A new name; the request log begins anew with it."""
    server.forget_requests()
    return f"r{next(_names)}"


async def _no_sleep(_seconds):
    return None


@pytest.fixture
def make_engine(tmp_path):
    """Make engines; each has a state folder of its own unless told otherwise."""
    engines = []

    def make(
        *,
        state=None,
        secrets=(),
        ca_file=None,
        sleep=_no_sleep,
        random=lambda: 0.5,
        check_turn=lambda: None,
        signer=None,
        api=None,
        exchange=None,
        **settings,
    ):
        folder = Path(state) if state else tmp_path / f"state{len(engines)}"
        options = {"allow_local": True, "timeout_s": 30, "trust": Trust(bundle=ca_file)}
        engine = GitEngine(
            GitSettings(folder, **{**options, **settings}),
            secrets=MappedSecrets({secret.key: secret for secret in secrets}),
            random=random,
            controller_namespace="argocd",
            sleep=sleep,
            now=lambda: 1_700_000_000,
            check_turn=check_turn,
            signer=signer,
            api=api,
            exchange=exchange,
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()
