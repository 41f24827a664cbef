"""Images for the embedded registry: real layers, configs, manifests and indexes, and their push.

Each image is one small layer; two images with the same words are the same bytes, so digests stay
the same from run to run. Source: https://github.com/opencontainers/image-spec/blob/main/spec.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argocd_image_updater.demo.store import digest_of
from argocd_image_updater.demo.wire import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from argocd_image_updater.errors import BugError

if TYPE_CHECKING:
    from aiohttp import ClientSession

_CREATED, _ACCEPTED = 201, 202


@dataclass(frozen=True, slots=True)
class DemoImage:
    """One image to push. platforms: more than one make an index. content: what its layer says."""

    repository: str
    tag: str
    created: str
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")
    content: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    media_type: str
    body: bytes

    @property
    def descriptor(self) -> dict[str, Any]:
        return {
            "mediaType": self.media_type,
            "digest": digest_of(self.body),
            "size": len(self.body),
        }


async def push_image(session: ClientSession, url: str, image: DemoImage) -> str:
    """Push one image to the registry at `url`; return the digest that its tag names."""
    base = f"{url}/v2/{image.repository}"
    manifests = []
    for platform in image.platforms:
        layer, config, manifest = _build(image, platform)
        await _push_blob(session, base, layer)
        await _push_blob(session, base, config)
        if len(image.platforms) == 1:
            return await _push_manifest(session, base, manifest, reference=image.tag)
        await _push_manifest(session, base, manifest, reference=digest_of(manifest.body))
        manifests.append({**manifest.descriptor, "platform": _platform(platform)})
    index = _document(OCI_INDEX, {"schemaVersion": 2, "manifests": manifests})
    return await _push_manifest(session, base, index, reference=image.tag)


def _build(image: DemoImage, platform: str) -> tuple[_Content, _Content, _Content]:
    """Return layer, config and manifest of one platform."""
    text = image.content or f"{image.repository}:{image.tag}"
    archive = _archive(f"{text} for {platform}\n".encode())
    layer = _Content(OCI_LAYER, gzip.compress(archive, mtime=0))
    config = _json_content(
        OCI_CONFIG,
        {
            **_platform(platform),
            "created": image.created,
            "config": {"Cmd": ["/bin/cat", "/about"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(archive).hexdigest()}"],
            },
        },
    )
    manifest = _document(
        OCI_MANIFEST,
        {"schemaVersion": 2, "config": config.descriptor, "layers": [layer.descriptor]},
    )
    return layer, config, manifest


def _archive(content: bytes) -> bytes:
    page = io.BytesIO()
    with tarfile.open(fileobj=page, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("about")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return page.getvalue()


def _platform(text: str) -> dict[str, str]:
    system, _, architecture = text.partition("/")
    return {"os": system, "architecture": architecture}


def _json_content(media_type: str, value: dict[str, Any]) -> _Content:
    return _Content(media_type, json.dumps(value, separators=(",", ":")).encode())


def _document(media_type: str, value: dict[str, Any]) -> _Content:
    return _json_content(media_type, {**value, "mediaType": media_type})


async def _push_blob(session: ClientSession, base: str, content: _Content) -> None:
    async with session.post(f"{base}/blobs/uploads/") as answer:
        _expect(answer.status, _ACCEPTED, base)
        location = answer.url.with_path(answer.headers["Location"])
    target = location.with_query(digest=digest_of(content.body))
    headers = {"Content-Type": "application/octet-stream"}
    async with session.put(target, data=content.body, headers=headers) as answer:
        _expect(answer.status, _CREATED, base)


async def _push_manifest(
    session: ClientSession, base: str, content: _Content, *, reference: str
) -> str:
    headers = {"Content-Type": content.media_type}
    url = f"{base}/manifests/{reference}"
    async with session.put(url, data=content.body, headers=headers) as answer:
        _expect(answer.status, _CREATED, url)
        return answer.headers["Docker-Content-Digest"]


def _expect(status: int, wanted: int, where: str) -> None:
    if status != wanted:
        raise BugError(f"the embedded registry answered {status} to a push to {where}")
