"""What the client and the store do when the API server is busy, broken or forgetful."""

import asyncio
import json
import os
import socket

import pytest
from aiohttp import web

from argocd_image_updater.core.application import ObjectKey
from argocd_image_updater.errors import DeniedError, RemoteError
from argocd_image_updater.kube.answers import Expired, Throttled
from argocd_image_updater.kube.client import Limits
from argocd_image_updater.kube.kinds import APPLICATIONS
from clusters.fault_front import FaultFront, status
from clusters.samples import an_application, eventually

pytestmark = pytest.mark.lab("etcd", "kube-apiserver", "argocd")
LABEL = {"metadata": {"labels": {"a": "b"}}}


@pytest.fixture
async def front(api, tmp_path):
    async with FaultFront(api) as started:
        started.config = started.kubeconfig(tmp_path / "front", token=api.token())
        yield started


async def test_a_read_survives_a_busy_and_a_broken_server(api, connect, front, namespace):
    api.objects.create(an_application("web", namespace))
    client = await connect(kubeconfig=front.config)
    front.faults += [
        ("GET", status(429, "TooManyRequests", headers={"Retry-After": "0"})),
        ("GET", lambda: web.Response(status=503, text="<html>a balancer</html>")),
        ("GET", None),
    ]
    found = await client.get(APPLICATIONS, ObjectKey(namespace, "web"))
    assert found["metadata"]["name"] == "web"
    assert front.count("GET") == 4


async def test_the_number_of_attempts_is_bounded_and_the_wait_is_told(connect, front):
    client = await connect(kubeconfig=front.config)
    busy = status(429, "TooManyRequests", headers={"Retry-After": "0"})
    front.faults += [("GET", busy)] * 9
    with pytest.raises(RemoteError) as fault:
        await client.get(APPLICATIONS, ObjectKey("default", "web"))
    assert fault.value.temporary
    assert fault.value.retry_after_s == 0
    assert front.count("GET") == 4


async def test_a_wait_beyond_the_deadline_is_left_to_the_caller(connect, front):
    client = await connect(kubeconfig=front.config)
    front.faults.append(("GET", status(429, "TooManyRequests", headers={"Retry-After": "600"})))
    with pytest.raises(RemoteError) as fault:
        await client.get(APPLICATIONS, ObjectKey("default", "web"))
    assert fault.value.retry_after_s == 600
    assert front.count("GET") == 1


async def test_a_write_is_repeated_only_where_it_did_not_begin(api, connect, front, namespace):
    api.objects.create(an_application("web", namespace))
    client = await connect(kubeconfig=front.config)
    key = ObjectKey(namespace, "web")
    front.faults.append(("PATCH", status(429, "TooManyRequests", headers={"Retry-After": "0"})))
    await client.patch(APPLICATIONS, key, LABEL)
    assert front.count("PATCH") == 2
    front.faults.append(("PATCH", status(500, "InternalError")))
    with pytest.raises(RemoteError, match="of the test"):
        await client.patch(APPLICATIONS, key, LABEL)
    assert front.count("PATCH") == 3


async def test_an_answer_of_a_stranger_is_told_shortly(connect, front):
    client = await connect(kubeconfig=front.config, limits=Limits(attempts=1, object_bytes=1000))
    for answer, message in (
        (lambda: web.Response(text="hello"), "no object"),
        (lambda: web.Response(text="x" * 2000), "more than 1000 bytes"),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "302 Found"),
        (lambda: web.Response(status=502, text="y" * 100_000), "502 Bad Gateway"),
    ):
        front.faults.append(("GET", answer))
        with pytest.raises(RemoteError, match=message) as fault:
            await client.get(APPLICATIONS, ObjectKey("default", "web"))
        assert len(str(fault.value)) < 400
    assert front.count("elsewhere") == 0


async def test_a_version_that_the_server_forgot_leads_to_one_new_list(
    api, connect, run_store, front, namespace
):
    api.objects.create(an_application("web", namespace))
    front.faults.append(("watch=true", status(410, "Expired")))
    client = await connect(kubeconfig=front.config)
    store, faults = await run_store(client, namespace)
    assert not faults
    await eventually(lambda: front.count("watch=true") == 3)
    assert front.count("limit=500") == 3
    api.objects.create(an_application("later", namespace))
    await eventually(lambda: len(store.snapshot().applications) == 2)


