"""Repositories as one cycle knows them: URL checked, credential found, tips asked once.

Invariant: within a cycle one credential asks one repository once for its tips, whoever needs them;
a failure is remembered like an answer, so that a dead server is waited for once. Mirrors and what
was learnt about a server outlive the cycle.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from argocd_image_updater.core.argocd_secrets import GIT_TYPES, SECRET_TYPE_LABEL
from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.errors import RemoteError, UpdaterError
from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import (
    ANONYMOUS,
    CredentialKind,
    GitCredential,
)
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.guard import HostGuard
from argocd_image_updater.git.own_secrets import own_secret_credential, secret_reference
from argocd_image_updater.git.refs import HEADS, revision_fault, short_branch
from argocd_image_updater.git.remote import RemoteTips, list_tips
from argocd_image_updater.git.repository_secrets import repository_credential
from argocd_image_updater.git.urls import parse_url

if TYPE_CHECKING:
    from argocd_image_updater.core.facts import BranchKey
    from argocd_image_updater.git.cache import MirrorCache
    from argocd_image_updater.git.mirror import Mirror
    from argocd_image_updater.git.process import GitRunner
    from argocd_image_updater.git.secrets import SecretSource
    from argocd_image_updater.git.settings import GitSettings, GitStatistics
    from argocd_image_updater.git.tokens.interface import TokenExchange
    from argocd_image_updater.git.urls import RepositoryUrl

_Identity = tuple[str, str, str, str]
# Kinds that Git itself knows how to use.
_USABLE = {
    CredentialKind.BASIC,
    CredentialKind.BEARER,
    CredentialKind.SSH,
    CredentialKind.CLIENT_CERTIFICATE,
    CredentialKind.NONE,
}


@dataclass(slots=True)
class Access:
    """One repository as one identity sees it in one cycle.

    configured: the same connection with the credential before it was exchanged.
    """

    connection: Connection
    mirror: Mirror
    tips: RemoteTips | None = None
    failure: GitError | None = None
    configured: Connection | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def shown(self) -> str:
        return self.connection.url.shown

    def known_tips(self) -> RemoteTips:
        """Return the tips that were asked for."""
        if self.failure is not None:
            raise self.failure
        assert self.tips is not None, "tips are asked for before they are used"
        return self.tips

    def note_tip(self, branch: str, commit: str) -> None:
        """Take note of a tip that became known otherwise than by asking."""
        tips = self.known_tips()
        self.tips = RemoteTips(tips.default, {**tips.heads, branch: commit})


class AccessBook:
    """All repositories of a process."""

    def __init__(
        self,
        settings: GitSettings,
        *,
        runner: GitRunner,
        secrets: SecretSource,
        controller_namespace: str,
        statistics: GitStatistics,
        exchange: TokenExchange | None,
        cache: MirrorCache,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._runner = runner
        self._secrets = secrets
        self._namespace = controller_namespace
        self._statistics = statistics
        self._exchange = exchange
        self._guard = HostGuard(settings.variables)
        self._accesses: dict[_Identity, asyncio.Task[Access]] = {}
        self._shared: dict[Connection, Access] = {}

    def begin_cycle(self) -> None:
        """Forget tips and credentials; mirrors stay, but for those that nobody uses any more."""
        for task in self._accesses.values():
            task.cancel()  # left by a cycle that was cut off; where it has ended, nothing
        self._guard.begin_cycle()
        self._accesses = {}
        self._shared = {}
        self._cache.begin_cycle()

    def close(self) -> None:
        """Give all mirrors up."""
        self.begin_cycle()
        self._cache.close()

    async def open(self, key: BranchKey) -> Access:
        """Return the access to a repository, its tips asked for; GitError when there is none."""
        identity = (key.repository, key.credentials, key.project, key.namespace)
        task = self._accesses.get(identity)
        if task is None or task.cancelled():
            task = asyncio.create_task(self._connect(key))
            self._accesses[identity] = task
        access = await asyncio.shield(task)
        await self.ensure_tips(access)
        return access

    async def ensure_tips(self, access: Access) -> None:
        """Ask for the tips unless this cycle knows them."""
        async with access.asking:
            if access.tips is None and access.failure is None:
                await self._ask(access)
        access.known_tips()

    async def refresh(self, access: Access) -> RemoteTips:
        """Ask the remote again."""
        async with access.asking:
            await self._ask(access)
        return access.known_tips()

    def forget_others(self, access: Access) -> None:
        """Let other identities of a repository ask again, because a push changed it."""
        for other in self._shared.values():
            if other is not access and other.mirror is access.mirror:
                other.tips = other.failure = None

    async def _ask(self, access: Access) -> None:
        self._statistics.questions += 1
        access.tips = access.failure = None
        try:
            access.tips = await list_tips(self._runner, access.connection, access.mirror)
        except GitError as error:
            access.failure = error
            if error.kind is FailureKind.DENIED and await self._renew(access):
                await self._ask(access)

    async def _renew(self, access: Access) -> bool:
        """Exchange the credential anew when the token that the server refused is an old one."""
        if access.configured is None or self._exchange is None:
            return False
        if not self._exchange.refused(access.connection.credential):
            return False
        try:
            credential = await self._exchange.exchange(access.configured)
        except GitError as error:
            access.failure = error
            return False
        access.connection = replace(access.configured, credential=credential)
        return True

    async def _connect(self, key: BranchKey) -> Access:
        url = parse_url(
            key.repository,
            allow_local=self._settings.allow_local,
            allow_http=self._settings.allow_http,
        )
        credential = await self._credential(key, url)
        configured = await self._guard.guarded(Connection(url, credential, self._settings.trust))
        connection = await self._exchanged(configured)
        mirror = self._cache.open(url.identity)
        return self._shared.setdefault(
            connection, Access(connection, mirror, configured=configured)
        )

    async def _credential(self, key: BranchKey, url: RepositoryUrl) -> GitCredential:
        if url.scheme == "file" or not key.credentials:
            return ANONYMOUS
        try:
            return await find_credential(key, self._secrets, controller_namespace=self._namespace)
        except GitError:
            if url.password and key.credentials == "repocreds":
                return ANONYMOUS  # the URL itself holds the credential
            raise
        except UpdaterError as error:
            passes = isinstance(error, RemoteError) and error.temporary
            kind = FailureKind.TRANSIENT if passes else FailureKind.CREDENTIALS
            raise GitError(kind, f"{url.shown}: its credentials cannot be read: {error}") from error

    async def _exchanged(self, configured: Connection) -> Connection:
        """Turn a credential that Git cannot use itself into one that it can."""
        credential = configured.credential
        if self._exchange is not None and self._exchange.serves(credential):
            return replace(configured, credential=await self._exchange.exchange(configured))
        if credential.kind in _USABLE:
            return configured
        raise GitError(
            FailureKind.CREDENTIALS,
            f"{configured.url.shown}: a credential of kind {credential.kind} in "
            f"{credential.origin} cannot be used here: set user and password or an SSH key",
        )


async def find_credential(
    key: BranchKey, secrets: SecretSource, *, controller_namespace: str
) -> GitCredential:
    """Return the credential that a key names; GitError tells what is missing."""
    reference = secret_reference(key.credentials, key.namespace)
    if reference is None:
        known = await secrets.list_labelled(
            controller_namespace,
            label=SECRET_TYPE_LABEL,
            values=GIT_TYPES,
        )
        return repository_credential(known, key.repository, project=key.project)
    secret = await secrets.read(reference)
    if secret is None:
        raise GitError(
            FailureKind.CREDENTIALS,
            f"Secret {reference} not found: create it beside the Application",
        )
    return own_secret_credential(secret, key.repository)


def resolve_branch(access: Access, branch: str) -> str:
    """Return the full name of a configured branch that the remote has; GitError when it has not."""
    tips = access.known_tips()
    if not tips.heads:
        raise GitError(
            FailureKind.NOT_FOUND,
            f"{access.shown} is empty: push a first commit",
            reason=Reason.GIT_BRANCH_MISSING,
        )
    if branch in {"", "HEAD"}:
        if tips.default:
            return tips.default
        raise GitError(
            FailureKind.NOT_FOUND,
            f"{access.shown} has no default branch: set gitConfig.branch",
            reason=Reason.GIT_BRANCH_MISSING,
        )
    name = HEADS + short_branch(branch)
    if name in tips.heads:
        return name
    fault = revision_fault(branch)
    advice = "set gitConfig.branch to the branch to write to"
    if fault:
        raise GitError(
            FailureKind.NOT_FOUND,
            f"target revision {branch!r} of {access.shown} is not a branch ({fault}): {advice}",
            reason=Reason.GIT_BRANCH_MISSING,
        )
    raise GitError(
        FailureKind.NOT_FOUND,
        f"{access.shown} has no branch {short_branch(branch)!r} (a tag or a commit cannot be "
        f"written to): {advice}",
        reason=Reason.GIT_BRANCH_MISSING,
    )
