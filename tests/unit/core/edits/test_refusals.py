"""What is not edited, and how the refusal says so."""

import pytest

from argocd_image_updater.core.edits import yamltext
from argocd_image_updater.core.edits.helm_values import (
    ValueWrite,
    edit_helm_values,
    helm_value_writes,
    read_helm_value,
)
from argocd_image_updater.core.edits.result import EditRefused
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.reference import parse_image
from argocd_image_updater.core.settings import ImageSettings, ManifestTarget
from argocd_image_updater.errors import ConfigError


def edit(text, path="image.tag", value="v2", **options):
    content = text if isinstance(text, bytes) else text.encode()
    return edit_helm_values(content, [ValueWrite(path, value, "tag")], file="v.yaml", **options)


def refusal(text, path="image.tag", value="v2", **options):
    with pytest.raises(EditRefused) as caught:
        edit(text, path, value, **options)
    assert isinstance(caught.value, ConfigError)
    assert str(caught.value).startswith("v.yaml")
    return caught.value.reason, str(caught.value)


def test_text_that_is_not_utf_8_is_refused_with_its_line():
    reason, message = refusal(b"a: 1\nb: \xff\n")
    assert reason is Reason.TARGET_UNREADABLE
    assert message.startswith("v.yaml:2:")


def test_a_syntax_error_is_refused_with_its_line():
    reason, message = refusal("a: 1\nb: [1\nc: 2\n")
    assert reason is Reason.TARGET_UNREADABLE
    assert message.startswith("v.yaml:3: not valid YAML")


def test_a_control_character_is_refused():
    assert refusal("a: \x01\n")[0] is Reason.TARGET_UNREADABLE


def test_an_unknown_anchor_is_refused():
    assert "unknown anchor 'x'" in refusal("a: *x\n")[1]


def test_an_anchor_that_contains_itself_is_refused():
    assert "contains itself" in refusal("a: &x [*x]\n")[1]


def test_an_alias_bomb_is_refused():
    levels = "".join(
        f"l{number}: &l{number} [{', '.join([f'*l{number - 1}'] * 10)}]\n" for number in range(1, 9)
    )
    reason, message = refusal("l0: &l0 [lol]\n" + levels)
    assert reason is Reason.TARGET_UNREADABLE
    assert "aliases expand" in message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{"])
def test_deep_nesting_is_refused_before_it_costs_anything(opening):
    assert refusal(opening * 20_000)[0] is Reason.TARGET_UNREADABLE


def test_nesting_is_allowed_up_to_the_limit():
    depth = yamltext.MAX_DEPTH - 2
    assert edit("a: " + "[" * depth + "]" * depth + "\nimage: {tag: v1}\n").changed


def test_a_large_file_is_refused(monkeypatch):
    monkeypatch.setattr(yamltext, "MAX_SIZE_BYTES", 10)
    reason, message = refusal("image:\n  tag: v1\n")
    assert reason is Reason.TARGET_UNREADABLE
    assert "17 bytes" in message


def test_a_file_of_too_many_nodes_is_refused(monkeypatch):
    monkeypatch.setattr(yamltext, "MAX_EVENTS", 20)
    assert refusal("a: [" + "1, " * 30 + "]\n")[0] is Reason.TARGET_UNREADABLE


def test_a_key_that_stands_twice_on_the_way_is_refused_with_its_line():
    reason, message = refusal("image:\n  tag: v1\nimage:\n  tag: v2\n")
    assert reason is Reason.AMBIGUOUS
    assert message.startswith("v.yaml:4:")


def test_a_key_that_stands_twice_elsewhere_does_no_harm():
    assert edit("a: 1\na: 2\nimage: {tag: v1}\n").content == b"a: 1\na: 2\nimage: {tag: v2}\n"


def test_a_new_key_that_would_hide_a_merged_mapping_is_refused():
    text = "base: &b\n  image: {name: nginx, tag: v1}\nweb:\n  <<: *b\n"
    reason, message = refusal(text, "web.image.tag")
    assert reason is Reason.AMBIGUOUS
    assert "merge" in message


def test_a_merged_value_that_is_right_already_is_left_alone():
    text = "base: &b\n  tag: v2\nweb:\n  <<: *b\n"
    assert edit(text, "web.tag").changed is False
    assert read_helm_value(text.encode(), "web.tag") == "v2"


def test_a_value_shared_with_a_key_is_refused():
    assert refusal("&k tag: 1\nimage: {tag: *k}\n")[0] is Reason.AMBIGUOUS


def test_changes_through_an_anchor_are_told_and_can_be_refused():
    text = "a: &x v1\nimage: {tag: *x}\nlist: [*x]\n"
    assert edit(text).also_changed == ("a", "list[0]")
    reason, message = refusal(text, refuse_shared=True)
    assert reason is Reason.AMBIGUOUS
    assert "a, list[0]" in message


def test_a_change_in_more_places_than_anyone_reads_is_refused(monkeypatch):
    text = "a: &x v1\nlist: [" + "*x, " * 1500 + "]\n"
    assert refusal(text, "a")[0] is Reason.AMBIGUOUS


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", Reason.SETTINGS_INVALID),
        ("a..b", Reason.SETTINGS_INVALID),
        ("list[x].tag", Reason.SETTINGS_INVALID),
        ("list[1].tag", Reason.TARGET_MISSING),
        ("list[-1].tag", Reason.TARGET_MISSING),
        ("nolist[0].tag", Reason.TARGET_MISSING),
        ("list.tag", Reason.TARGET_MISMATCH),
        ("image[0].tag", Reason.TARGET_MISMATCH),
        ("image", Reason.TARGET_MISMATCH),
        ("image.tag.x", Reason.TARGET_MISMATCH),
        (".".join("a" * 100), Reason.SETTINGS_INVALID),
    ],
)
def test_a_path_that_does_not_fit_the_file_is_refused(path, reason):
    assert refusal("image:\n  tag: v1\nlist:\n- tag: v1\n", path)[0] is reason


