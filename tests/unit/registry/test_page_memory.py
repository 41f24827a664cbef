"""Remembered pages: what can be asked about, what is kept, and what goes first."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.net.timing import Timing
from argocd_image_updater.registry import page_memory
from argocd_image_updater.registry.api import Api
from argocd_image_updater.registry.endpoint import ANONYMOUS, Credentials
from argocd_image_updater.registry.page_memory import (
    OVERHEAD_BYTES,
    PageMemory,
    page_key,
    read_conditions,
)
from argocd_image_updater.registry.tls import TlsSettings
from argocd_image_updater.registry.transport import Response

API = Api("https://r.test", "https", "r.test", "r.test:443")
NOON = "Tue, 02 Jan 2024 12:00:00 GMT"
A_MINUTE_LATER = "Tue, 02 Jan 2024 12:01:00 GMT"
A_SECOND_LATER = "Tue, 02 Jan 2024 12:00:01 GMT"


def answer(path="a", *, status=200, body=b"{}", **headers):
    lines = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(status, f"https://r.test/{path}", CIMultiDictProxy(lines), body)


def key(path="a", *, api=API, credentials=ANONYMOUS):
    return page_key(f"https://r.test/{path}", (), api=api, credentials=credentials)


@pytest.mark.parametrize(
    ("headers", "conditions"),
    [
        ({"ETag": '"x"'}, (("If-None-Match", '"x"'),)),
        ({"ETag": 'W/"x"', "Last_Modified": NOON}, (("If-None-Match", 'W/"x"'),)),
        ({"ETag": "3f2a"}, (("If-None-Match", "3f2a"),)),
        ({"ETag": "*"}, ()),
        ({"ETag": '"two words"'}, ()),
        ({"ETag": '"' + "x" * 256 + '"'}, ()),
        ({"Last_Modified": NOON, "Date": A_MINUTE_LATER}, (("If-Modified-Since", NOON),)),
        ({"Last_Modified": NOON, "Date": A_SECOND_LATER}, ()),
        ({"Last_Modified": NOON}, ()),
        ({"Last_Modified": "yesterday", "Date": NOON}, ()),
        ({"Last_Modified": NOON, "Date": ""}, ()),
        ({}, ()),
    ],
)
def test_what_a_page_can_be_asked_about(headers, conditions):
    assert read_conditions(answer(**headers)) == conditions


def test_a_page_is_recalled_and_answers_a_304():
    memory = PageMemory(Timing())
    first = answer(ETag='"x"', body=b"tags")
    assert memory.learn(key(), None, first) is first
    page = memory.recall(key())
    assert memory.learn(key(), page, answer(status=304, body=b"")) is first
    assert memory.size_bytes == 4 + OVERHEAD_BYTES


def test_a_304_from_elsewhere_answers_nothing():
    memory = PageMemory(Timing())
    memory.learn(key(), None, answer(ETag='"x"'))
    page = memory.recall(key())
    failure = memory.learn(key(), page, answer("elsewhere", status=304))
    assert failure.kind is FailureKind.TRANSIENT


def test_what_was_found_elsewhere_or_failed_is_not_remembered():
    memory = PageMemory(Timing())
    memory.learn(key(), None, answer("elsewhere", ETag='"x"'))
    memory.learn(key("b"), None, answer("b", status=404, ETag='"x"'))
    assert memory.recall(key()) is None
    assert memory.recall(key("b")) is None
    assert memory.size_bytes == 0


def test_a_newer_page_or_a_failure_replaces_what_was_remembered():
    memory = PageMemory(Timing())
    memory.learn(key(), None, answer(ETag='"x"', body=b"old"))
    memory.learn(key(), None, answer(ETag='"y"', body=b"newer"))
    assert memory.recall(key()).response.body == b"newer"
    assert memory.size_bytes == 5 + OVERHEAD_BYTES
    memory.learn(key(), memory.recall(key()), answer(status=403))
    assert memory.recall(key()) is None
    assert memory.size_bytes == 0


def test_other_credentials_or_another_way_are_another_page():
    memory = PageMemory(Timing())
    memory.learn(key(), None, answer(ETag='"x"'))
    unverified = Api(
        "https://r.test", "https", "r.test", "r.test:443", tls=TlsSettings(insecure=True)
    )
    assert memory.recall(key(credentials=Credentials("a", "b"))) is None
    assert memory.recall(key(api=unverified)) is None
    assert memory.recall(key()) is not None


def test_the_page_that_was_of_use_longest_ago_goes_first():
    memory = PageMemory(Timing(), limit_bytes=2 * OVERHEAD_BYTES + 100)
    for path in ("a", "b"):
        memory.learn(key(path), None, answer(path, ETag='"x"'))
    memory.learn(key("a"), memory.recall(key("a")), answer("a", status=304))
    memory.learn(key("c"), None, answer("c", ETag='"x"'))
    assert [memory.recall(key(path)) is not None for path in "abc"] == [True, False, True]
    assert memory.size_bytes <= 2 * OVERHEAD_BYTES + 100


def test_one_page_cannot_push_out_all_others(monkeypatch):
    monkeypatch.setattr(page_memory, "PAGE_BYTES", OVERHEAD_BYTES + 10)
    memory = PageMemory(Timing())
    memory.learn(key(), None, answer(ETag='"x"', body=b"x" * 11))
    assert memory.recall(key()) is None
    assert memory.size_bytes == 0
