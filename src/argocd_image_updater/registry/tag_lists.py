"""Put the pages of a tag list together: complete, or not at all.

Limits: pages, tags and bytes of one list, and pages in a row that bring nothing new, so that a
registry that always names another page cannot keep us busy. Tags stay as they are written and in
registry order.
"""

from __future__ import annotations

import msgspec

MAX_PAGES = 5_000  # a hundred tags a page, the smallest page size in use, makes half a million
MAX_TAGS = 1_000_000
MAX_PAGE_BYTES = 33_554_432
MAX_LIST_BYTES = 134_217_728
MAX_BARREN_PAGES = 10  # some registries filter a page empty; none does so ten times in a row


class TagListError(ValueError):
    """The answer is not a tag list, or one without end."""


class _Page(msgspec.Struct):
    tags: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    errors: list[msgspec.Raw] | None = None
    name: str | None = None


_PAGE = msgspec.json.Decoder(_Page)


class TagPages:
    """Collects the pages of one list and refuses to go round in circles."""

    def __init__(self, first_url: str) -> None:
        self._tags: list[str] = []
        self._seen: set[str] = set()
        self._urls = {first_url}
        self._size_bytes = 0
        self._barren = 0

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._tags)

    def add(self, body: bytes) -> None:
        """Add the tags of a page.

        Raises:
            TagListError: the page is no tag list, or the list is too large.
        """
        try:
            page = _PAGE.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise TagListError(f"the answer is not a tag list: {error}") from error
        if page.errors and not page.tags:
            raise TagListError("the answer holds errors in place of tags")
        if page.tags is msgspec.UNSET and page.name is None and self._size_bytes:
            # COMPAT: the first page may say nothing at all (registry_http_flow.json); a later one
            # that does would shorten the list.
            raise TagListError("a further page is no page of a tag list")
        tags = page.tags or []
        self._size_bytes += len(body)
        self._tags.extend(tags)
        if len(self._tags) > MAX_TAGS or self._size_bytes > MAX_LIST_BYTES:
            raise TagListError(f"the list is larger than {MAX_TAGS} tags or {MAX_LIST_BYTES} bytes")
        before = len(self._seen)
        self._seen.update(tags)
        self._barren = 0 if len(self._seen) > before else self._barren + 1

    def turn_to(self, url: str) -> None:
        """Note that the page at `url` comes next.

        Raises:
            TagListError: it was read already, or the list does not end.
        """
        if url in self._urls:
            raise TagListError("a link of the list leads back to a page that was read already")
        if self._barren >= MAX_BARREN_PAGES:
            raise TagListError(f"{MAX_BARREN_PAGES} pages in a row brought no new tag")
        if len(self._urls) >= MAX_PAGES:
            raise TagListError(f"the list has more than {MAX_PAGES} pages")
        self._urls.add(url)
