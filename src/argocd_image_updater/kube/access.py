"""Where the API server is and who asks it, as values: what a kubeconfig or a Pod's files say.

Secrets stand in fields that no representation shows. Files whose content may change (a token that
is rotated) are kept as paths, everything else as its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cluster:
    """server: URL, perhaps with a path. ca_pem: empty = the system's authorities.

    proxy_url may hold a password.
    """

    server: str
    ca_pem: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints credentials, as a kubeconfig describes it.

    command: a name that is looked for on PATH, or an absolute path.
    """

    api_version: str
    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    wants_cluster: bool = False
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom the API server shall take us for."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """What proves who we are.

    Of several ways the first that is set is used: token_file, token, username with password,
    plugin. A client certificate goes beside them; its files are where it and its key were read,
    None = they stand in the kubeconfig.
    """

    token_file: Path | None = None
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    plugin: ExecPlugin | None = None
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    certificate_file: Path | None = None
    key_file: Path | None = None
    impersonation: Impersonation = Impersonation()


@dataclass(frozen=True, slots=True)
class Access:
    """The API server, the identity and the namespace; source: where this was read, for messages."""

    cluster: Cluster
    user: User
    namespace: str
    source: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # of plugins
