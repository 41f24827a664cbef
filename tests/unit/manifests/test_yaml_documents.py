import pytest

from argocd_image_updater.manifests.yaml_documents import (
    DEPTH_LIMIT,
    DOCUMENT_LIMIT,
    BrokenYaml,
    read_documents,
)


def value(text):
    [document] = read_documents(text)
    return document.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("yes", True),
        ("on", True),
        ("Off", False),
        ("n", False),
        ("'yes'", "yes"),
        ('"12"', "12"),
        ("~", None),
        ("12", 12),
        ("-7", -7),
        ("1_000", 1000),
        ("017", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("08", 8.0),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("12:30", "12:30"),
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("1" * 5000, "1" * 5000),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!Ref name", "name"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_a_scalar_is_read_as_kubernetes_tools_read_it(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_map_keys_are_always_text():
    assert value("{on: 1, 12: 2, null: 3, 1.5: 4}") == {"true": 1, "12": 2, "null": 3, "1.5": 4}


def test_aliases_and_merge_keys_are_followed():
    text = """
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one: {<<: *base, b: 5}
two: {<<: [*more, *base]}
three: *base
"""
    found = value(text)
    assert found["one"] == {"a": 1, "b": 5}
    assert found["two"] == {"b": 3, "c": 4, "a": 1}
    assert found["three"] == {"a": 1, "b": 2}


def test_documents_know_their_place():
    documents = list(read_documents("# head\na: 1\n---\n\n- b\n---\n---\nc: 3\n"))
    assert [item.value for item in documents] == [{"a": 1}, ["b"], None, {"c": 3}]
    assert [item.index for item in documents] == [0, 1, 2, 3]
    assert [item.line for item in documents if item.value is not None] == [2, 5, 8]


def test_items_of_a_list_know_their_lines():
    [document] = read_documents("kind: List\nitems:\n- a: 1\n  b: 2\n- a: 3\n")
    lines = [document.item_lines[id(item)] for item in document.value["items"]]
    assert lines == [3, 5]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: c: d\n", 2),
        ("a: [1, 2\nb: 3\n", 2),
        ("a: *nobody\n", 1),
        ("a: &a [*a]\n", 1),
        ("a: 1\n{x: y}: 2\n", 2),
        ("a: {{ .Values.tag }}\n", 1),
        ("a: 1\nb: \x07\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\nb: {<<: 3}\n", 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, line):
    with pytest.raises(BrokenYaml) as caught:
        list(read_documents(text))
    assert caught.value.line == line


def test_documents_before_a_broken_place_are_read():
    documents = read_documents("a: 1\n---\nb: c: d\n")
    assert next(documents).value == {"a": 1}
    with pytest.raises(BrokenYaml):
        next(documents)


def test_nesting_is_bounded():
    fits = "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT
    assert value(fits) is not None
    for opening in ("[" * 100_000, "{a: " * 100_000, "- " * 5_000):
        with pytest.raises(BrokenYaml):
            list(read_documents(opening))


def test_aliases_cannot_multiply_without_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(BrokenYaml, match="values"):
        list(read_documents("\n".join(lines)))


def test_merges_cannot_multiply_without_bound():
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    with pytest.raises(BrokenYaml, match="values"):
        list(read_documents("\n".join(lines)))


def test_the_number_of_documents_is_bounded():
    with pytest.raises(BrokenYaml, match="documents"):
        list(read_documents("---\n" * (DOCUMENT_LIMIT + 2)))
