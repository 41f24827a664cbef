"""The embedded registry speaks the OCI distribution protocol, and refuses what is not it."""

import asyncio
import io
import json

import aiohttp
import pytest

from argocd_image_updater.demo.images import DemoImage, push_image
from argocd_image_updater.demo.registry import EmbeddedRegistry
from argocd_image_updater.demo.store import ImageStore, digest_of
from argocd_image_updater.demo.wire import MANIFEST_LIMIT_BYTES, OCI_INDEX, OCI_MANIFEST
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.metadata import Purpose, read_metadata
from argocd_image_updater.registry.timestamps import parse_created
from registries.identities import OneClient

MISSING = "sha256:" + "0" * 64
IMAGE = DemoImage("team/app", "1.0", "2026-01-05T09:00:00Z")
BLOB = b"some bytes"


async def push(registry, *tags, repository="team/app"):
    async with aiohttp.ClientSession() as session:
        return [
            await push_image(session, registry.url, DemoImage(repository, tag, IMAGE.created))
            for tag in tags
        ]


async def push_blob(http, body=BLOB, repository="team/app"):
    url = f"/v2/{repository}/blobs/uploads/?digest={digest_of(body)}"
    async with http.post(url, data=body) as answer:
        assert answer.status == 201
        return digest_of(body)


async def error_of(answer):
    [error] = (await answer.json())["errors"]
    return answer.status, error["code"]


async def test_the_version_is_answered_with_the_protocols_header(http):
    async with http.get("/v2/") as answer:
        assert answer.status == 200
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


async def test_our_own_client_reads_tags_digests_and_metadata(registry):
    [digest] = await push(registry, "1.0")
    async with OneClient(registry.url, "team/app") as client:
        assert (await client.list_tags()).tags == ("1.0",)
        assert await client.head("1.0") == digest
        assert await client.head("9.9") is None
        manifest = await client.manifest("1.0")
        assert (manifest.digest, manifest.media_type) == (digest, OCI_INDEX)
        metadata = await read_metadata(
            client, "1.0", platforms=("linux/arm64",), purpose=Purpose.METADATA
        )
    assert metadata.created_ns == parse_created(IMAGE.created)


async def test_tags_come_sorted_and_in_pages_with_a_link_to_the_next(registry, http):
    await push(registry, "b", "a", "c")
    async with http.get("/v2/team/app/tags/list?n=2") as answer:
        assert await answer.json() == {"name": "team/app", "tags": ["a", "b"]}
        link = answer.links["next"]["url"]
    async with http.get(link) as answer:
        assert (await answer.json())["tags"] == ["c"]
        assert "Link" not in answer.headers


async def test_a_page_without_entries_has_no_next_one(registry, http):
    await push(registry, "a")
    async with http.get("/v2/team/app/tags/list?n=0") as answer:
        assert (await answer.json())["tags"] == []
        assert "Link" not in answer.headers


async def test_a_tag_that_is_pushed_again_moves_and_the_old_digest_stays(registry, http):
    [old] = await push(registry, "stable")
    async with aiohttp.ClientSession() as session:
        image = DemoImage("team/app", "stable", IMAGE.created, content="second")
        new = await push_image(session, registry.url, image)
    assert old != new
    for reference, digest in (("stable", new), (old, old)):
        async with http.head(f"/v2/team/app/manifests/{reference}") as answer:
            assert answer.headers["Docker-Content-Digest"] == digest
            assert int(answer.headers["Content-Length"]) > 0
            assert await answer.read() == b""


async def test_the_same_words_make_the_same_digests(registry):
    [first] = await push(registry, "1.0")
    assert [first] == await push(registry, "1.0")


