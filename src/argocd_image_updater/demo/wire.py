"""The protocol of the embedded registry: names, errors, pages, and what a manifest must be.

Invariant: what comes from a client is checked here before it reaches the store. Errors have the
protocol's own form. Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from argocd_image_updater.demo.store import is_digest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from argocd_image_updater.demo.store import ImageStore

MANIFEST_LIMIT_BYTES = 4 << 20  # the size that the specification asks registries to take
PAGE_LIMIT = 1000
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_IMAGES = frozenset({OCI_MANIFEST, _DOCKER_MANIFEST})
_LISTS = frozenset({OCI_INDEX, _DOCKER_LIST})

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_NAME_LIMIT = 255
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGITS = re.compile(r"[0-9]{1,9}")


class Refused(Exception):
    """A request that is answered with an error of the protocol."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@web.middleware
async def speak_protocol(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Mark every answer as one of this protocol and give errors its form."""
    try:
        answer = await handler(request)
    except Refused as error:
        answer = _error(error.status, error.code, str(error))
    except web.HTTPException as error:
        answer = _error(error.status, "UNSUPPORTED", error.reason)
    if not answer.prepared:
        answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    return answer


def check_name(request: web.Request) -> str:
    """Return the repository's name.

    Raises:
        Refused: it is not one.
    """
    name = request.match_info["name"]
    if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        raise Refused(400, "NAME_INVALID", "this is not the name of a repository")
    return name


def check_tag(tag: str) -> None:
    """Check a tag.

    Raises:
        Refused: it is not one.
    """
    if not _TAG.fullmatch(tag):
        raise Refused(400, "MANIFEST_INVALID", "this is neither a tag nor a sha256 digest")


def page_size(request: web.Request) -> int:
    """Return how many tags a page may have.

    Raises:
        Refused: the client's number is none.
    """
    text = request.query.get("n", str(PAGE_LIMIT))
    if not _DIGITS.fullmatch(text):
        raise Refused(400, "PAGINATION_NUMBER_INVALID", "n is not a number")
    return min(int(text), PAGE_LIMIT)


def next_link(name: str, *, last: str, limit: int) -> str:
    """Return the header value that leads to the next page."""
    return f'</v2/{name}/tags/list?{urlencode({"last": last, "n": limit})}>; rel="next"'


def check_manifest(body: bytes, content_type: str, *, name: str, store: ImageStore) -> str:
    """Return the media type of a manifest whose parts are all here.

    Raises:
        Refused: it is no manifest, or a part has not been pushed.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(400, "MANIFEST_INVALID", "the manifest is not a JSON object")
    media_type = document.get("mediaType", content_type)
    if media_type != content_type or content_type not in _IMAGES | _LISTS:
        raise Refused(400, "MANIFEST_INVALID", f"{content_type} does not fit this manifest")
    is_list = content_type in _LISTS
    has = store.has_manifest if is_list else store.has_blob
    for digest in _parts(document, is_list=is_list):
        if not is_digest(digest) or not has(name, digest):
            raise Refused(404, "MANIFEST_BLOB_UNKNOWN", f"{digest} has not been pushed")
    return content_type


def _parts(document: dict[str, Any], *, is_list: bool) -> Iterator[Any]:
    """Yield the digests that a manifest names; None where it should name one and does not."""
    if is_list:
        entries = document.get("manifests")
    else:
        layers = document.get("layers")
        entries = [document.get("config"), *layers] if isinstance(layers, list) else None
    for entry in entries if isinstance(entries, list) else [None]:
        yield entry.get("digest") if isinstance(entry, dict) else None


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)
