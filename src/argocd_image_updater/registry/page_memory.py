"""Pages that a registry need not send again: it is asked whether they have changed.

Rules: 1. a page is remembered with its ``ETag``, else with its ``Last-Modified`` where that is
older than the answer by `SETTLED_S`, because a list may change twice in the second that it names;
2. who asks is a part of the key, so nobody is answered from a page of somebody else; 3. a page that
was found elsewhere than where it was asked for is not remembered, nor one that cannot be read;
4. "not modified" counts only as the answer to our question about this page; 5. after `REREAD_S` a
page is read in whole, so that a server whose ``ETag`` does not change with the content is found
out; 6. memory is bounded in bytes, and the page that was of use longest ago goes first. Nothing
here survives the process.
Source: RFC 9110, sections 8.8 and 13.1.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from argocd_image_updater.core.facts import Failure, FailureKind
from argocd_image_updater.registry.transport import Response, safe_url

if TYPE_CHECKING:
    from argocd_image_updater.net.timing import Timing
    from argocd_image_updater.registry.api import Api
    from argocd_image_updater.registry.endpoint import Credentials

MEMORY_BYTES = 67_108_864  # some thousand long tag lists
PAGE_BYTES = 8_388_608  # one page may not push out all others
OVERHEAD_BYTES = 2_048  # of one page, for its headers and its place here
REREAD_S = 3_600.0
SETTLED_S = 60.0

_OK = 200
_NOT_MODIFIED = 304
_VALIDATOR = re.compile(r"[!-~]{1,256}")  # some servers leave the quotes out, so any text will do

PageKey = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One remembered page. conditions: header lines that ask whether it has changed."""

    response: Response
    conditions: tuple[tuple[str, str], ...]
    until: float

    @property
    def size_bytes(self) -> int:
        """What it costs to remember."""
        return len(self.response.body) + OVERHEAD_BYTES


class PageMemory:
    """All remembered pages of the process."""

    def __init__(self, timing: Timing, *, limit_bytes: int = MEMORY_BYTES) -> None:
        self._timing = timing
        self._limit_bytes = limit_bytes
        self._pages: OrderedDict[PageKey, Page] = OrderedDict()
        self.size_bytes = 0

    def recall(self, key: PageKey) -> Page | None:
        """Return what is remembered; None where the page is to be read in whole."""
        page = self._pages.get(key)
        if page is not None and self._timing.monotonic() >= page.until:
            self.forget(key)
            return None
        return page

    def learn(self, key: PageKey, asked: Page | None, response: Response) -> Response | Failure:
        """Return the answer to use for what came back, and remember it if it can be.

        asked: the page whose conditions went along.
        """
        if response.status == _NOT_MODIFIED:
            if asked is None or response.url != asked.response.url:
                return unasked(response)
            if key in self._pages:
                self._pages.move_to_end(key)
            return asked.response
        self.forget(key)
        conditions = read_conditions(response) if response.status == _OK else ()
        page = Page(response, conditions, self._timing.monotonic() + REREAD_S)
        if conditions and response.url == key[0] and page.size_bytes <= PAGE_BYTES:
            self._pages[key] = page
            self.size_bytes += page.size_bytes
            while self.size_bytes > self._limit_bytes:
                self.forget(next(iter(self._pages)))
        return response

    def forget(self, key: PageKey) -> None:
        """Read a page in whole the next time."""
        page = self._pages.pop(key, None)
        if page is not None:
            self.size_bytes -= page.size_bytes


def page_key(url: str, accept: tuple[str, ...], *, api: Api, credentials: Credentials) -> PageKey:
    """Return the key of what a request reads: what is asked, on which way, and by whom."""
    return (url, accept, api.tls, api.route, credentials)


def unasked(response: Response) -> Failure:
    """Return the failure for "not modified" where nobody asked for that."""
    message = f"{safe_url(response.url)}: status 304 although no earlier answer was asked about"
    return Failure(FailureKind.TRANSIENT, message)


def is_not_modified(response: Response) -> bool:
    """Tell whether an answer says that nothing has changed."""
    return response.status == _NOT_MODIFIED


def read_conditions(response: Response) -> tuple[tuple[str, str], ...]:
    """Return the header lines that ask whether an answer has changed; none where it cannot be."""
    tag = response.header("ETag")
    if tag:
        usable = _VALIDATOR.fullmatch(tag) and tag != "*"
        return (("If-None-Match", tag),) if usable else ()
    modified = response.header("Last-Modified")
    settled = modified and _age_s(modified, response.header("Date")) >= SETTLED_S
    return (("If-Modified-Since", modified),) if settled else ()


def _age_s(modified: str, now: str) -> float:
    """Return by how much an answer is younger than its content, by the clock of the server."""
    try:
        return parsedate_to_datetime(now).timestamp() - parsedate_to_datetime(modified).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