async def test_a_blob_in_chunks_is_put_together(http):
    async with http.post("/v2/team/app/blobs/uploads/") as answer:
        assert answer.status == 202
        location = answer.headers["Location"]
    for chunk, seen in ((b"some ", "0-4"), (b"by", "0-6")):
        async with http.patch(location, data=chunk) as answer:
            assert (answer.status, answer.headers["Range"]) == (202, seen)
    async with http.get(location) as answer:
        assert (answer.status, answer.headers["Range"]) == (204, "0-6")
    async with http.put(f"{location}?digest={digest_of(BLOB)}", data=b"tes") as answer:
        assert answer.status == 201
        location = answer.headers["Location"]
    async with http.get(location) as answer:
        assert await answer.read() == BLOB
    async with http.get(location, headers={"Range": "bytes=5-"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"bytes")


async def test_a_chunk_out_of_order_is_refused(http):
    async with http.post("/v2/team/app/blobs/uploads/") as answer:
        location = answer.headers["Location"]
    headers = {"Content-Range": "5-9"}
    async with http.patch(location, data=b"bytes", headers=headers) as answer:
        assert await error_of(answer) == (416, "BLOB_UPLOAD_INVALID")


async def test_a_blob_with_another_digest_than_announced_is_dropped(http, tmp_path):
    url = f"/v2/team/app/blobs/uploads/?digest={MISSING}"
    async with http.post(url, data=BLOB) as answer:
        assert await error_of(answer) == (400, "DIGEST_INVALID")
    assert list((tmp_path / "registry" / "uploads").iterdir()) == []
    assert list((tmp_path / "registry" / "blobs").iterdir()) == []


async def test_an_upload_can_be_cancelled(http, tmp_path):
    async with http.post("/v2/team/app/blobs/uploads/") as answer:
        location = answer.headers["Location"]
    async with http.delete(location) as answer:
        assert answer.status == 204
    async with http.put(f"{location}?digest={digest_of(b'')}") as answer:
        assert await error_of(answer) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert list((tmp_path / "registry" / "uploads").iterdir()) == []


async def test_a_blob_is_mounted_from_another_repository_or_uploaded(http):
    digest = await push_blob(http)
    url = f"/v2/other/blobs/uploads/?mount={digest}&from="
    async with http.post(f"{url}team/app") as answer:
        assert (answer.status, answer.headers["Location"]) == (201, f"/v2/other/blobs/{digest}")
    async with http.post(f"{url}nowhere") as answer:
        assert answer.status == 202


async def test_a_repository_gives_out_only_what_was_pushed_to_it(registry, http):
    digest = await push_blob(http)
    await push(registry, "1", repository="other")
    async with http.get(f"/v2/other/blobs/{digest}") as answer:
        assert await error_of(answer) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/nowhere/tags/list", "NAME_UNKNOWN"),
        ("/v2/nowhere/manifests/1", "NAME_UNKNOWN"),
        ("/v2/team/app/manifests/9", "MANIFEST_UNKNOWN"),
        (f"/v2/team/app/manifests/{MISSING}", "MANIFEST_UNKNOWN"),
        (f"/v2/team/app/blobs/{MISSING}", "BLOB_UNKNOWN"),
        ("/v2/team/app/blobs/..%2f..%2frepositories.json", "BLOB_UNKNOWN"),
        ("/v1/", "UNSUPPORTED"),
    ],
)
async def test_what_is_not_there_is_a_404_with_its_code(registry, http, path, code):
    await push(registry, "1")
    async with http.get(path) as answer:
        assert await error_of(answer) == (404, code)


@pytest.mark.parametrize("name", ["Upper", "a//b", "-a", "a" * 256])
async def test_a_name_that_is_none_is_refused(http, name):
    async with http.get(f"/v2/{name}/tags/list") as answer:
        assert await error_of(answer) == (400, "NAME_INVALID")


async def test_a_page_size_that_is_no_number_is_refused(registry, http):
    await push(registry, "1")
    async with http.get("/v2/team/app/tags/list?n=-1") as answer:
        assert await error_of(answer) == (400, "PAGINATION_NUMBER_INVALID")


def manifest(**changes):
    config = {"digest": digest_of(BLOB), "size": len(BLOB), "mediaType": "x"}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    return json.dumps(document | changes).encode()


