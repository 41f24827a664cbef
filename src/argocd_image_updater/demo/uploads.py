"""Uploads of blobs to the embedded registry: in one piece, in chunks, or mounted.

Invariant: a blob gets its name only when the digest of what came is the one that was announced.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from argocd_image_updater.demo.store import is_digest
from argocd_image_updater.demo.wire import Refused, check_name

if TYPE_CHECKING:
    from argocd_image_updater.demo.store import ImageStore, Upload

_BLOB_LIMIT_BYTES = 1 << 30  # no layer of a trial is larger; keeps a runaway client off the disk
_OPEN_LIMIT = 64  # uploads at once: several clients with several layers each
_RANGE = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


class Uploads:
    """The uploads that are going on, and their request handlers."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._open: dict[str, tuple[str, Upload]] = {}

    def drop_all(self) -> None:
        """Forget what has not been finished."""
        for _, upload in self._open.values():
            upload.drop()
        self._open.clear()

    async def begin(self, request: web.Request) -> web.Response:
        """Begin an upload; a mount or a body with its digest ends it at once."""
        name = check_name(request)
        query = request.query
        mount = query.get("mount", "")
        if mount and self._store.mount_blob(name, mount, source=query.get("from", "")):
            return _created(name, mount)
        if len(self._open) >= _OPEN_LIMIT:
            raise Refused(429, "TOOMANYREQUESTS", "too many uploads at once")
        key, upload = self._store.new_upload()
        self._open[key] = name, upload
        if "digest" in query:
            return await self._take_whole(request, key, digest=query["digest"])
        return _accepted(name, key, upload)

    async def _take_whole(self, request: web.Request, key: str, *, digest: str) -> web.Response:
        """Take a blob in one piece; if it breaks off nobody knows its upload, so it is dropped."""
        try:
            await _receive(request, self._open[key][1])
            return self._end(key, digest)
        finally:
            if key in self._open:
                self._open.pop(key)[1].drop()

    async def status(self, request: web.Request) -> web.Response:
        """Tell how much has come."""
        name, key, upload = self._find(request)
        return _accepted(name, key, upload, status=204)

    async def append(self, request: web.Request) -> web.Response:
        """Take the next chunk."""
        name, key, upload = self._find(request)
        _check_range(request, upload)
        await _receive(request, upload)
        return _accepted(name, key, upload)

    async def finish(self, request: web.Request) -> web.Response:
        """Take the last chunk, if any, and give the blob its name."""
        _, key, upload = self._find(request)
        _check_range(request, upload)
        await _receive(request, upload)
        return self._end(key, request.query.get("digest", ""))

    async def cancel(self, request: web.Request) -> web.Response:
        """Forget an upload."""
        _, key, upload = self._find(request)
        del self._open[key]
        upload.drop()
        return web.Response(status=204)

    def _find(self, request: web.Request) -> tuple[str, str, Upload]:
        name = check_name(request)
        key = request.match_info["upload"]
        home, upload = self._open.get(key, ("", None))
        if upload is None or home != name:
            raise _unknown()
        return name, key, upload

    def _end(self, key: str, digest: str) -> web.Response:
        if key not in self._open:
            raise _unknown()
        name, upload = self._open.pop(key)
        if not is_digest(digest) or digest != upload.digest:
            upload.drop()
            raise Refused(400, "DIGEST_INVALID", f"what came has the digest {upload.digest}")
        self._store.add_blob(name, upload)
        return _created(name, digest)


async def _receive(request: web.Request, upload: Upload) -> None:
    # Written without a thread: a trial's layers come over loopback in small chunks.
    async for chunk in request.content.iter_any():
        if upload.is_closed:  # another request has cancelled or finished it
            raise _unknown()
        if upload.size_bytes + len(chunk) > _BLOB_LIMIT_BYTES:
            raise Refused(413, "SIZE_INVALID", f"a blob has at most {_BLOB_LIMIT_BYTES} bytes")
        upload.write(chunk)


def _check_range(request: web.Request, upload: Upload) -> None:
    text = request.headers.get("Content-Range", "")
    match = _RANGE.fullmatch(text.removeprefix("bytes "))
    if text and (match is None or int(match[1]) != upload.size_bytes):
        raise Refused(416, "BLOB_UPLOAD_INVALID", f"{upload.size_bytes} bytes have come so far")


def _unknown() -> Refused:
    return Refused(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")


def _accepted(name: str, key: str, upload: Upload, *, status: int = 202) -> web.Response:
    headers = {
        "Location": f"/v2/{name}/blobs/uploads/{key}",
        "Range": f"0-{max(upload.size_bytes - 1, 0)}",
        "Docker-Upload-UUID": key,
    }
    return web.Response(status=status, headers=headers)


def _created(name: str, digest: str) -> web.Response:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return web.Response(status=201, headers=headers)
