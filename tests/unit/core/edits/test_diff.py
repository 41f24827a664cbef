"""Unified diffs as people read them."""

import difflib
import random

from argocd_image_updater.core.edits import diff
from argocd_image_updater.core.edits.diff import unified_diff

OLD = b"".join(b"line %d\n" % number for number in range(1, 21))


def test_a_changed_line_stands_with_three_lines_around_it():
    new = OLD.replace(b"line 10\n", b"line ten\n")
    assert unified_diff(OLD, new, file="x/values.yaml") == (
        "--- a/x/values.yaml\n+++ b/x/values.yaml\n@@ -7,7 +7,7 @@\n line 7\n line 8\n line 9\n"
        "-line 10\n+line ten\n line 11\n line 12\n line 13\n"
    )


def test_equal_contents_have_no_diff():
    assert unified_diff(OLD, OLD, file="x") == ""


def test_a_new_file_comes_from_nowhere():
    assert unified_diff(None, b"a: 1\nb: 2\n", file="x") == (
        "--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a: 1\n+b: 2\n"
    )


def test_a_missing_line_end_is_told():
    assert unified_diff(b"a: 1", b"a: 2", file="x").splitlines()[2:] == [
        "@@ -1 +1 @@",
        "-a: 1",
        "\\ No newline at end of file",
        "+a: 2",
        "\\ No newline at end of file",
    ]


def test_control_characters_are_visible_and_harmless():
    text = unified_diff(b"a: 1\r\n", b"a: \x1b[31m\xe2\x80\xae\xff\r\n", file="x\x1b")
    assert "-a: 1\\r\n" in text
    assert "+a: \\x1b[31m\\x202e\ufffd\\r\n" in text
    assert "\x1b" not in text


def test_hunks_are_those_of_the_standard_library():
    draw = random.Random(7)
    for _ in range(200):
        old = [f"{draw.randint(0, 5)}\n" for _ in range(draw.randint(0, 30))]
        new = [line for line in old if draw.random() > 0.1]
        for _ in range(draw.randint(0, 3)):
            new.insert(draw.randint(0, len(new)), "new\n")
        text = unified_diff("".join(old).encode(), "".join(new).encode(), file="x")
        assert applied(old, text) == new
        expected = difflib.unified_diff(old, new)
        assert text.count("\n+") - 1 <= sum(line.startswith("+") for line in expected) + len(old)


def applied(old, text):
    """Apply the diff's hunks to the old lines."""
    result, position = [], 0
    for line in text.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            first, _, count = line.split()[1][1:].partition(",")
            start = int(first) - (0 if count == "0" else 1)
            result += old[position:start]
            position = start
        elif line[0] == "+":
            result.append(line[1:])
        else:
            assert old[position] == line[1:]
            result += [line[1:]] if line[0] == " " else []
            position += 1
    return result + old[position:]


def test_a_long_span_is_shown_as_one_replacement(monkeypatch):
    monkeypatch.setattr(diff, "MAX_COMPARED_LINES", 10)
    old = [f"{number}\n" for number in range(50)]
    text = unified_diff("".join(old).encode(), "".join(reversed(old)).encode(), file="x")
    assert applied(old, text) == old[::-1]


def test_a_long_diff_is_cut(monkeypatch):
    monkeypatch.setattr(diff, "MAX_DIFF_CHARS", 100)
    text = unified_diff(OLD, OLD.upper(), file="x")
    assert len(text) < 140
    assert text.endswith("… (the diff is longer)\n")
