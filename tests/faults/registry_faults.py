"""What can be wrong with a registry: each fault can begin, and end again, for one case.

A case has a ground of its own: a repository that an Application follows, and a proxy in front of
the registry that the program asks. So what one host is made to suffer is not felt by the others.
"""

import json
import os
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import trustme

from faults.http_proxy import FaultProxy
from registries.distribution import OCI_MANIFEST, PASSWORD, USERNAME, basic_header
from stages.standalone import Stage

NEW_PASSWORD = "nEw-pAssword-of-the-registry"
NOBODY_LISTENS = "http://127.0.0.1:1"
NAME = "registry.test"  # leads to this machine while the file of the case says so
# The name service of the program under test, without a word in the program itself.
NAMES_SITE = f"""
import os, socket

ask = socket.getaddrinfo

def getaddrinfo(host, *words, **options):
    if host not in ("{NAME}", b"{NAME}"):
        return ask(host, *words, **options)
    if not os.path.exists(os.environ["NAMES_FILE"]):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return ask("127.0.0.1", *words, **options)

socket.getaddrinfo = getaddrinfo
"""


@dataclass
class Ground:
    """Where one case takes place.

    registry: the real one behind `front`. authority: of the certificate of `front`. old_token: for
    all repositories with tokens, expired.
    """

    stage: Stage
    folder: Path
    repository: str
    registry: object
    front: FaultProxy
    authority: trustme.CA
    old_token: str
    entry: dict = field(default_factory=dict)  # of registries.conf, beside prefix and api_url

    def __post_init__(self):
        self.folder.mkdir()

    def push(self, tag, *, month):
        self.registry.push_tags(self.repository, [tag], created=f"2024-0{month}-01T00:00:00Z")

    def login(self, password):
        """Write the Secret of the registry."""
        name = f"login-{self.folder.name}"
        self.entry["credentials"] = f"secret:argocd/{name}#login"
        self.stage.add(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "argocd"},
                "stringData": {"login": f"{USERNAME}:{password}"},
            }
        )


class Fault:
    """Something that can be wrong. settings: of `registries.extra.conf`. tls: asked over TLS.

    upstream: which registry is behind the proxy. pattern: of the requests that it is about.
    """

    settings = MappingProxyType({})
    tls = False
    upstream = "open"
    pattern = "/v2/"

    def prepare(self, ground):
        """Lay out what is there before the fault."""

    def begin(self, ground):
        """Let it begin."""

    def end(self, ground):
        """Let it be over."""
        ground.front.rules.clear()


class Nothing(Fault):
    """All is well."""

    def __init__(self, pattern):
        self.pattern = pattern


class Spoilt(Fault):
    """The answers to the requests that a pattern fits are spoilt; times: so many, None = all."""

    def __init__(self, pattern, action, *, times=None, settings=None):
        self.pattern = pattern
        self._action = action
        self._times = times
        self.settings = settings or {}

    def begin(self, ground):
        ground.front.on(self.pattern, self._action, times=self._times)


class ConfigSpoilt(Fault):
    """The configuration of one tag is spoilt."""

    def __init__(self, tag, action):
        self._tag = tag
        self._action = action

    def begin(self, ground):
        _, _, body = ground.registry.request(
            "GET",
            f"/v2/{ground.repository}/manifests/{self._tag}",
            headers={"Accept": OCI_MANIFEST},
        )
        self.pattern = f"blobs/{json.loads(body)['config']['digest']}"
        ground.front.on(self.pattern, self._action)


class TagGoes(Fault):
    """A tag is deleted in the moment after the list of tags was given."""

    pattern = "manifests/1.2.0"

    def begin(self, ground):
        def give_and_delete(exchange):
            answer = exchange.upstream()
            ground.registry.delete_tag(ground.repository, "1.2.0")
            exchange.send(*answer)

        ground.front.on("tags/list", give_and_delete, times=1)

    def end(self, ground):
        super().end(ground)
        ground.push("1.2.0", month=3)


class Away(Fault):
    """Nobody listens where the registry should be."""

    def begin(self, ground):
        ground.entry["api_url"] = NOBODY_LISTENS

    def end(self, ground):
        del ground.entry["api_url"]