def test_a_file_that_is_no_mapping_is_refused():
    assert refusal("- a\n")[0] is Reason.TARGET_MISMATCH
    assert refusal("text\n")[0] is Reason.TARGET_MISMATCH


def test_two_writes_through_one_new_value_are_refused():
    writes = [ValueWrite("a.b", "1", "tag"), ValueWrite("a.b.c", "2", "tag")]
    for order in (writes, writes[::-1]):
        with pytest.raises(EditRefused):
            edit_helm_values(b"x: 1\n", order, file="v.yaml")


def test_a_blank_path_in_the_settings_is_refused():
    image = Image(ManifestTarget(helm_spec="  "), "nginx:v2")
    with pytest.raises(EditRefused, match="blank"):
        helm_value_writes([image])


def test_a_value_without_tag_is_never_written():
    assert helm_value_writes([Image(ManifestTarget(helm_spec="a.b"), "nginx")]) == []
    written = helm_value_writes([Image(ManifestTarget(), "docker.io/nginx:v2")])
    assert written == [
        ValueWrite("image.tag", "v2", "tag"),
        ValueWrite("image.name", "docker.io/nginx", "name"),
    ]


class Image:
    running = ""

    def __init__(self, target, text):
        self.image = parse_image(text)
        self.settings = ImageSettings("", self.image, target=target)


@pytest.mark.parametrize(
    ("present", "wanted", "expected"),
    [
        ("acme/web", "ghcr.io/acme/web", "acme/web"),
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("docker.io/library/nginx", "nginx", "docker.io/library/nginx"),
        ("ghcr.io/acme/web", "quay.io/acme/web", "quay.io/acme/web"),
        ("nginx:1.0", "docker.io/nginx", "nginx"),
    ],
)
def test_a_name_keeps_the_spelling_of_the_file(present, wanted, expected):
    content = f"image:\n  name: {present}\n".encode()
    edited = edit_helm_values(content, [ValueWrite("image.name", wanted, "name")], file="v.yaml")
    assert read_helm_value(edited.content, "image.name") == expected


def test_reading_an_absent_or_empty_value_gives_nothing():
    for text in (b"", b"# c\n", b"a: 1\n", b"image:\n", b"image: {tag: }\n", b"image: {tag: {}}\n"):
        assert read_helm_value(text, "image.tag") is None
    assert read_helm_value(b"a: 1\n---\nimage: {tag: 1.20}\n", "image.tag") == "1.20"


def test_a_json_file_stays_json():
    edited = edit_helm_values(
        b'{"a":1}', [ValueWrite("image.tag", "\u2028\x7f", "tag")], file="v.json"
    )
    assert edited.content == b'{"a":1, "image": {"tag": "\\u2028\\u007f"}}'


def test_a_character_that_no_file_can_hold_is_refused():
    assert refusal("image: {tag: v1}\n", value="\ud800")[0] is Reason.AMBIGUOUS


@pytest.mark.parametrize(
    "text",
    [
        "one: &shared {tag: v1}\ntwo: *shared\n",
        "one: {tag: &shared v1}\ntwo: {tag: *shared}\n",
        "one: &shared {name: x}\ntwo: *shared\n",
        "one: {tag: &shared v2}\ntwo: {tag: *shared}\n",
    ],
)
def test_two_values_that_are_one_through_an_anchor_cannot_differ(text):
    writes = [ValueWrite("one.tag", "v2", "tag"), ValueWrite("two.tag", "v3", "tag")]
    with pytest.raises(EditRefused) as caught:
        edit_helm_values(text.encode(), writes, file="v.yaml")
    assert caught.value.reason is Reason.AMBIGUOUS
    assert "'one.tag' and 'two.tag'" in str(caught.value)
    same = [ValueWrite("one.tag", "v4", "tag"), ValueWrite("two.tag", "v4", "tag")]
    edited = edit_helm_values(text.encode(), same, file="v.yaml").content
    assert read_helm_value(edited, "one.tag") == read_helm_value(edited, "two.tag") == "v4"
