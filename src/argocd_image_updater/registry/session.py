"""One identity that asks one registry about one repository: which credentials go along.

Rules: 1. every request is authorised by the challenges known for the host; 2. a 401 is answered
once, if it came from the registry itself and not from where a redirect led; 3. credentials that
were rejected are read again once, and the request is repeated if they have changed; 4. credentials
that were read again in vain are left alone for a while.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.answers import UNAUTHORIZED, is_good, read_failure
from argocd_image_updater.registry.authorization import Authorizer, Grant, Subject
from argocd_image_updater.registry.endpoint import ANONYMOUS
from argocd_image_updater.registry.page_memory import is_not_modified, page_key, unasked
from argocd_image_updater.registry.pulls import PullAccount
from argocd_image_updater.registry.redirects import origin
from argocd_image_updater.registry.transport import Request, Response

if TYPE_CHECKING:
    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.endpoint import Credentials
    from argocd_image_updater.registry.page_memory import PageMemory
    from argocd_image_updater.registry.traffic import Traffic

RENEWAL_INTERVAL_S = 30.0  # credentials that were read again in vain are left alone for this long


class CredentialsProvider(Protocol):
    """Where the credentials of a repository come from."""

    async def __call__(self) -> Credentials | Failure:
        """Return the credentials, kept or read; ANONYMOUS where none are configured."""

    def invalidate(self, used: Credentials) -> None:
        """Forget what is kept, if it still is what the registry rejected."""


class RepositorySession:
    """Sends the requests of one client."""

    def __init__(
        self,
        api: Api,
        repository: str,
        *,
        traffic: Traffic,
        authorizer: Authorizer,
        credentials: CredentialsProvider,
        pages: PageMemory | None = None,
    ) -> None:
        self.api = api
        self._repository = repository
        self._traffic = traffic
        self._authorizer = authorizer
        self._credentials = credentials
        self._pages = pages
        self._rejected: tuple[Credentials, float] | None = None
        self._last = ANONYMOUS

    @property
    def credentials_source(self) -> str:
        """Where the credentials came from that were used last, empty for none."""
        return "" if self._last == ANONYMOUS else self._last.source

    async def ask(
        self,
        url: str,
        *,
        max_bytes: int,
        method: str = "GET",
        accept: tuple[str, ...] = (),
        renew: bool = True,
        of_manifest: bool = False,
        repeatable: bool = False,
    ) -> Response | Failure:
        """Return the last answer to one request.

        renew: read rejected credentials again. of_manifest: the registry may count it as a pull.
        repeatable: the same will be asked again, so its answer is worth remembering.
        """
        credentials = await self._credentials()
        if isinstance(credentials, Failure):
            return credentials
        request = Request(
            url=url,
            max_bytes=max_bytes,
            method=method,
            accept=accept,
            tls=self.api.tls,
            route=self.api.route,
        )
        if of_manifest and self.api.pull_reserve is not None:
            user = credentials.username
            account = PullAccount(self.api.host, user, self.api.pull_reserve)
            request = replace(request, account=account)
        pages = self._pages if repeatable else None
        result, rejected = await self._recalled(request, credentials, pages=pages)
        if not (rejected and renew):
            return result
        renewed = await self._renew(credentials)
        if renewed is None:
            return result
        if isinstance(renewed, Failure):
            return renewed
        return (await self._recalled(request, renewed, pages=pages))[0]

    async def _recalled(
        self, request: Request, credentials: Credentials, *, pages: PageMemory | None
    ) -> tuple[Response | Failure, bool]:
        """Answer from a remembered page where the registry says that it has not changed."""
        if pages is None:
            result, rejected = await self._authorized(request, credentials)
            if isinstance(result, Response) and is_not_modified(result):
                return unasked(result), False
            return result, rejected
        key = page_key(request.url, request.accept, api=self.api, credentials=credentials)
        known = pages.recall(key)
        if known is not None:
            request = replace(request, conditions=known.conditions)
        result, rejected = await self._authorized(request, credentials)
        if isinstance(result, Failure):
            return result, rejected
        return pages.learn(key, known, result), rejected

    def distrust(self, url: str, accept: tuple[str, ...] = ()) -> None:
        """Read a page in whole the next time: what came last could not be read."""
        if self._pages is not None:
            self._pages.forget(page_key(url, accept, api=self.api, credentials=self._last))

    async def _authorized(
        self, request: Request, credentials: Credentials
    ) -> tuple[Response | Failure, bool]:
        """Return the answer, and whether it means that the credentials were rejected."""
        self._last = credentials
        subject = Subject(self.api, self._repository, credentials)
        grant = await self._authorizer.grant(subject)
        result = await self._send(request, grant)
        if not (
            isinstance(grant, Grant)
            and isinstance(result, Response)
            and result.status == UNAUTHORIZED
            and origin(result.url) == origin(request.url)
        ):
            return result, self._is_rejection(grant, result)
        again = await self._authorizer.answer(subject, grant, response=result)
        if again is None:
            return result, True
        result = await self._send(request, again)
        return result, self._is_rejection(again, result)

    async def _send(self, request: Request, grant: Grant | Failure) -> Response | Failure:
        if isinstance(grant, Failure):
            return grant
        if grant.withheld:
            return grant.withheld
        return await self._traffic.send(
            replace(request, authorization=grant.header),
            host=self.api.host,
            limit_per_s=self.api.limit_per_s,
            connections=self.api.max_concurrency,
        )

    def _is_rejection(self, grant: Grant | Failure, result: Response | Failure) -> bool:
        if isinstance(grant, Grant) and grant.withheld:
            return False
        if isinstance(result, Failure):
            return result.kind is FailureKind.DENIED
        if is_good(result):
            return False
        return read_failure(result, subject="").kind is FailureKind.DENIED

    async def _renew(self, rejected: Credentials) -> Credentials | Failure | None:
        """Return other credentials than the rejected ones, or None where there are none.

        Somebody else may have renewed them already; only if not, they are read again.
        """
        now = self._traffic.timing.monotonic()
        if self._rejected and self._rejected[0] == rejected and now < self._rejected[1]:
            return None
        current = await self._credentials()
        if current == rejected:
            self._rejected = (rejected, now + RENEWAL_INTERVAL_S)
            self._credentials.invalidate(rejected)
            current = await self._credentials()
        return None if current == rejected else current
