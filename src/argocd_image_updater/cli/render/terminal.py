"""What the output can show: a terminal or not, how wide, colours, characters beyond ASCII.

Sources: https://no-color.org and https://force-color.org. Every text that came from outside passes
`printable` before it is shown, so that no tag or message can steer the terminal.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from argocd_image_updater.cli.logging import hide_user_information

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argocd_image_updater.core.reference import ImageTag

_MIN_WIDTH = 40  # below this a table cannot be read anyway
_MAX_WIDTH = 500  # a wider "terminal" is a misreported one
_DIGEST = re.compile(r"\b(sha256|sha512):([0-9a-f]{12})[0-9a-f]{20,}")
_STYLES = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "bold": 1, "dim": 2}


@dataclass(frozen=True, slots=True)
class Terminal:
    """One output. width: columns; only a terminal has a bound on it."""

    is_tty: bool = False
    width: int = 100
    colour: bool = False
    unicode: bool = True

    @property
    def arrow(self) -> str:
        return "→" if self.unicode else "->"

    @property
    def ellipsis(self) -> str:
        return "…" if self.unicode else "..."

    def paint(self, text: str, style: str) -> str:
        """Return `text` in a style, where colours are wanted."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text and style else text


def detect_terminal(stream: TextIO, environ: Mapping[str, str]) -> Terminal:
    """Return what `stream` can show."""
    is_tty = stream.isatty()
    columns = shutil.get_terminal_size((100, 24)).columns if is_tty else 100
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    return Terminal(
        is_tty=is_tty,
        width=min(max(columns, _MIN_WIDTH), _MAX_WIDTH),
        colour=_wants_colour(environ, is_tty=is_tty),
        unicode=encoding.startswith("utf"),
    )


def printable(text: str, *, keep: str = "") -> str:
    """Return foreign text without control characters and without user information in URLs.

    keep: control characters that may stay, such as line feeds.
    """
    shown = (c if c.isprintable() or c in keep else _visible(c) for c in text)
    return hide_user_information("".join(shown))


def tag_text(tag: ImageTag | None, terminal: Terminal) -> str:
    """Return a tag for people: a long digest is cut, a missing tag is a dash."""
    if tag is None or not (tag.name or tag.digest):
        return "-"
    return "@".join(shorten_digests(part, terminal) for part in (tag.name, tag.digest) if part)


def shorten_digests(text: str, terminal: Terminal) -> str:
    """Return printable text with long digests cut: ``sha256:0123456789ab…``."""
    return _DIGEST.sub(rf"\1:\2{terminal.ellipsis}", printable(text))


def _wants_colour(environ: Mapping[str, str], *, is_tty: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    return is_tty and environ.get("TERM", "") != "dumb"


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
