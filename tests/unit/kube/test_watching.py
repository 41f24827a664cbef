"""The stream of a watch, however it is cut into pieces."""

import json

import pytest

from argocd_image_updater.errors import RemoteError
from argocd_image_updater.kube import watching
from argocd_image_updater.kube.answers import Expired
from argocd_image_updater.kube.watching import EventType, read_events, read_lines


async def stream(*pieces):
    for piece in pieces:
        yield piece


async def lines_of(*pieces):
    return [line async for line in read_lines(stream(*pieces), about="a test")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_lines_are_the_same_however_they_are_cut(size):
    text = b'{"a":1}\n\n{"b":2}\n{"c":3}\n{"unfinished'
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert await lines_of(*pieces) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


async def test_a_line_may_be_longer_than_any_buffer_but_not_than_the_limit(monkeypatch):
    assert await lines_of(*[b"x" * 100_000] * 20, b"\n") == [b"x" * 2_000_000]
    monkeypatch.setattr(watching, "MAX_EVENT_BYTES", 1000)
    with pytest.raises(RemoteError, match="more than 1000 bytes"):
        await lines_of(*[b"x" * 400] * 3)


async def events_of(*documents):
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    return [event async for event in read_events(stream(body), about="a test")]


async def test_events_carry_their_undecoded_object():
    (event,) = await events_of({"type": "MODIFIED", "object": {"metadata": {"name": "web"}}})
    assert event.type is EventType.MODIFIED
    assert json.loads(bytes(event.object)) == {"metadata": {"name": "web"}}


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ({"kind": "Status", "code": 410, "message": "too old"}, Expired, "too old"),
        ({"kind": "Status", "code": 504, "message": "slow"}, RemoteError, "slow"),
        ({"kind": "Status"}, RemoteError, "500 Internal Server Error"),
        ("what", RemoteError, "500"),
    ],
)
async def test_an_event_that_tells_a_fault_is_raised(document, error, message):
    with pytest.raises(error, match=message):
        await events_of({"type": "ERROR", "object": document})


@pytest.mark.parametrize("document", [[], {"type": "NEW", "object": {}}, {"type": "ADDED"}])
async def test_what_is_no_event_is_a_fault(document):
    with pytest.raises(RemoteError, match="no event"):
        await events_of(document)
