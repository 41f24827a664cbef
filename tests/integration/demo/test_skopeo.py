"""A client of somebody else copies images into the embedded registry and out of it."""

import asyncio
import json

import aiohttp
import pytest

from argocd_image_updater.demo.images import DemoImage, push_image
from argocd_image_updater.demo.registry import EmbeddedRegistry
from argocd_image_updater.demo.store import ImageStore
from lab import find_program

pytestmark = pytest.mark.lab("skopeo")
LIMIT_S = 60.0


async def skopeo(*words):
    """Run skopeo to its end and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        find_program("skopeo"),
        "--insecure-policy",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_an_image_goes_out_to_a_folder_and_comes_back_with_the_same_digest(tmp_path):
    store = ImageStore.create(tmp_path / "registry")
    image = DemoImage("web", "1.0", "2026-01-05T09:00:00Z")
    async with EmbeddedRegistry(store) as registry:
        async with aiohttp.ClientSession() as session:
            digest = await push_image(session, registry.url, image)
        base = f"docker://{registry.host}"
        layout = f"oci:{tmp_path / 'layout'}:1.0"
        await skopeo("copy", "--all", "--src-tls-verify=false", f"{base}/web:1.0", layout)
        await skopeo("copy", "--all", "--dest-tls-verify=false", layout, f"{base}/copy/web:1.1")
        told = json.loads(await skopeo("inspect", "--tls-verify=false", f"{base}/copy/web:1.1"))
        tags = json.loads(await skopeo("list-tags", "--tls-verify=false", f"{base}/copy/web"))
    assert told["Digest"] == digest
    assert told["Created"] == image.created
    assert tags["Tags"] == ["1.1"]


async def test_an_image_is_copied_between_two_repositories_of_one_registry(tmp_path):
    store = ImageStore.create(tmp_path / "registry")
    async with EmbeddedRegistry(store) as registry:
        async with aiohttp.ClientSession() as session:
            image = DemoImage("web", "1.0", "2026-01-05T09:00:00Z", platforms=("linux/amd64",))
            digest = await push_image(session, registry.url, image)
        base = f"docker://{registry.host}"
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
        await skopeo("copy", *plain, f"{base}/web:1.0", f"{base}/other:2.0")
        told = json.loads(await skopeo("inspect", "--tls-verify=false", f"{base}/other:2.0"))
    assert told["Digest"] == digest
