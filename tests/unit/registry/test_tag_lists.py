"""Pages of a tag list put together, and lists that do not end."""

import pytest

from argocd_image_updater.registry import tag_lists
from argocd_image_updater.registry.tag_lists import TagListError, TagPages


def test_tags_stay_as_they_are_and_in_order():
    pages = TagPages("1")
    pages.add(b'{"name": "x", "tags": ["b", "a", "b"]}')
    pages.turn_to("2")
    pages.add(b'{"tags": null}')
    assert pages.tags == ("b", "a", "b")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"tags": [1]}',
        b'{"errors": [{"code": "UNKNOWN"}]}',
        b'{"tags": "a"}',
        b'{"tags": ["a"]} x',
        b"<html>",
        b"[" * 100_000,
    ],
)
def test_what_is_no_tag_list_is_refused(body):
    with pytest.raises(TagListError):
        TagPages("1").add(body)


def test_a_page_is_never_read_twice():
    pages = TagPages("1")
    pages.turn_to("2")
    for url in ("1", "2"):
        with pytest.raises(TagListError):
            pages.turn_to(url)


def test_a_few_pages_may_bring_nothing_new():
    pages = TagPages("0")
    for number in range(1, tag_lists.MAX_BARREN_PAGES):
        pages.add(b'{"tags": []}')
        pages.turn_to(str(number))
    pages.add(b'{"tags": []}')
    with pytest.raises(TagListError):
        pages.turn_to("x")


def test_a_list_is_bounded(monkeypatch):
    monkeypatch.setattr(tag_lists, "MAX_TAGS", 2)
    with pytest.raises(TagListError):
        TagPages("1").add(b'{"tags": ["a", "b", "c"]}')
    monkeypatch.setattr(tag_lists, "MAX_PAGES", 1)
    with pytest.raises(TagListError):
        TagPages("1").turn_to("2")


def test_a_further_page_that_says_nothing_is_not_taken_for_an_empty_one():
    pages = TagPages("first")
    pages.add(b'{"name": "app", "tags": ["1.0"]}')
    with pytest.raises(TagListError):
        pages.add(b"{}")


@pytest.mark.parametrize("body", [b'{"name": "app", "tags": null}', b'{"name": "app"}'])
def test_a_further_page_without_tags_that_names_its_repository_is_empty(body):
    pages = TagPages("first")
    pages.add(b'{"name": "app", "tags": ["1.0"]}')
    pages.add(body)
    assert pages.tags == ("1.0",)