async def test_a_compacted_version_is_expired(api, connect, namespace):
    """The real server: etcd has forgotten the version, and a new server's cache never knew it."""
    old = api.objects.create(an_application("web", namespace))["metadata"]["resourceVersion"]
    last = api.objects.create(an_application("api", namespace))["metadata"]["resourceVersion"]
    api.compact(last)
    api.restart()
    client = await connect()
    while True:
        try:
            events = client.watch(APPLICATIONS, namespace=namespace, resource_version=old)
            with pytest.raises(Expired):
                await anext(events)
        except Throttled:  # the new server still fills its cache
            await asyncio.sleep(0.05)
        else:
            break


async def test_a_watch_that_breaks_off_goes_on_where_it_was(
    api, connect, run_store, front, namespace
):
    def half_an_event():
        return web.Response(body=b'{"type":"ADDED","object":{"metadata":{"na')

    front.faults += [
        ("applications?watch=true", half_an_event),
        ("applications?watch=true", None),
        ("applications?watch=true", status(503, "ServiceUnavailable")),
    ]
    store, _ = await run_store(await connect(kubeconfig=front.config), namespace)
    api.objects.create(an_application("web", namespace))
    await eventually(lambda: len(store.snapshot().applications) == 1)
    assert front.count("limit=500") == 2
    assert not store.faults()


async def test_a_bookmark_moves_the_version_of_a_quiet_watch(
    api, connect, run_store, front, namespace
):
    later = api.objects.create(an_application("elsewhere", api.objects.namespace("elsewhere")))
    version = later["metadata"]["resourceVersion"]
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
    line = json.dumps(bookmark).encode() + b"\n"
    front.faults.append(("applications?watch=true", lambda: web.Response(body=line)))
    store, _ = await run_store(await connect(kubeconfig=front.config), namespace)
    await eventually(lambda: front.count("applications?watch=true") == 2)
    asked = [line for line in front.lines if "applications?watch=true" in line]
    assert f"resourceVersion={version}" in asked[1]
    assert store.snapshot().applications == ()


async def test_a_silent_watch_is_begun_again(api, connect, run_store, front, namespace):
    client = await connect(kubeconfig=front.config, limits=Limits(watch_silence_s=0.3))
    store, _ = await run_store(client, namespace)
    await eventually(lambda: front.count("applications?watch=true") >= 3)
    assert front.count("limit=500") == 2
    assert not store.faults()
    api.objects.create(an_application("web", namespace))
    await eventually(lambda: len(store.snapshot().applications) == 1)


async def test_readiness_is_bounded_while_the_server_hangs(
    api, connect, run_store, front, tmp_path
):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts and never answers
        front.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = await connect(kubeconfig=front.kubeconfig(tmp_path / "config", token="t"))
        _, faults = await run_store(client, "default", ready_s=0.2)
    assert len(faults) == 2
    assert not any(fault.is_known for fault in faults)


async def test_a_rotated_token_is_read_again_when_the_old_one_is_refused(
    api, connect, run_store, tmp_path, namespace
):
    token = tmp_path / "token"
    token.write_text(api.token())
    config = json.loads(api.kubeconfig("admin", path=tmp_path / "config").read_text())
    config["users"][0]["user"] = {"tokenFile": "token"}
    (tmp_path / "config").write_text(json.dumps(config))
    client = await connect(kubeconfig=tmp_path / "config")
    key = ObjectKey(namespace, "web")
    token.write_text("revoked")
    with pytest.raises(DeniedError):
        await client.get(APPLICATIONS, key)
    token.write_text(api.token())
    assert await client.get(APPLICATIONS, key) is None
    api.forget_requests()


async def test_a_plugin_gives_the_token_and_again_when_it_has_expired(
    api, connect, tmp_path, namespace
):
    runs = tmp_path / "runs"
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!/bin/sh\necho x >> {runs}\n"
        'echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",'
        '\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"$TOKEN\\",'
        '\\"expirationTimestamp\\":\\"2020-01-01T00:00:00Z\\"}}"\n'
    )
    plugin.chmod(0o755)
    config = json.loads(api.kubeconfig("admin", path=tmp_path / "config").read_text())
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "env": [{"name": "TOKEN", "value": api.token()}],
            "interactiveMode": "Never",
        }
    }
    (tmp_path / "config").write_text(json.dumps(config))
    client = await connect(kubeconfig=tmp_path / "config", environment={"PATH": os.environ["PATH"]})
    for _ in range(2):
        assert await client.get(APPLICATIONS, ObjectKey(namespace, "web")) is None
    assert runs.read_text() == "x\nx\n"
