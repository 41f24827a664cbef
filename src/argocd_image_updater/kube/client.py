"""Ask the Kubernetes API: get, list, watch, create, patch.

Promises: 1. bodies, times and the number of open requests are bounded; 2. what only reads is tried
again after faults that can pass, what writes only where the server says it did not begin (429);
3. a refused credential is renewed once and the request repeated; 4. every refusal is an error of
the house that names the request. Writers say who they are: field manager argocd-image-updater.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from argocd_image_updater.errors import BugError, RemoteError
from argocd_image_updater.kube.answers import (
    ObjectMissing,
    Throttled,
    Unprocessable,
    VersionMoved,
    error_of,
    kind_missing,
    parse_retry_after,
    read_status,
)
from argocd_image_updater.kube.credential import identity_of
from argocd_image_updater.kube.nesting import decode_any_depth
from argocd_image_updater.kube.transport import (
    Request,
    Transport,
    impersonation_headers,
    no_proxy,
)
from argocd_image_updater.kube.watching import WatchEvent, read_events
from argocd_image_updater.net.timing import REAL_TIME, Backoff, Timing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence

    import aiohttp

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.kube.access import Access
    from argocd_image_updater.kube.credential import Credential
    from argocd_image_updater.kube.kinds import Kind

FIELD_MANAGER = "argocd-image-updater"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
JSON = "application/json"
_UNAUTHORIZED = 401
_FIRST_ERROR = 300  # redirects are not followed
_ERROR_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one client.

    page_objects: objects asked for at once. page_bytes, object_bytes: decompressed; etcd keeps
    objects below 1.5 MiB. open_requests: at the same time, watches apart.
    attempts, deadline_s: of one read, all attempts together. watch_s: how long the server lets one
    watch run; watch_silence_s: without event or bookmark, until a connection is not trusted.
    """

    page_objects: int = 500
    page_bytes: int = 128 * 1024 * 1024
    object_bytes: int = 8 * 1024 * 1024
    open_requests: int = 16
    attempts: int = 4
    deadline_s: float = 60.0
    watch_s: float = 300.0
    watch_silence_s: float = 150.0


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class KubeExchange:
    """One request as it is counted: status 0 means that there was no answer."""

    host: str
    method: str
    status: int
    elapsed_s: float


def _not_counted(_exchange: KubeExchange) -> None: ...


class _PageMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct):
    """A part of a list: undecoded objects, the version of the list."""

    metadata: _PageMetadata
    items: list[msgspec.Raw] | None = None

    @property
    def resource_version(self) -> str:
        return self.metadata.resource_version


_PAGE = msgspec.json.Decoder(Page)
_OBJECT = msgspec.json.Decoder(dict[str, Any])


