"""Answers without measure: every one of them ends, and soon."""

import asyncio

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.net.session import MAX_HEADER_BYTES
from argocd_image_updater.registry import client as client_module
from argocd_image_updater.registry.network import RegistryNetwork
from argocd_image_updater.registry.redirects import follow_redirects
from argocd_image_updater.registry.tls import ClientCertificate, TlsSettings
from argocd_image_updater.registry.transport import (
    MAX_ERROR_BODY_BYTES,
    Deadlines,
    Request,
    Response,
)
from registries.identities import ONCE, OneClient
from registries.raw import RawServer, answer
from registries.scripted import ScriptedRegistry

LIMIT_S = 30  # for the test, not for the program


async def tags_of(write):
    async with RawServer({"/v2/": answer(), "/v2/a/b/tags/list": write}) as server:
        network = RegistryNetwork(deadlines=Deadlines(1.0, 1.0, 2.0), policy=ONCE)
        async with OneClient(server.base, "a/b", network=network) as client:
            return await asyncio.wait_for(client.list_tags(), LIMIT_S)


async def test_a_header_line_without_end_is_refused():
    failure = await tags_of(answer(b"{}", headers=["X-Long: " + "x" * (MAX_HEADER_BYTES + 1_000)]))
    assert failure.kind is FailureKind.TRANSIENT
    assert "headers are too large" in failure.message


async def test_headers_without_end_are_refused():
    async def write(_target, _head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        line = b"X-More: " + b"x" * 1_000 + b"\r\n"
        while True:
            writer.write(line * 100)
            await writer.drain()

    assert (await tags_of(write)).kind in {FailureKind.TRANSIENT, FailureKind.CONFIG}


async def test_headers_that_drip_are_given_up():
    async def write(_target, _head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(10_000):
            writer.write(f"X-{number}: x\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.05)

    failure = await tags_of(write)
    assert failure.kind in {FailureKind.TRANSIENT, FailureKind.CONFIG}


async def test_an_error_text_without_end_is_cut():
    body = b"x" * (MAX_ERROR_BODY_BYTES * 100)
    failure = await tags_of(
        answer(body, status="404 Not Found", headers=["Content-Type: text/plain"])
    )
    assert failure.kind is FailureKind.NOT_FOUND
    assert len(failure.message) < 1_000


_DIGEST = "sha256:" + "a" * 64


async def _larger_than_real(what, ask):
    body = b"[" + b"0," * 5_000_000
    async with (
        RawServer({"/v2/": answer(), f"/v2/a/b/{what}": answer(body)}) as server,
        OneClient(server.base, "a/b") as client,
    ):
        found = await ask(client)
    assert "larger" in found.message
    return found.kind


async def test_a_manifest_larger_than_any_real_one_says_nothing_about_its_tag():
    kind = await _larger_than_real("manifests/1.0", lambda client: client.manifest("1.0"))
    assert kind is FailureKind.TRANSIENT


@pytest.mark.parametrize(
    ("promised_bytes", "kind"),
    [
        (0, FailureKind.UNUSABLE),
        (100, FailureKind.TRANSIENT),  # something else came
        (9_000_000, FailureKind.UNUSABLE),  # not asked for at all
    ],
)
async def test_a_blob_larger_than_any_real_one_is_refused(promised_bytes, kind):
    found = await _larger_than_real(
        f"blobs/{_DIGEST}", lambda client: client.blob(_DIGEST, size_bytes=promised_bytes)
    )
    assert found is kind


async def test_a_list_of_what_refers_to_an_image_has_an_end_and_is_never_shorter(monkeypatch):
    monkeypatch.setattr(client_module, "MAX_REFERRER_PAGES", 3)
    digest = "sha256:" + "a" * 64
    path = f"/v2/a/b/referrers/{digest}"
    pages = [
        {
            "status": 200,
            "headers": [("Link", f'<{path}?page={number}>; rel="next"')],
            "body": '{"manifests": []}',
        }
        for number in range(10)
    ]
    async with ScriptedRegistry({"/v2/": [{"status": 200}], path: pages}) as registry:
        async with OneClient(registry.base, "a/b") as client:
            failure = await client.referrers(digest)
        assert "does not end" in failure.message
        assert len(registry.targets(path)) == 3


async def test_a_client_certificate_does_not_follow_a_redirect_to_another_host():
    tls = TlsSettings(client=ClientCertificate("certificate", "key"))
    seen = []

    async def exchange(request):
        seen.append(request)
        target = {1: "/here", 2: "https://there.test/x", 3: "https://reg.test/back"}
        location = target.get(len(seen))
        headers = {"Location": location} if location else {}
        return Response(302 if location else 200, request.url, headers)

    await follow_redirects(exchange, Request("https://reg.test/v2/", 10, tls=tls))
    assert [bool(one.tls.client) for one in seen] == [True, True, False, False]


async def test_a_page_of_it_that_is_gone_is_no_end():
    digest = "sha256:" + "a" * 64
    path = f"/v2/a/b/referrers/{digest}"
    more = [("Link", f'<{path}?page=2>; rel="next"')]
    pages = [{"status": 200, "headers": more, "body": '{"manifests": []}'}, {"status": 404}]
    async with (
        ScriptedRegistry({"/v2/": [{"status": 200}], path: pages}) as registry,
        OneClient(registry.base, "a/b") as client,
    ):
        assert (await client.referrers(digest)).kind is FailureKind.TRANSIENT
