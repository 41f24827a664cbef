"""When tags were pushed, where a registry tells it: the pages of such a list put together.

The distribution specification knows no such time. Two kinds of registries tell it to whoever may
list tags: those of Google add a map of manifests to the tag list itself, with the time when each
was uploaded (also registry.k8s.io, so the answer decides and not the name of the host), and Azure
Container Registry has a list of its own, with the time of each tag's last change. Both times are of
the registry's clock; what an image says of itself is not read. Limits are those of tag lists.

Source: https://learn.microsoft.com/en-us/rest/api/containerregistry/tag/get-list and
https://pkg.go.dev/github.com/google/go-containerregistry/pkg/v1/google#Tags; docs/minimum-age.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from argocd_image_updater.core.facts import Failure, FailureKind, Pushed
from argocd_image_updater.registry.api import is_digest
from argocd_image_updater.registry.tag_lists import TagListError, TagPages
from argocd_image_updater.registry.timestamps import parse_created

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from argocd_image_updater.core.facts import PushTimes
    from argocd_image_updater.registry.api import Api

_NS_PER_MS = 1_000_000
_MAX_DIGITS = 15  # of milliseconds since 1970: 30,000 years
_PAGE_SIZE, _AZURE_PAGE_SIZE = 1_000, 100  # the largest that they are known to accept


class _GoogleManifest(msgspec.Struct):
    tag: list[str] = []
    time_uploaded_ms: str | int = msgspec.field(default="", name="timeUploadedMs")


class _GooglePage(msgspec.Struct):
    manifest: dict[str, _GoogleManifest] = {}


class _AzureTag(msgspec.Struct):
    name: str
    digest: str = ""
    last_update_time: str = msgspec.field(default="", name="lastUpdateTime")


class _AzurePage(msgspec.Struct):
    tags: list[_AzureTag] | None = None


_GOOGLE = msgspec.json.Decoder(_GooglePage)
_AZURE = msgspec.json.Decoder(_AzurePage)


class PushPages:
    """Collects the pages of one repository; ask `first_url`, add each page, turn to the next."""

    def __init__(self, api: Api, repository: str) -> None:
        self._is_azure = api.is_azure
        azure_url = f"{api.base}/acr/v1/{repository}/_tags"
        self.list_url = azure_url if api.is_azure else api.url(f"{repository}/tags/list")
        page_size = _AZURE_PAGE_SIZE if api.is_azure else _PAGE_SIZE
        self.first_url = f"{self.list_url}?n={page_size}"
        self._pages = TagPages(self.first_url)
        self.found: dict[str, Pushed] = {}

    @property
    def tells(self) -> bool:
        """Whether the registry tells times; of a repository without tags there are none."""
        return bool(self.found) or not self._pages.tags

    def add(self, body: bytes) -> None:
        """Add what a page tells.

        Raises:
            TagListError: it is no page of such a list, or the list is too large.
        """
        try:
            if self._is_azure:
                self._add_azure(body)
            else:
                self._add_google(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise TagListError(f"the answer is not a list of tags with times: {error}") from error

    def turn_to(self, url: str) -> None:
        """Note that the page at `url` comes next.

        Raises:
            TagListError: it was read already, or the list does not end.
        """
        self._pages.turn_to(url)

    def _add_google(self, body: bytes) -> None:
        self._pages.add(body)
        for digest, manifest in _GOOGLE.decode(body).manifest.items():
            self._note(manifest.tag, digest, _milliseconds(manifest.time_uploaded_ms))

    def _add_azure(self, body: bytes) -> None:
        tags = _AZURE.decode(body).tags or []
        # the bounds of a tag list, with its names
        self._pages.add(msgspec.json.encode({"name": "", "tags": [item.name for item in tags]}))
        for item in tags:
            self._note([item.name], item.digest, parse_created(item.last_update_time))

    def _note(self, tags: list[str], digest: str, pushed_ns: int | None) -> None:
        if pushed_ns is not None and is_digest(digest):
            self.found.update(dict.fromkeys(tags, Pushed(digest, pushed_ns)))


class PushTimesOnce:
    """Asks registries, and those that do not tell only once. counts: what was asked."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._untold: dict[str, Failure] = {}

    async def answer(
        self, place: str, ask: Callable[[], Awaitable[PushTimes | Failure]]
    ) -> PushTimes | Failure:
        """Return the answer about a repository. place: name of registry and repository."""
        untold = self._untold.get(place)
        if untold is not None:
            return untold
        self._counts["push times"] += 1
        found = await ask()
        if isinstance(found, Failure) and found.kind is FailureKind.UNTOLD:
            self._untold[place] = found
        return found


def _milliseconds(value: Any) -> int | None:
    """Return the nanoseconds of a number of milliseconds, which Google writes as text."""
    text = str(value)
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) * _NS_PER_MS if is_number and int(text) else None
