"""How a string is written as a YAML scalar so that every reader gets exactly that string.

Invariant: a text is written plain only if YAML 1.1 and YAML 1.2 readers both take it for that very
string: no number, boolean, null or date of either version, no indicator, no blank at an end.
Sources: https://yaml.org/type/ (1.1), https://yaml.org/spec/1.2.2/#103-core-schema (1.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Deliberately a little wider than either version: a needless quote is harmless, a lost one is not.
_AMBIGUOUS = re.compile(
    r"""(?:
      ~ | null | true | false | yes | no | on | off | y | n | = | <<
    | [-+]? 0b [01_]+                                         # binary, 1.1
    | [-+]? 0o? [0-7_]+                                       # octal, both spellings
    | [-+]? 0x [0-9a-f_]+ (?: \.[0-9a-f_]* )? (?: p [-+]? [0-9]+ )?
    | [-+]? [0-9] [0-9_]*                                     # decimal, 1.1 with underscores
    | [-+]? (?: [0-9] [0-9_]* )? \. [0-9_]* (?: e [-+]? [0-9_]+ )?
    | [-+]? [0-9] [0-9_]* e [-+]? [0-9_]+
    | [-+]? [0-9] [0-9_]* (?: :[0-5]?[0-9] )+ (?: \.[0-9_]* )?  # sexagesimal, 1.1
    | [-+]? \. (?: inf | nan )
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}                          # date
      (?: (?: t | [ \t]+ ) [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2} (?: \.[0-9]* )?
          (?: [ \t]* (?: z | [-+][0-9]{1,2} (?: :?[0-9]{2} )? ) )? )?
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# What libyaml takes as printable and does not treat as a line break.
_PRINTABLE = re.compile(
    "[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)
_LINES = re.compile(
    "[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)
# What needs no escape in files of our own: printable, and of the basic plane.
_BASIC = re.compile("[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")
_FIRST_INDICATORS = frozenset("!&*|>%@`\"'#,[]{}")
_FIRST_IF_BLANK_FOLLOWS = frozenset("-?:")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}

_SHORT_ESCAPES = _ESCAPES | {
    "\0": "\\0",
    "\a": "\\a",
    "\v": "\\v",
    "\x1b": "\\e",
    "\x85": "\\N",
    "\u2028": "\\L",
    "\u2029": "\\P",
}
_ESCAPE_WIDTHS = ((2, "x"), (4, "u"), (8, "U"))


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean of ours (``forceString``), written as the word."""

    value: bool

    @property
    def text(self) -> str:
        return "true" if self.value else "false"


Scalar = str | Flag


def is_ambiguous(text: str) -> bool:
    """Tell whether some YAML reader takes the plain text for something else than a string."""
    return not text or _AMBIGUOUS.fullmatch(text) is not None


def is_plain_syntax(text: str, *, flow: bool = False, colons: bool = False) -> bool:
    """Tell whether the text can stand without quotes.

    flow: inside ``{}`` or ``[]``; there colons count as unsafe unless `colons` says that the file
    writes them plain already.
    """
    if not text or not _PRINTABLE.fullmatch(text) or "\t" in text:
        return False
    if text[0] in _FIRST_INDICATORS or text != text.strip():
        return False
    if text[0] in _FIRST_IF_BLANK_FOLLOWS and (len(text) == 1 or text[1] == " "):
        return False
    if text.startswith(("---", "...")) or ": " in text or " #" in text or text.endswith(":"):
        return False
    if not flow:
        return True
    unsafe = ",[]{}?" if colons else ",[]{}?:"
    return text[0] not in "-?:" and not any(character in unsafe for character in text)


def is_plain(text: str, *, flow: bool = False, colons: bool = False) -> bool:
    """Tell whether the plain text reads back as exactly that string everywhere."""
    return is_plain_syntax(text, flow=flow, colons=colons) and not is_ambiguous(text)


def double_quoted(text: str) -> str:
    """Return the text in double quotes, with escapes that are valid in JSON too."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _PRINTABLE.fullmatch(character):
        return character
    return f"\\u{ord(character):04x}"  # everything above the basic plane is printable


def single_quoted(text: str) -> str | None:
    """Return the text in single quotes, None if it cannot be written so on one line."""
    if not _PRINTABLE.fullmatch(text):
        return None
    return "'" + text.replace("'", "''") + "'"


def literal_lines(text: str) -> list[str] | None:
    """Return the lines of a ``|-`` block that reads back as the text, None if there is none."""
    if not _LINES.fullmatch(text) or text != text.strip(" \t\n") or not text:
        return None
    return None if " \n" in text else text.split("\n")


def literal_block(text: str) -> tuple[str, list[str]] | None:
    """Return header and lines of a block for a text of several lines, None if there is none."""
    lines = literal_lines(text.removesuffix("\n")) if "\n" in text else None
    return None if lines is None else ("|" if text.endswith("\n") else "|-", lines)


def restyled(text: str, *, style: str | None, flow: bool, old: str) -> str:
    """Return the text in the style of the scalar it replaces (`style` as libyaml names it)."""
    if style == "'":
        return single_quoted(text) or double_quoted(text)
    if style == '"':
        return double_quoted(text)
    plain = is_plain(text, flow=flow, colons=":" in old)
    return text if plain else double_quoted(text)


def canonical(text: str, *, flow: bool = False) -> str:
    """Return the one-line form that files of our own use.

    Plain when safe; double quotes when a reader would take it for another type or a control
    character is in it; single quotes when only the syntax demands quotes.
    """
    # COMPAT: escapes as the usual YAML writers choose them (argocd_source_file.json).
    if is_ambiguous(text) or "\t" in text or not _BASIC.fullmatch(text):
        return '"' + "".join(_canonically_escaped(character) for character in text) + '"'
    if is_plain_syntax(text, flow=flow):
        return text
    return single_quoted(text) or double_quoted(text)


def _canonically_escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT_ESCAPES or _BASIC.fullmatch(character):
        return _SHORT_ESCAPES.get(character, character)
    width, letter = next(pair for pair in _ESCAPE_WIDTHS if code < 16 ** pair[0])
    return f"\\{letter}{code:0{width}X}"
