"""Title and body of a pull request: the commit message, a table, the diff, and the marker.

Whatever comes from an image (labels) is shown only where it has the form of what it should be, for
images are made by others.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.pull_requests import (
    SUPERSEDED,
    RequestText,
    TextForm,
    hidden,
    read_marker,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Change
    from argocd_image_updater.core.pull_requests import Marker, PullRequestFacts

TITLE_CHARACTERS = 255  # what GitHub accepts; others accept more
ANY_FORM = TextForm()
SOURCE_LABEL = "org.opencontainers.image.source"
REVISION_LABEL = "org.opencontainers.image.revision"

_LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/-]*)?")
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_LINK_CHARACTERS = 300
_CUT = "\n\n(cut: the rest is too long for a request)\n"
_DIFF_TITLE = "Changes in files"
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Row:
    """One changed image of one Application."""

    application: ObjectKey
    change: Change


def request_text(
    message: str,
    rows: Sequence[Row],
    *,
    default_title: str,
    diff: str,
    marker: Marker,
    form: TextForm = ANY_FORM,
) -> RequestText:
    """Return the text of a request for changes whose commit message is `message`."""
    first, _, rest = message.partition("\n")
    title = first.strip() or default_title
    head = "\n\n".join(part for part in (rest.strip(), _table(rows)) if part)
    tail = _hidden_end(str(marker), form)
    room = form.body_characters - len(tail)
    body = _cut(head, room)
    details = _details(diff, form)
    if details and _length(body) + _length(details) <= room:
        body += details
    return RequestText(title[:TITLE_CHARACTERS].strip(), body + tail)


def superseded_text(request: PullRequestFacts, form: TextForm) -> RequestText:
    """Return the text of a request that another one replaces; its marker stays."""
    marker = read_marker(request.body)
    end = _hidden_end(SUPERSEDED, form)
    if _length(request.body) + len(end) > form.body_characters and marker:
        end = _hidden_end(str(marker), form) + end
    return RequestText(request.title, _cut(request.body, form.body_characters - len(end)) + end)


def _hidden_end(text: str, form: TextForm) -> str:
    return f"\n\n{hidden(text, form)}\n"


def _table(rows: Sequence[Row]) -> str:
    lines = ["| Application | Image | From | To | Source |", "|---|---|---|---|---|"]
    lines += [
        "| " + " | ".join(map(_cell, _columns(row.application, row.change))) + " |" for row in rows
    ]
    return "\n".join(lines)


def _columns(application: ObjectKey, change: Change) -> tuple[str, ...]:
    return (
        str(application),
        _code(change.image),
        _code(_short(change.old.text) or "none"),
        _code(_short(change.new.text)),
        _source(change),
    )


def _source(change: Change) -> str:
    """Return a link to where the image was built from, if its labels tell."""
    link = change.labels.get(SOURCE_LABEL, "").removesuffix(".git").rstrip("/")
    if len(link) > _LINK_CHARACTERS or not _LINK.fullmatch(link):
        return ""
    revision = change.labels.get(REVISION_LABEL, "")
    if not _REVISION.fullmatch(revision):
        return f"[source]({link})"
    return f"[{revision[:12]}]({link}/commit/{revision})"


def _short(tag: str) -> str:
    """Return a tag whose digest, if it has one, is shortened."""
    name, mark, digest = tag.rpartition("sha256:")
    return f"{name}{mark}{digest[:12]}" if mark else tag


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _details(diff: str, form: TextForm) -> str:
    """Return the diff, folded away where that can be, in a fence that nothing in it can close."""
    if not diff:
        return ""
    longest = max(map(len, _BACKTICKS.findall(diff)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if diff.endswith("\n") else "\n"
    block = f"{fence}diff\n{diff}{end}{fence}"
    if not form.html:
        return f"\n\n**{_DIFF_TITLE}**\n\n{block}"
    return f"\n\n<details><summary>{_DIFF_TITLE}</summary>\n\n{block}\n\n</details>"


def _length(text: str) -> int:
    """Return the length as forges count it: what is beyond 16 bits counts twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str, room: int) -> str:
    if _length(text) <= room:
        return text
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * (room - len(_CUT))]
    return units.decode("utf-16-le", "ignore") + _CUT
