"""The seam between the Git engine and the services that issue tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeGuard

from argocd_image_updater.net.proxies import DIRECT, ProxyRules
from argocd_image_updater.net.timing import REAL_TIME, Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.git.connection import Connection
    from argocd_image_updater.git.credentials import GitCredential

TOKEN_LIMIT = 32_768  # characters; those of Entra ID have some thousand
REQUEST_S = 15.0
DOCS = "docs/git-credentials.md"
_TOKEN = re.compile(r"[!-~]+")  # what a header can carry


class TokenExchange(Protocol):
    """Turns a credential that Git cannot use into one that it can."""

    def serves(self, credential: GitCredential) -> bool:
        """Return whether a credential has to be exchanged before Git can use it."""
        ...

    async def exchange(self, connection: Connection) -> GitCredential:
        """Return what takes the place of the connection's credential; GitError where nothing."""
        ...

    def refused(self, credential: GitCredential) -> bool:
        """Forget what was exchanged, because a server refused it; whether to exchange anew."""
        ...


class TokenService(Protocol):
    """Issues tokens for one kind of credential."""

    async def exchange(self, connection: Connection) -> GitCredential: ...

    def drop(self, token: str) -> bool:
        """Forget a token that was refused; say whether another one may be better."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """How services are asked.

    environment: of the process, where clouds say who this program is. timeout_s: of one question.
    """

    proxies: ProxyRules = DIRECT
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timing: Timing = REAL_TIME
    timeout_s: float = REQUEST_S


def is_token(value: object) -> TypeGuard[str]:
    """Whether an answer holds a token that can be sent in a header."""
    return (
        isinstance(value, str) and len(value) <= TOKEN_LIMIT and _TOKEN.fullmatch(value) is not None
    )