class KubeClient:
    """One API server, one identity. Close it when done.

    observe: called for each request when its answer has begun, for metrics.
    """

    def __init__(
        self,
        access: Access,
        *,
        limits: Limits = LIMITS,
        backoff: Backoff | None = None,
        timing: Timing = REAL_TIME,
        proxy_for: Callable[[str, str, int | None], str] = no_proxy,
        observe: Callable[[KubeExchange], None] = _not_counted,
    ) -> None:
        self.access = access
        self._observe = observe
        self.limits = limits
        self.timing = timing
        self._backoff = backoff or Backoff(first_s=0.5, longest_s=8.0)
        self._identity = identity_of(access, timing=timing)
        self._transport = Transport(
            access.cluster,
            headers=impersonation_headers(access.user.impersonation),
            proxy_for=proxy_for,
        )
        self._slots = asyncio.Semaphore(limits.open_requests)

    async def close(self) -> None:
        """End all connections."""
        await self._transport.close()

    async def get(self, kind: Kind, key: ObjectKey) -> dict[str, Any] | None:
        """Return an object, None where there is none."""
        request = Request("GET", kind.object_path(key))
        try:
            return _object(await self._read(request), request)
        except ObjectMissing:
            return None

    async def pages(
        self, kind: Kind, *, namespace: str = "", label_selector: str = ""
    ) -> AsyncGenerator[Page, None]:
        """Yield a consistent list in parts; an empty namespace means the whole cluster.

        Raises:
            Expired: the server forgot the list between two pages: begin again.
            ConfigError: the cluster does not serve this kind.
        """
        query = {"limit": str(self.limits.page_objects)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            request = Request("GET", kind.collection_path(namespace), urlencode(query))
            try:
                body = await self._read(request, max_bytes=self.limits.page_bytes)
            except ObjectMissing:
                raise kind_missing(request.about) from None
            page = _page(body, request)
            yield page
            if not page.metadata.continue_:
                return
            if page.metadata.continue_ == query.get("continue"):
                raise RemoteError(f"{request.about}: the list does not end", temporary=False)
            query["continue"] = page.metadata.continue_

    async def watch(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        name: str = "",
        resource_version: str,
        on_open: Callable[[], None] | None = None,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what happens after a version until the server ends the watch, as it does in time.

        name: watch this one object only. on_open is called when the server has accepted the watch.
        Close the iterator when done.

        Raises:
            Expired: the version is too old.
            RemoteError: among others: nothing came for too long.
        """
        span_s = self.limits.watch_s * (1 + self.timing.random()) / 2
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(span_s))),
        }
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        request = Request(
            "GET",
            kind.collection_path(namespace),
            urlencode(query),
            silence_s=self.limits.watch_silence_s,
            total_s=None,
            compressed=False,
        )
        async with self._answered(request) as response:
            if on_open is not None:
                on_open()
            async for event in read_events(response.content.iter_any(), about=request.about):
                yield event

    async def create(
        self, kind: Kind, document: Mapping[str, Any], *, namespace: str
    ) -> dict[str, Any]:
        """Create an object and return it as it was stored.

        Raises:
            ObjectExists: there is one of this name.
        """
        return await self._write("POST", kind.collection_path(namespace), document, JSON)

    async def patch(
        self, kind: Kind, key: ObjectKey, change: Mapping[str, Any], *, subresource: str = ""
    ) -> dict[str, Any]:
        """Change an object by a merge patch (RFC 7386); subresource: such as ``status``.

        With ``metadata.resourceVersion`` in the change it applies only to that version.

        Raises:
            ObjectMissing: there is no such object. ConflictError: it has another version.
        """
        path = kind.object_path(key, subresource=subresource)
        return await self._write("PATCH", path, change, MERGE_PATCH)

    async def patch_version(
        self,
        kind: Kind,
        key: ObjectKey,
        operations: Sequence[Mapping[str, Any]],
        *,
        resource_version: str,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Change this version of an object by a JSON patch (RFC 6902), and no other.

        Raises:
            VersionMoved: the object has another version, or is gone.
        """
        if not resource_version:
            raise BugError(f"a patch of {kind} {key} without the version it was made for")
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version}
        path = kind.object_path(key, subresource=subresource)
        try:
            return await self._write("PATCH", path, [test, *operations], JSON_PATCH)
        except Unprocessable:
            # The server does not tell a failed test from another fault of the patch.
            found = await self.get(kind, key)
            metadata = (found or {}).get("metadata") or {}
            if metadata.get("resourceVersion") == resource_version:
                raise
            message = f"{kind} {key}: was changed by somebody else"
            raise VersionMoved(message, current=found) from None

    async def _write(
        self, method: str, path: str, body: object, content_type: str
    ) -> dict[str, Any]:
        request = Request(
            method,
            path,
            urlencode({"fieldManager": FIELD_MANAGER}),
            body=msgspec.json.encode(body),
            content_type=content_type,
        )
        return _object(await self._exchange(request, max_bytes=self.limits.object_bytes), request)

    async def _read(self, request: Request, *, max_bytes: int = 0) -> bytes:
        return await self._exchange(
            request, max_bytes=max_bytes or self.limits.object_bytes, is_read=True
        )

    async def _exchange(self, request: Request, *, max_bytes: int, is_read: bool = False) -> bytes:
        """Return the body of the answer, after several attempts where that is safe."""
        began_s, attempt = self.timing.monotonic(), 1
        while True:
            try:
                async with self._slots, self._answered(request) as response:
                    return await _read_body(response, request, max_bytes=max_bytes)
            except RemoteError as error:
                # Only 429 says that a write did not begin.
                is_safe = error.temporary and (is_read or isinstance(error, Throttled))
                elapsed_s = self.timing.monotonic() - began_s
                wait_s = self._wait_s(error, attempt, elapsed_s=elapsed_s) if is_safe else None
                if wait_s is None:
                    raise
            await self.timing.sleep(wait_s)
            attempt += 1

    def _wait_s(self, error: RemoteError, attempt: int, *, elapsed_s: float) -> float | None:
        """Return the wait before another attempt, None where there is none left."""
        if attempt >= self.limits.attempts:
            return None
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = self._backoff.wait_s(attempt, dice=self.timing.random())
        return wait_s if elapsed_s + wait_s < self.limits.deadline_s else None

    @asynccontextmanager
    async def _answered(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, with a renewed credential where the first is refused."""
        async with AsyncExitStack() as stack:
            credential = await self._identity.credential()
            response = await stack.enter_async_context(self._counted(request, credential))
            if response.status == _UNAUTHORIZED and await self._identity.renew(credential):
                await stack.aclose()
                credential = await self._identity.credential()
                response = await stack.enter_async_context(self._counted(request, credential))
            if response.status >= _FIRST_ERROR:
                body = await _read_start(response, _ERROR_BYTES)
                raise error_of(
                    response.status,
                    read_status(body),
                    about=request.about,
                    identity=self.access.source,
                    retry_after_s=parse_retry_after(response.headers.get("Retry-After", "")),
                )
            yield response

    @asynccontextmanager
    async def _counted(
        self, request: Request, credential: Credential
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        began_s, status = self.timing.monotonic(), 0
        host = urlsplit(self.access.cluster.server).netloc

        def count() -> None:
            elapsed_s = self.timing.monotonic() - began_s
            self._observe(KubeExchange(host, request.method, status, elapsed_s))

        async with AsyncExitStack() as stack:
            try:
                opening = self._transport.open(request, credential)
                response = await stack.enter_async_context(opening)
                status = response.status
            finally:
                count()
            yield response


async def _read_body(
    response: aiohttp.ClientResponse, request: Request, *, max_bytes: int
) -> bytes:
    body = await _read_start(response, max_bytes + 1)
    if len(body) > max_bytes:
        raise RemoteError(
            f"{request.about}: the answer has more than {max_bytes} bytes", temporary=False
        )
    return body


async def _read_start(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return at most the first bytes of a body, decompressed."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece[: limit - size])
        size += len(pieces[-1])
        if size >= limit:
            break
    return b"".join(pieces)


def _page(body: bytes, request: Request) -> Page:
    try:
        return decode_any_depth(_PAGE.decode, body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise RemoteError(f"{request.about}: the answer is no list", temporary=False) from None


def _object(body: bytes, request: Request) -> dict[str, Any]:
    try:
        return decode_any_depth(_OBJECT.decode, body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise RemoteError(f"{request.about}: the answer is no object", temporary=False) from None
