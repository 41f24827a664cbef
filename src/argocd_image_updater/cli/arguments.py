"""The order and spelling of command-line words, before they are parsed.

Pure. Two habits of Go programs are kept, because shipped Deployments rely on them:

1. Flags may stand before the command: ``--metrics-bind-address=:8443 run``. There a flag takes the
   next word as its value, so a boolean needs ``=true``.
2. A boolean is ``--flag`` or ``--flag=value``; a separate word after it is never its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from argocd_image_updater.cli.flag import Flag

HELP_WORDS = ("-h", "--help")
_SUGGESTION_CUTOFF = 0.6  # the usual bound of "did you mean": lower guesses wildly


class UsageError(ConfigError):
    """The command line itself is wrong; shown together with the usage of `command`."""

    def __init__(self, message: str, *, command: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.command = command


def put_command_first(words: Sequence[str], flags: Mapping[str, Flag]) -> list[str]:
    """Return the words with the command in front and the flags that preceded it after it.

    Without a command the words come back as they are.
    """
    leading: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        if not word.startswith("-"):
            return [word, *leading, *words[position + 1 :]]
        leading.append(word)
        position += 1
        if word not in HELP_WORDS and "=" not in word:
            _refuse_bare_boolean(word, flags)
            leading.extend(words[position : position + 1])
            position += 1
    return leading


def join_booleans(words: Sequence[str], flags: Mapping[str, Flag]) -> list[str]:
    """Return the words with each bare boolean ``--flag`` written as ``--flag=true``."""
    joined: list[str] = []
    rest = iter(words)
    for word in rest:
        flag = flags.get(word.removeprefix("--")) if word.startswith("--") else None
        if word == "--":
            return [*joined, word, *rest]
        if flag is not None and flag.is_bool:
            joined.append(f"{word}=true")
            continue
        joined.append(word)
        if flag is not None:
            joined.extend(value for value in [next(rest, None)] if value is not None)
    return joined


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, or an empty text."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=_SUGGESTION_CUTOFF)
    return found[0] if found else ""


def _refuse_bare_boolean(word: str, flags: Mapping[str, Flag]) -> None:
    flag = flags.get(word.removeprefix("--"))
    if flag is not None and flag.is_bool:
        raise UsageError(
            f"{word} before the command needs its value: write {word}=true, or put {word} after "
            "the command",
        )
