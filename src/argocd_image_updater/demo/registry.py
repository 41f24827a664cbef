"""A small OCI registry inside this process, on the loopback interface only.

It speaks the distribution protocol in full where images are pushed and pulled (tags with pages,
manifests by tag and digest, blobs in one piece or in chunks, mounts), so any client works with it.
It knows no users and deletes nothing: it is made for the demonstration and for trying things out.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Self

from aiohttp import web

from argocd_image_updater.demo.store import digest_of, is_digest
from argocd_image_updater.demo.uploads import Uploads
from argocd_image_updater.demo.wire import (
    MANIFEST_LIMIT_BYTES,
    Refused,
    check_manifest,
    check_name,
    check_tag,
    next_link,
    page_size,
    speak_protocol,
)
from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

    from argocd_image_updater.demo.store import ImageStore, StoredRepository

LOOPBACK = "127.0.0.1"
_SHUTDOWN_S = 1.0  # for answers on their way when the registry ends


class EmbeddedRegistry:
    """Serves one store while it is entered; an asynchronous context manager.

    port: 0 takes a free one; `port` tells which.
    """

    def __init__(self, store: ImageStore, *, port: int = 0) -> None:
        self._store = store
        self._uploads = Uploads(store)
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=_SHUTDOWN_S
        )
        self.port = port

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            ConfigError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"failed: {error.strerror}"
            raise ConfigError(
                f"the registry cannot listen on {self.host}: the port {reason}",
                hint="end the program that uses it; a registry of the demonstration that still "
                "runs is ended with Ctrl-C",
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        self._uploads.drop_all()

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[speak_protocol], client_max_size=MANIFEST_LIMIT_BYTES
        )
        uploads = self._uploads
        application.add_routes(
            [
                web.get("/v2/", _version),
                web.get("/v2/{name:.+}/tags/list", self._tags),
                web.get("/v2/{name:.+}/manifests/{reference}", self._manifest),
                web.put("/v2/{name:.+}/manifests/{reference}", self._put_manifest),
                web.post("/v2/{name:.+}/blobs/uploads/", uploads.begin),
                web.get("/v2/{name:.+}/blobs/uploads/{upload}", uploads.status),
                web.patch("/v2/{name:.+}/blobs/uploads/{upload}", uploads.append),
                web.put("/v2/{name:.+}/blobs/uploads/{upload}", uploads.finish),
                web.delete("/v2/{name:.+}/blobs/uploads/{upload}", uploads.cancel),
                web.get("/v2/{name:.+}/blobs/{digest}", self._blob),
            ]
        )
        return application

    async def _tags(self, request: web.Request) -> web.Response:
        name, repository = self._repository(request)
        limit = page_size(request)
        last = request.query.get("last", "")
        tags = sorted(tag for tag in repository.tags if tag > last)
        page = tags[:limit]
        answer = web.json_response({"name": name, "tags": page})
        if page and len(tags) > len(page):
            answer.headers["Link"] = next_link(name, last=page[-1], limit=limit)
        return answer

    async def _manifest(self, request: web.Request) -> web.Response:
        _, repository = self._repository(request)
        reference = request.match_info["reference"]
        digest = reference if ":" in reference else repository.tags.get(reference, "")
        media_type = repository.manifests.get(digest)
        if media_type is None:
            raise Refused(404, "MANIFEST_UNKNOWN", f"there is no manifest {reference}")
        headers = {"Docker-Content-Digest": digest, "Content-Type": media_type}
        return web.Response(body=self._store.path_of(digest).read_bytes(), headers=headers)

    async def _put_manifest(self, request: web.Request) -> web.Response:
        name = check_name(request)
        reference = request.match_info["reference"]
        body = await request.read()
        digest = digest_of(body)
        if is_digest(reference):
            if reference != digest:
                raise Refused(400, "DIGEST_INVALID", f"the manifest's digest is {digest}")
        else:
            check_tag(reference)
        media_type = check_manifest(body, request.content_type, name=name, store=self._store)
        tag = "" if is_digest(reference) else reference
        self._store.add_manifest(name, body, media_type=media_type, tag=tag)
        location = f"/v2/{name}/manifests/{digest}"
        return web.Response(
            status=201, headers={"Location": location, "Docker-Content-Digest": digest}
        )

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        name = check_name(request)
        digest = request.match_info["digest"]
        if not self._store.has_blob(name, digest):
            raise Refused(404, "BLOB_UNKNOWN", f"{name} has no blob {digest}")
        headers = {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"}
        return web.FileResponse(self._store.path_of(digest), headers=headers)

    def _repository(self, request: web.Request) -> tuple[str, StoredRepository]:
        name = check_name(request)
        repository = self._store.repository(name)
        if repository is None:
            raise Refused(404, "NAME_UNKNOWN", f"there is no repository {name}")
        return name, repository


async def _version(_request: web.Request) -> web.Response:
    return web.json_response({})
