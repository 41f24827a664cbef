"""A forge of the tests, asked by the client itself: no repository is cloned."""

from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
import trustme

from argocd_image_updater.core.pull_requests import RequestText
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.forges.interface import Proposal
from argocd_image_updater.git.forges.kinds import FORGES
from argocd_image_updater.git.forges.opening import ForgeBook
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from argocd_image_updater.net.timing import Timing
from forges.model import RequestModel
from forges.server import ForgeServer
from registries.connect_proxy import ConnectProxy
from servers.git_server import bare_repository, commit_files
from stages.requests import DIALECTS, HOSTS, PATHS

TOKEN = "f0rge-t0ken-4711"
HEAD = "image-updater-deadbeef"


@dataclass
class OneConnection:
    """The way to a repository, whatever key is asked for."""

    found: Connection

    async def connection(self, _key):
        return self.found


@dataclass
class Desk:
    """One forge of a kind with its server; `waits` are the pauses that were made."""

    kind: str
    requests: RequestModel
    server: ForgeServer
    book: ForgeBook
    waits: list

    async def open(self):
        return await self.book.open(None, self.kind)

    def proposal(self, *, title="title", body="body", **more):
        return Proposal(HEAD, "main", RequestText(title, body), **more)

    def commit(self, branch=HEAD, content=b"new"):
        """Give the branch of a request a commit of its own."""
        folder = self.requests.repository
        base = self.requests.tip(branch) or self.requests.tip("main")
        return commit_files(folder, {"f": content}, branch=branch, base=base)


@dataclass
class _Stage:
    requests: RequestModel
    git: object
    repository_name: str = "deploy"


@dataclass
class _Password:
    password: str = TOKEN
    username: str = "bot"


@pytest.fixture
async def make_desk(tmp_path):
    """Return a maker of desks by the name of a forge."""
    opened = []
    parts = ExitStack()
    authority = trustme.CA()

    def make(kind, *, url="", credential=None):
        model = RequestModel(bare_repository(tmp_path / f"{len(opened)}.git", {"f": b"old"}))
        dialect = DIALECTS[kind](_Stage(model, _Password()))
        hosts = HOSTS.get(kind, ())
        server = parts.enter_context(
            ForgeServer(dialect, certificate=authority.issue_cert(*hosts) if hosts else None)
        )
        waits = []

        async def sleep(seconds):
            waits.append(seconds)

        credential = credential or GitCredential(CredentialKind.BASIC, "bot", TOKEN)
        trust = Trust()
        address = f"http://127.0.0.1:{server.port}"
        if hosts:
            proxy = parts.enter_context(ConnectProxy(server.port))
            credential = replace(credential, proxy=proxy.url)
            trust = Trust(tls_folder=tmp_path)
            address = f"https://{hosts[0]}"
            for host in hosts:
                authority.cert_pem.write_to_path(str(tmp_path / host))
        path = PATHS.get(kind, "acme/{name}").format(name="deploy")
        ending = "" if "/_git/" in path else ".git"
        url = url.format(port=server.port) or f"{address}/{path}{ending}"
        connection = Connection(parse_url(url, allow_http=True), credential, trust)
        timing = Timing(sleep=sleep, random=lambda: 0.5)
        book = ForgeBook(OneConnection(connection), FORGES, timing=timing)
        desk = Desk(kind, model, server, book, waits)
        opened.append(desk)
        return desk

    yield make
    for desk in opened:
        await desk.book.close()
    parts.close()
