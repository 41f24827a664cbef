"""Writes the tables of docs/reference/cli.md from the flag table of the program.

``python tools/cli_reference.py`` rewrites the page between its markers; a test says when that is
due. Everything outside the markers is written by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from argocd_image_updater.cli import exit_codes
from argocd_image_updater.cli.flag import Flag, Kind, Section
from argocd_image_updater.cli.flags import FLAGS
from argocd_image_updater.cli.help_texts import HELP_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
_NOTHING = "\u2013"
_REGION = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(rendered(PAGE.read_text()))
    return 0


def rendered(page: str) -> str:
    """Return the page with every generated region made anew."""
    return _REGION.sub(lambda match: f"{match[1]}{_REGIONS[match[2]]()}{match[3]}", page)


def _commands() -> str:
    rows = [f"| `{words.usage}` | {words.summary} |" for words in HELP_OF.values()]
    return _table("| Command | Does |", rows).replace("bash|zsh|fish|powershell", "SHELL")


def _flags() -> str:
    return "\n".join(_section(section) for section in Section)


def _section(section: Section) -> str:
    rows = [_flag(flag) for flag in FLAGS if flag.section is section]
    header = "| Flag | Commands | Type | Default | Environment | Meaning |"
    return f"### {section}\n\n{_table(header, rows)}"


def _flag(flag: Flag) -> str:
    commands = ", ".join(name for name in HELP_OF if name in flag.commands)
    env = f"`{flag.env}`" if flag.env else _NOTHING
    cells = (f"`{flag.option}`", commands, _type(flag), _default(flag), env, flag.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(flag: Flag) -> str:
    if flag.choices:
        return ", ".join(f"`{word}`" for word in flag.choices if word)
    kind = "string, repeatable" if flag.kind is Kind.LIST else flag.kind.value
    allowed = flag.env_allowed
    return f"{kind}; environment {allowed.start} to {allowed.stop - 1}" if allowed else kind


def _default(flag: Flag) -> str:
    texts = {name: flag.default_text(name) for name in HELP_OF if name in flag.commands}
    common = flag.default_text("")
    others = [f"`{text}` in {name}" for name, text in texts.items() if text != common]
    first = common if flag.default_note else f"`{common}`"
    return "; ".join([first if common else _NOTHING, *others])


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in exit_codes.MEANING.items()]
    return _table("| Code | Meaning |", rows)


def _table(header: str, rows: list[str]) -> str:
    return "\n".join(_lines(header, rows)) + "\n"


def _lines(header: str, rows: list[str]) -> Iterator[str]:
    yield header
    yield "|" + "---|" * (header.count("|") - 1)
    yield from rows


_REGIONS: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "flags": _flags,
    "codes": _exit_codes,
}

if __name__ == "__main__":
    sys.exit(main())