class NoName(Fault):
    """The name service does not answer for the host of the registry."""

    def prepare(self, ground):
        ground.entry["api_url"] = f"http://{NAME}:{ground.front.port}"
        site = ground.folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(NAMES_SITE)
        ground.stage.environment |= {
            "PYTHONPATH": str(site),
            "NAMES_FILE": str(ground.folder / "answers"),
        }

    def begin(self, ground):
        (ground.folder / "answers").unlink(missing_ok=True)

    def end(self, ground):
        (ground.folder / "answers").write_text("")


class Certificate(Fault):
    """The registry shows another certificate than the true one.

    named: whose it is. expired: since yesterday. foreign: of an authority that nobody knows. It is
    over when the true one is back, or, where `trusted`, when the other authority is trusted.
    """

    tls = True

    def __init__(self, named="localhost", *, expired=False, foreign=False, trusted=False):
        self._named = named
        self._ends = {"not_after": datetime.now(UTC) - timedelta(days=1)} if expired else {}
        self._foreign = foreign
        self._trusted = trusted

    def prepare(self, ground):
        ground.entry["ca_file"] = str(ground.folder / "ca.pem")
        self._other = trustme.CA() if self._foreign else ground.authority
        self._trust(ground, ground.authority)

    def begin(self, ground):
        starts = {"not_before": datetime.now(UTC) - timedelta(days=9)} if self._ends else {}
        _show(ground.front, self._other.issue_cert(self._named, **starts, **self._ends))

    def end(self, ground):
        if self._trusted:
            self._trust(ground, self._other)
        else:
            _show(ground.front, ground.authority.issue_cert("localhost"))

    def _trust(self, ground, authority):
        authority.cert_pem.write_to_path(ground.entry["ca_file"])


class Login(Fault):
    """The Secret holds a wrong password while a rule of the proxy may spoil answers as well."""

    upstream = "password"

    def __init__(self, pattern="", action=None, *, wrong=True):
        self.pattern = pattern or "tags/list"
        self._rule = (pattern, action)
        self._wrong = wrong

    def prepare(self, ground):
        ground.login(PASSWORD)

    def begin(self, ground):
        if self._rule[1]:
            ground.front.on(*self._rule)
        if self._wrong:
            ground.login("wRong-pAssword-of-the-registry")

    def end(self, ground):
        ground.login(PASSWORD)  # the rule stays: the registry is as it is


class NewPassword(Fault):
    """The registry has a new password. told: the Secret has it at the same time, else later."""

    upstream = "password"

    def __init__(self, action, *, told):
        self._action = action
        self._told = told

    def prepare(self, ground):
        ground.login(PASSWORD)
        ground.stage.secrets |= {NEW_PASSWORD, basic_header(USERNAME, NEW_PASSWORD)[6:]}

    def begin(self, ground):
        ground.front.on("/", self._action)
        if self._told:
            ground.login(NEW_PASSWORD)

    def end(self, ground):
        ground.login(NEW_PASSWORD)


class LateToken(Fault):
    """The token has expired when the second page of the list is asked for."""

    upstream = "token"
    pattern = "page=2"

    def __init__(self, pages):
        self._pages = pages

    def prepare(self, ground):
        ground.login(PASSWORD)

    def begin(self, ground):
        ground.front.on(self.pattern, self._pages(f"Bearer {ground.old_token}"), times=1)
        ground.front.on("tags/list", self._pages(None))


class Script(Fault):
    """The program that prints the credentials does not do what it should."""

    upstream = "password"

    def __init__(self, lines):
        self._lines = lines

    def prepare(self, ground):
        ground.entry["credentials"] = f"ext:{ground.folder}/login"

    def begin(self, ground):
        self._write(ground, f"echo $$ >> {ground.folder}/pids", *self._lines)

    def end(self, ground):
        self._write(ground, f"echo {USERNAME}:{PASSWORD}")
        for pid in (ground.folder / "pids").read_text().split():
            assert not _runs(int(pid)), "the program of the credentials was left behind"

    def _write(self, ground, *lines):
        file = ground.folder / "login.new"
        file.write_text("\n".join(("#!/bin/sh", *lines, "")))
        file.chmod(0o755)
        file.rename(ground.folder / "login")


def tls_context(leaf):
    """Return the context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _show(front, leaf):
    """Let a proxy show this certificate from now on."""
    front.tls = tls_context(leaf)
    front.hang_up()


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
