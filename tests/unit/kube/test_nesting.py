"""JSON that is nested more deeply than a decoder goes."""

import json

import msgspec
import pytest

from argocd_image_updater.kube.nesting import MAX_LEVELS, decode_any_depth, without_deep

DEPTH = 9000


def deep(opening, closing, *, depth=DEPTH):
    return f"{opening * depth}1{closing * depth}".encode()


def test_what_is_shallow_stays_byte_for_byte():
    body = b' {"a": [1, {"b": "]}{[\\"\\\\"}], "c": null}\n'
    assert without_deep(body) == body


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (b"[[1],2]", b"[null,2]"),
        (b'{"a":{"b":{"c":1}},"d":[2]}', b'{"a":null,"d":null}'),
        (b'[{"a":"}]"},"]",{},[]]', b'[null,"]",null,null]'),
        (b'["\\"[",[[[]],[]],3]', b'["\\"[",null,3]'),
    ],
)
def test_what_lies_below_the_levels_becomes_null(body, cut):
    assert without_deep(body, levels=1) == cut


def test_the_levels_that_are_kept_are_exactly_as_many():
    assert without_deep(deep("[", "]", depth=MAX_LEVELS)) == deep("[", "]", depth=MAX_LEVELS)
    kept = "[" * MAX_LEVELS + "null" + "]" * MAX_LEVELS
    assert without_deep(deep("[", "]", depth=MAX_LEVELS + 1)) == kept.encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_body_of_any_depth_is_decoded(opening, closing):
    body = b'{"name":"x","deep":' + deep(opening, closing) + b',"after":"]"}'
    with pytest.raises(RecursionError):
        msgspec.json.decode(body)
    found = decode_any_depth(msgspec.json.decode, body)
    assert (found["name"], found["after"]) == ("x", "]")


@pytest.mark.parametrize("body", [b"", b"[[[", b"]]", b'{"a', b'["\\', b"\xff[" * 200])
def test_what_is_no_json_is_not_made_to_be_some(body):
    cut = without_deep(body, levels=1)
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(cut)
    with pytest.raises(ValueError):  # noqa: PT011 - any reader refuses it
        json.loads(cut)
