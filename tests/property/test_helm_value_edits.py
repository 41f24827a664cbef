"""Edits of generated values files: the tree differs in one leaf, the bytes in its lines only."""

import copy
import re

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from argocd_image_updater.core.edits.helm_values import (
    ValueWrite,
    edit_helm_values,
    read_helm_value,
)
from argocd_image_updater.core.edits.result import EditRefused
from property.yaml_documents import documents, encoded, encodings, values
from vectors.core_schema import CoreLoader

relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def edit(content, path, value):
    return edit_helm_values(content, [ValueWrite(path, value, "tag")], file="values.yaml")


def trees(content):
    return list(yaml.load_all(content.decode("utf-8-sig"), Loader=CoreLoader))


def steps(path):
    for part in path.split("."):
        name, *indexes = re.split(r"[\[\]]+", part.rstrip("]"))
        yield name
        yield from map(int, indexes)


def with_leaf(tree, path, value):
    """Return the tree with one leaf set; mappings on the way are created."""
    tree = copy.deepcopy(tree)
    node, (*front, last) = tree, steps(path)
    for step in front:
        if isinstance(node, dict) and node.get(step) is None:
            node[step] = {}
        node = node[step]
    node[last] = value
    return tree


def changed_span(old, new):
    """Return the span of `old` that differs, as (start, end)."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, len(old) - end


def is_within(old, new):
    """Tell whether `new` is `old` with bytes put in and none taken out."""
    rest = iter(new)
    return all(byte in rest for byte in old)


def span_of(content, path):
    """Return the span of the lines that hold the leaf, by an independent look-up."""
    text = content.decode("utf-8-sig")
    node = next(iter(yaml.compose_all(text, Loader=yaml.CSafeLoader)))
    for step in steps(path):
        if isinstance(node, yaml.MappingNode):
            node = next(value for key, value in node.value if key.value == step)
        else:
            node = node.value[step]
    before = len(content) - len(text.encode())
    first = text.rfind("\n", 0, node.start_mark.index) + 1
    last = text.find("\n", node.end_mark.index)
    end = len(text) if last < 0 else last + 1
    return before + len(text[:first].encode()), before + len(text[:end].encode())


@relaxed
@given(documents(), encodings, values, st.data())
def test_setting_a_leaf_changes_that_leaf_and_its_lines_only(document, how, value, data):
    text, leaves, _, _ = document
    if not leaves:
        return
    content, path = encoded(text, how), data.draw(st.sampled_from(leaves))
    result = edit(content, path, value)
    first, *rest = trees(content)
    assert trees(result.content) == [with_leaf(first, path, value), *rest]
    assert read_helm_value(result.content, path) == value
    start, end = changed_span(content, result.content)
    lowest, highest = span_of(content, path)
    assert not result.changed or lowest <= start <= end <= highest
    assert edit(result.content, path, value).content == result.content
    assert result.changed == (result.content != content)


@relaxed
@given(documents(), encodings, values, st.data())
def test_a_new_key_is_added_and_no_line_is_lost_or_changed(document, how, value, data):
    text, _, mappings, _ = document
    content = encoded(text, how)
    path = data.draw(st.sampled_from(mappings))
    path = f"{path}.new.deep" if path else "new"
    result = edit(content, path, value)
    first, *rest = trees(content)
    assert trees(result.content) == [with_leaf(first, path, value), *rest]
    assert is_within(content, result.content)
    ending = b"\r\n" if how[0] else b"\n"
    if b"\n" in content:
        assert result.content.count(b"\n") == result.content.count(ending)
        assert result.content.endswith(b"\n") == content.endswith(b"\n")
    assert edit(result.content, path, value).content == result.content


@relaxed
@given(documents(), encodings, values, st.data())
def test_a_key_without_value_becomes_the_value_or_a_mapping(document, how, value, data):
    text, _, _, nulls = document
    if not nulls:
        return
    content, path = encoded(text, how), data.draw(st.sampled_from(nulls))
    path = f"{path}.tag"
    result = edit(content, path, value)
    first, *rest = trees(content)
    assert trees(result.content) == [with_leaf(first, path, value), *rest]
    assert edit(result.content, path, value).content == result.content


@relaxed
@given(documents(anchors=True), encodings, values, st.data())
def test_a_value_behind_an_anchor_changes_at_exactly_the_paths_that_are_told(
    document, how, value, data
):
    text, leaves, _, _ = document
    content, path = encoded(text, how), data.draw(st.sampled_from(leaves))
    result = edit(content, path, value)
    expected, *rest = trees(content)
    for changed in (path, *result.also_changed):
        expected = with_leaf(expected, changed, value)
    assert trees(result.content) == [expected, *rest] or not result.changed
    assert edit(result.content, path, value).content == result.content


@relaxed
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        st.text("ab:-#&*!|>'\"{}[],?%@ \t\r\n~<.01", max_size=60).map(str.encode),
    ),
    st.one_of(st.sampled_from(["a", "a.b", "a[0]", "a[0].b", "0", "b.a.b"]), st.text(max_size=8)),
    values,
)
def test_any_bytes_are_edited_or_refused_and_never_raise_anything_else(content, path, value):
    try:
        result = edit(content, path, value)
    except EditRefused:
        return
    assert read_helm_value(result.content, path) == value
    assert not edit(result.content, path, value).changed


dotted_keys = st.lists(
    st.text(st.sampled_from("ab.-/"), min_size=1, max_size=6), min_size=1, max_size=4
)


@relaxed
@given(dotted_keys, st.booleans(), encodings, values)
def test_a_key_with_dots_is_found_and_made_behind_backslashes(keys, exists, how, value):
    lines = [f"{'  ' * depth}'{key}': # {depth}" for depth, key in enumerate(keys)]
    lines[-1] += " old" if exists else ""
    text = "\n".join(lines).replace(f"# {len(keys) - 1} old", "old # last") + "\n"
    content = encoded(text if exists else "other: 1\n", how)
    path = ".".join(key.replace(".", "\\.") for key in keys)
    result = edit(content, path, value)
    node = trees(result.content)[0]
    for key in keys:
        node = node[key]
    assert node == value
    assert read_helm_value(result.content, path) == value
    assert not exists or result.content.count(b"\n") == content.count(b"\n")
