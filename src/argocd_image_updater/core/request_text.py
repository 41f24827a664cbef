"""Title and body of a pull request: the commit message, a table, the diff, and the marker.

Whatever comes from an image (labels) is shown only where it has the form of what it should be, for
images are made by others.

Source of the rules: docs/pull-requests.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argocd_image_updater.core.pull_requests import RequestText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argocd_image_updater.core.application import ObjectKey
    from argocd_image_updater.core.decisions import Change
    from argocd_image_updater.core.pull_requests import Marker

# What GitHub accepts; others accept more.
TITLE_CHARACTERS = 255
BODY_CHARACTERS = 65_536
SOURCE_LABEL = "org.opencontainers.image.source"
REVISION_LABEL = "org.opencontainers.image.revision"

_LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/-]*)?")
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_LINK_CHARACTERS = 300
_CUT = "\n\n(cut: the rest is too long for a request)\n"
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Row:
    """One changed image of one Application."""

    application: ObjectKey
    change: Change


def request_text(
    message: str, rows: Sequence[Row], *, default_title: str, diff: str, marker: Marker | str
) -> RequestText:
    """Return the text of a request for changes whose commit message is `message`."""
    first, _, rest = message.partition("\n")
    title = first.strip() or default_title
    head = "\n\n".join(part for part in (rest.strip(), _table(rows)) if part)
    tail = f"\n\n{marker}\n"
    room = BODY_CHARACTERS - len(tail)
    body = _cut(head, room)
    details = _details(diff)
    if details and len(body) + len(details) <= room:
        body += details
    return RequestText(title[:TITLE_CHARACTERS].strip(), body + tail)


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


def _details(diff: str) -> str:
    """Return the diff, folded away, in a fence that nothing in it can close."""
    if not diff:
        return ""
    longest = max(map(len, _BACKTICKS.findall(diff)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if diff.endswith("\n") else "\n"
    return (
        "\n\n<details><summary>Changes in files</summary>\n\n"
        f"{fence}diff\n{diff}{end}{fence}\n\n</details>"
    )


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - len(_CUT)] + _CUT