@pytest.mark.parametrize(
    ("reference", "body", "content_type", "expected"),
    [
        ("1", b"{", OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("1", b"[]", OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("1", b"[" * 100_000, OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("1", manifest(), OCI_INDEX, (400, "MANIFEST_INVALID")),
        ("1", manifest(mediaType=[]), OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        ("1", manifest(mediaType="text/plain"), "text/plain", (400, "MANIFEST_INVALID")),
        ("1", manifest(layers=[{"digest": MISSING}]), OCI_MANIFEST, (404, "MANIFEST_BLOB_UNKNOWN")),
        ("1", manifest(layers=[1]), OCI_MANIFEST, (404, "MANIFEST_BLOB_UNKNOWN")),
        ("1", manifest(layers="x"), OCI_MANIFEST, (404, "MANIFEST_BLOB_UNKNOWN")),
        ("1", manifest(config={"digest": 1}), OCI_MANIFEST, (404, "MANIFEST_BLOB_UNKNOWN")),
        ("-1", manifest(), OCI_MANIFEST, (400, "MANIFEST_INVALID")),
        (MISSING, manifest(), OCI_MANIFEST, (400, "DIGEST_INVALID")),
        ("1", b" " * (MANIFEST_LIMIT_BYTES + 1), OCI_MANIFEST, (413, "UNSUPPORTED")),
    ],
    ids=range(13),
)
async def test_a_manifest_that_cannot_be_right_is_refused(
    http, reference, body, content_type, expected
):
    await push_blob(http)
    headers = {"Content-Type": content_type}
    url = f"/v2/team/app/manifests/{reference}"
    async with http.put(url, data=io.BytesIO(body), headers=headers) as answer:
        assert await error_of(answer) == expected


async def test_a_good_manifest_is_taken_under_tag_and_digest(http):
    await push_blob(http)
    body, headers = manifest(), {"Content-Type": OCI_MANIFEST}
    for reference in ("1", digest_of(body)):
        async with http.put(f"/v2/team/app/manifests/{reference}", data=body, headers=headers) as a:
            assert (a.status, a.headers["Docker-Content-Digest"]) == (201, digest_of(body))
    async with http.get("/v2/team/app/tags/list") as answer:
        assert (await answer.json())["tags"] == ["1"]


async def test_a_delete_is_not_supported(registry, http):
    await push(registry, "1")
    async with http.delete("/v2/team/app/manifests/1") as answer:
        assert await error_of(answer) == (405, "UNSUPPORTED")


async def test_a_store_is_served_again_with_all_it_held(registry, tmp_path):
    [digest] = await push(registry, "1.0")
    again = EmbeddedRegistry(ImageStore.load(tmp_path / "registry"))
    async with again, OneClient(again.url, "team/app") as client:
        assert await client.head("1.0") == digest


async def test_a_port_that_is_taken_is_told_with_its_number(registry, tmp_path):
    second = EmbeddedRegistry(ImageStore.load(tmp_path / "registry"), port=registry.port)
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{registry.port}: the port is in use"):
        await second.__aenter__()


@pytest.mark.parametrize(
    "index", ["", "[]", '{"a": 1}', '{"a": {"tags": {"x": "../../etc/passwd"}}}'], ids=range(4)
)
def test_a_store_with_a_damaged_index_is_refused(tmp_path, index):
    ImageStore.create(tmp_path / "registry")
    (tmp_path / "registry" / "repositories.json").write_text(index)
    with pytest.raises(ConfigError, match="is not the content of a demonstration's registry"):
        ImageStore.load(tmp_path / "registry")


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not the content of a demonstration's registry"):
        ImageStore.load(tmp_path / "nothing")


async def test_what_was_not_finished_is_gone_when_the_registry_ends(tmp_path):
    store = ImageStore.create(tmp_path / "registry")
    async with (
        EmbeddedRegistry(store) as registry,
        aiohttp.ClientSession(registry.url) as http,
        http.post("/v2/team/app/blobs/uploads/") as answer,
    ):
        await http.patch(answer.headers["Location"], data=b"half")
        assert len(list((tmp_path / "registry" / "uploads").iterdir())) == 1
    assert list((tmp_path / "registry" / "uploads").iterdir()) == []


async def test_it_listens_on_the_loopback_interface_only(registry):
    assert registry._runner.addresses == [("127.0.0.1", registry.port)]


async def begin_upload(http):
    async with http.post("/v2/team/app/blobs/uploads/") as answer:
        return answer.headers["Location"]


async def halves(between):
    """Send half a blob, do something, send the rest."""
    yield BLOB[:4]
    await between()
    yield BLOB[4:]


def uploads(tmp_path):
    return list((tmp_path / "registry" / "uploads").iterdir())


async def seen(condition):
    """Wait until the files on the disk say so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the server is watched from outside
            await asyncio.sleep(0.005)


async def test_a_blob_in_one_piece_that_breaks_off_is_dropped(http, tmp_path):
    async def break_off():
        await seen(lambda: uploads(tmp_path))
        raise ConnectionAbortedError

    url = f"/v2/team/app/blobs/uploads/?digest={digest_of(BLOB)}"
    with pytest.raises(aiohttp.ClientError):
        await http.post(url, data=halves(break_off))
    await seen(lambda: not uploads(tmp_path))


async def test_an_upload_that_is_cancelled_while_bytes_come_is_unknown(http, tmp_path):
    location = await begin_upload(http)

    async def cancel():
        async with http.delete(location) as answer:
            assert answer.status == 204

    async with http.patch(location, data=halves(cancel)) as answer:
        assert await error_of(answer) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert uploads(tmp_path) == []


async def test_an_upload_that_another_request_finishes_meanwhile_is_unknown(http):
    location = await begin_upload(http)

    async def finish():
        async with http.put(f"{location}?digest={digest_of(b'')}") as answer:
            assert answer.status == 201

    async def nothing_more():
        await finish()
        return
        yield

    url = f"{location}?digest={digest_of(b'')}"
    async with http.put(url, data=nothing_more()) as answer:
        assert await error_of(answer) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_a_blob_over_the_limit_is_refused(http, monkeypatch, in_one_piece):
    monkeypatch.setattr("argocd_image_updater.demo.uploads._BLOB_LIMIT_BYTES", len(BLOB) - 1)
    if in_one_piece:
        url = f"/v2/team/app/blobs/uploads/?digest={digest_of(BLOB)}"
        sending = http.post(url, data=BLOB)
    else:
        sending = http.patch(await begin_upload(http), data=BLOB)
    async with sending as answer:
        assert await error_of(answer) == (413, "SIZE_INVALID")


async def test_uploads_at_once_are_bounded(http, monkeypatch):
    monkeypatch.setattr("argocd_image_updater.demo.uploads._OPEN_LIMIT", 1)
    await begin_upload(http)
    async with http.post("/v2/team/app/blobs/uploads/") as answer:
        assert await error_of(answer) == (429, "TOOMANYREQUESTS")
