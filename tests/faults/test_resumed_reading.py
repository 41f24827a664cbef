"""A repository with thousands of tags, and a process that is killed while it reads their images.

All counts are those of the requests that reached the registry.
"""

import re
import signal

import pytest

from faults.http_proxy import Gate
from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
LIMIT_S = 60
TAGS = [f"b{number:04}" for number in range(2_000)]
READS = 700  # in one cycle
KILLED_AT = 450  # requests for images
UNDER_WAY = 20  # at the same time
LOST_AT_MOST = 100 + UNDER_WAY


class LaterGate(Gate):
    """Stops a request after so many others."""

    def __init__(self, after):
        super().__init__()
        self._left = after

    def __call__(self, exchange):
        self._left -= 1
        if self._left >= 0:
            exchange.send(*exchange.upstream())
        else:
            super().__call__(exchange)


def test_what_was_read_is_kept_and_only_the_rest_is_read(stage, proxy):
    stage.push(*TAGS, created="2024-01-01T00:00:00Z")
    stage.push("b0000-newest", created="2024-02-01T00:00:00Z")
    stage.repository(files=stage.values("one", tag="b0000"))
    newest = images(
        web=(stage.image(), {"commonUpdateSettings": {"updateStrategy": "newest-build"}})
    )
    stage.add(application("one", source(stage.url(), "one")))
    stage.add(resource("updater", [reference("one", newest)], **git_write_back()))
    entry = f"{{prefix: '{stage.registry.host}', metadataReads: {READS}}}"
    stage.write("registries.extra.conf", f"registries: [{entry}]\n")

    gate = proxy.on("GET .*/manifests/", LaterGate(KILLED_AT))
    process = stage.start("run", "--once")
    gate.wait()
    process.send_signal(signal.SIGKILL)
    assert process.wait(LIMIT_S) == -signal.SIGKILL
    gate.go.set()
    proxy.rules.clear()
    known = 0
    while known < 2 * READS:
        run = stage.run()
        assert run.reasons == {"one": "MetadataIncomplete"}
        message = run.image("one")["message"]
        read = int(re.search(rf"(\d+) of {len(TAGS) + 1} tags are read", message)[1])
        assert read - known >= READS, "what was read before counts again"
        known = read
        assert stage.log() == ["Begin"]
    assert known >= 2 * READS + KILLED_AT - LOST_AT_MOST
    run = stage.run()
    assert run.reasons == {"one": "Updated"}
    assert "tag: b0000-newest" in stage.file("one/values.yaml")
    asked = len(proxy.asked("GET .*/manifests/"))
    assert asked <= len(TAGS) + 1 + LOST_AT_MOST + UNDER_WAY

    stage.push("b9999", created="2024-03-01T00:00:00Z")
    proxy.lines.clear()
    assert stage.run().reasons == {"one": "Updated"}
    assert len(proxy.asked("GET .*/manifests/")) == 1
    assert len(proxy.asked("GET .*/blobs/")) == 1
    assert len(proxy.asked("HEAD .*/manifests/")) <= 3
